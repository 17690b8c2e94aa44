"""Published episodes through the real graph: what their gold actions do to a shop's database."""

import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from pointsman.errors import TicketClosed
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Reject, Ticket
from tests.retail.episodes import Episode, answer, apply_directly, retail_team
from tests.retail.shop import RetailShop, canonical, first_difference
from tests.retail.tools import HANDOVER, changed

NewShop = Callable[[str], RetailShop]


@dataclass
class Tally:
    """What a replay saw."""

    episodes: int = 0
    actions: int = 0
    writes: int = 0
    asked: int = 0
    executed: int = 0
    refused: int = 0
    """By the shop, in the replay and directly alike."""
    delivered_again: int = 0


class Replay:
    """Plays episodes through a team, and directly on a shop beside it, and compares."""

    def __init__(self, team: Team, shop: RetailShop, direct: RetailShop) -> None:
        self.team = team
        self.shop = shop
        self.direct = direct
        self.tally = Tally()

    async def play(self, episode: Episode) -> None:
        """One episode: its run to the end, every delivery a second time, and the comparison."""
        written = len(self.shop.journal())
        said = apply_directly(self.direct, episode)
        result, asked = await self._to_the_end(episode)
        refused = sum(text.startswith("Refused: ") for text in said)
        assert result.answer == answer(episode.id, len(episode.actions), refused)
        self._asked_each_once(episode, asked)
        await self._did_each_once(episode, result, written, said)
        await self._again(episode, result, asked)
        assert first_difference(self.shop.state(), self.direct.state()) == ""
        self._count(episode, asked, written)

    async def deliver(self, episode: Episode) -> Result:
        """The message arrives (again)."""
        return await self.team.run(
            episode.message, thread=f"customer-{episode.id}", message_id=f"message-{episode.id}"
        )

    async def _to_the_end(self, episode: Episode) -> tuple[Result, list[Ticket]]:
        """Approve what is asked until the run ends; the result and every ticket in turn."""
        result = await self.deliver(episode)
        asked: list[Ticket] = []
        while result.status == "waiting":
            (ticket,) = result.tickets
            asked.append(ticket)
            assert [t.id for t in (await self.deliver(episode)).tickets] == [ticket.id]
            before = self.shop.rows()
            came = await self.team.decide(ticket, Approve(by="gold"))
            assert isinstance(came, Result)
            result = came
            self._did_what_it_showed(ticket, before)
        assert result.status == "done", result
        return result, asked

    def _did_what_it_showed(self, ticket: Ticket, before: dict[tuple[str, str], str]) -> None:
        """The write changed exactly what its ticket's preview said."""
        now = self.shop.rows()
        real = {
            (f"{at[1]} {field}", canonical(was), canonical(then))
            for at, text in now.items()
            if text != before[at]
            for field, was, then in changed(json.loads(before[at]), json.loads(text))
        }
        shown = {(c.what, canonical(c.before), canonical(c.after)) for c in ticket.changes}
        assert real == shown, ticket.preview

    def _asked_each_once(self, episode: Episode, asked: Sequence[Ticket]) -> None:
        """One ticket a write of the gold list, in its order, with its arguments."""
        tickets = [(ticket.tool, canonical(ticket.args)) for ticket in asked]
        assert tickets == [(action.tool, canonical(action.args)) for action in episode.writes]

    async def _did_each_once(
        self, episode: Episode, result: Result, written: int, said: Sequence[str]
    ) -> None:
        """One call of the shop for each write, in order, and its own words on the ticket."""
        gold = [(a.tool, canonical(a.args)) for a in episode.actions if a.written]
        calls = self.shop.journal()[written:]
        assert [(call.tool, call.args) for call in calls] == gold
        tickets = await self.team.tickets(status=None, run=result.run)
        words = [text for a, text in zip(episode.actions, said, strict=True) if a.written]
        assert len(tickets) == len(words)
        for ticket, text in zip(tickets, words, strict=True):
            assert ticket.status == ("failed" if text.startswith("Refused: ") else "executed")
            assert ticket.outcome.endswith(text)
            assert ticket.by == ("gold" if ticket.stakes == "high" else "policy:to people")

    async def _again(self, episode: Episode, result: Result, asked: Sequence[Ticket]) -> None:
        """The message, every decision and the resume arrive a second time: nothing changes."""
        before = self.shop.state()
        assert await self.deliver(episode) == result
        for ticket in asked:
            for late in (Approve(by="late"), Reject(by="late")):
                with pytest.raises(TicketClosed, match="gold"):
                    await self.team.decide(ticket, late)
        assert await self.team.resume(result.run) == result
        assert first_difference(self.shop.state(), before) == ""
        self.tally.delivered_again += 2 + 3 * len(asked)

    def _count(self, episode: Episode, asked: Sequence[Ticket], written: int) -> None:
        calls = [c for c in self.shop.journal()[written:] if c.tool != HANDOVER]
        self.tally.episodes += 1
        self.tally.actions += len(episode.actions)
        self.tally.writes += len(episode.writes)
        self.tally.asked += len(asked)
        self.tally.executed += len([call for call in calls if not call.refused])
        self.tally.refused += len([call for call in calls if call.refused])


@pytest.mark.timeout(600)
async def test_every_gold_action_through_the_graph(
    episodes: tuple[Episode, ...], new_shop: NewShop, tmp_path: Path
) -> None:
    """All episodes on one database: each write asked once and called once, what is refused refused
    alike, every second delivery without effect, and the database equal to the actions' own."""
    shop, direct = new_shop("shop"), new_shop("direct")
    team = retail_team(tmp_path / "home", shop, episodes)
    async with team:
        replay = Replay(team, shop, direct)
        for episode in episodes:
            await replay.play(episode)
    sys.stdout.write(f"{asdict(replay.tally)}\n")
    assert replay.tally.asked == replay.tally.writes == sum(len(e.writes) for e in episodes)
    assert replay.tally.executed + replay.tally.refused == replay.tally.writes
    assert replay.tally.executed > replay.tally.writes / 2

    before = shop.state()
    later = list(episodes)
    random.Random(3).shuffle(later)
    async with retail_team(tmp_path / "home", shop, episodes) as team:
        replay = Replay(team, shop, direct)
        for episode in later:
            assert (await replay.deliver(episode)).status == "done"
        assert await team.tickets() == ()
    assert first_difference(shop.state(), before) == ""


async def alone(episodes: Sequence[Episode], new_shop: NewShop, tmp_path: Path) -> Tally:
    """Each episode on a shop as published, as its gold actions were meant."""
    shop, direct = new_shop("shop"), new_shop("direct")
    async with retail_team(tmp_path / "home", shop, episodes) as team:
        replay = Replay(team, shop, direct)
        for episode in episodes:
            new_shop("shop")
            new_shop("direct")
            await replay.play(episode)
    sys.stdout.write(f"{asdict(replay.tally)}\n")
    return replay.tally


async def test_some_episodes_on_a_shop_of_their_own(
    episodes: tuple[Episode, ...], new_shop: NewShop, tmp_path: Path
) -> None:
    """On the data it was written for, no gold write is refused: each is asked and done once."""
    chosen = random.Random(5).sample(episodes, 16)
    tally = await alone(chosen, new_shop, tmp_path)
    assert (tally.executed, tally.refused) == (tally.writes, 0)
    assert tally.writes > len(chosen) / 2


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_episode_on_a_shop_of_its_own(
    episodes: tuple[Episode, ...], new_shop: NewShop, tmp_path: Path
) -> None:
    """The same for all of them. Two gold actions are against the policy even so: an exchange of a
    pending order (64), and one of 21.10 USD on a gift card of 17.00 (105)."""
    tally = await alone(episodes, new_shop, tmp_path)
    assert (tally.executed, tally.refused) == (tally.writes - 2, 2)
    assert tally.writes == sum(len(e.writes) for e in episodes)
