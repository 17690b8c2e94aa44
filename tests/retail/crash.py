"""Kills the process in the middle of published episodes, and goes on in another one.

    python -m tests.retail.crash FOLDER DATA --reconcile --episodes 2 --seed 7

The points are those of `tests.flow.crash`: before and after every commit that changed something,
the shop's own too, and before and after every call of a tool. By default those around the writes,
from the ledger's row to the one that records the result; `--everywhere` visits all. After each
death half a minute passes, the message is delivered again and people decide what is open. Prints a
summary as JSON; exits 1 and says so when the shop, its journal included, differs from the actions
applied directly.
"""

import argparse
import asyncio
import json
import random
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiosqlite  # noqa: F401 - imported before the first fork

from pointsman.teams import checkpoint, graph, local  # noqa: F401 - likewise
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Respond, Ticket
from tests.flow.crash import forked, number_of_tables
from tests.flow.processes import expire_leases
from tests.retail.episodes import (
    Episode,
    apply_directly,
    read_database,
    read_episodes,
    retail_team,
)
from tests.retail.shop import RetailShop, canonical, first_difference
from tests.retail.tools import WRITES

BEFORE, AFTER = 2, 4
"""Points visited before and after the call of a write: its row in the ledger, and its result's."""


@dataclass(frozen=True)
class Place:
    """One episode on a shop of its own."""

    folder: Path
    episode: Episode
    reconcile: bool

    @property
    def shop(self) -> RetailShop:
        """The shop that the team works on."""
        return RetailShop(self.folder / "shop.db")

    @property
    def home(self) -> Path:
        """The team's folder of state."""
        return self.folder / "home"

    @property
    def team(self) -> Team:
        """The team, made anew."""
        return retail_team(self.home, self.shop, (self.episode,), reconcile=self.reconcile)

    def to_the_end(self) -> int:
        """Deliver the message and decide what is open until the run ends. How many times a person
        had to say whether a write happened."""
        return asyncio.run(self._to_the_end())

    async def _to_the_end(self) -> int:
        asked = 0
        async with self.team as team:
            for _ in range(4 * len(self.episode.actions)):
                result = await team.run(self.episode.message, thread="c1", message_id="m1")
                if result.status != "waiting":
                    break
                for ticket in result.tickets:
                    asked += ticket.kind == "ambiguous"
                    await team.decide(ticket, self._truth(ticket))
        assert result.status == "done", result
        assert result.answer.startswith(f"Episode {self.episode.id} is done"), result.answer
        return asked

    def _truth(self, ticket: Ticket) -> Approve | Respond:
        """An action is approved. An ambiguous one is looked up in the shop's journal."""
        if ticket.kind == "ambiguous":
            for call in self.shop.journal():
                if (call.tool, call.args) == (ticket.tool, canonical(ticket.runs)):
                    return Respond(by="bo", text=call.said)
        return Approve(by="ana")


class Killing:
    """Crashes of chosen episodes."""

    def __init__(self, folder: Path, data: Path, *, reconcile: bool) -> None:
        self.folder = folder
        self.reconcile = reconcile
        self.stocked = RetailShop.load(folder / "stocked.db", read_database(data))
        self.points = self.visited = self.asked = 0

    def enumerate(self, episode: Episode, *, everywhere: bool) -> None:
        """Go through it once without a crash, then die at each point in turn."""
        direct = self._place(episode, "direct")
        apply_directly(direct.shop, episode)
        log = self.folder / f"points-{episode.id}.json"
        whole = self._place(episode, "whole")
        forked(whole.to_the_end, log=log)
        self._compare(whole, direct, "no crash")
        labels: list[str] = json.loads(log.read_text())
        self.points += len(labels)
        chosen = range(1, len(labels) + 1) if everywhere else around_writes(labels)
        for point in chosen:
            self._crash(episode, point, labels[point - 1], direct)

    def _crash(self, episode: Episode, point: int, label: str, direct: Place) -> None:
        place = self._place(episode, "crash")
        what = f"episode {episode.id}, point {point} ({label})"
        assert forked(place.to_the_end, die_at=point) == signal.SIGKILL, f"{what}: not reached"
        if (place.home / "pointsman.db").exists() and number_of_tables(place.home):
            expire_leases(place.home)
        said = self.folder / "asked"
        forked(lambda: said.write_text(str(place.to_the_end())))
        asked = int(said.read_text())
        assert not (asked and self.reconcile), f"{what}: a person was asked, the tool can look"
        self._compare(place, direct, what)
        self.asked += asked
        self.visited += 1

    def _place(self, episode: Episode, name: str) -> Place:
        place = Place(self.folder / name, episode, self.reconcile)
        shutil.rmtree(place.folder, ignore_errors=True)
        place.folder.mkdir()
        shutil.copyfile(self.stocked.file, place.shop.file)
        return place

    @staticmethod
    def _compare(place: Place, direct: Place, what: str) -> None:
        difference = first_difference(place.shop.state(), direct.shop.state())
        assert not difference, f"{what}: {difference}"


def around_writes(labels: Sequence[str]) -> list[int]:
    """Numbers, from 1, of the points around each call of a write."""
    near: set[int] = set()
    for n, label in enumerate(labels, start=1):
        if label.removeprefix("before invoke of ") in WRITES:
            end = labels.index(f"after {label.removeprefix('before ')}", n) + 1
            near |= set(range(n - BEFORE, end + AFTER + 1))
    return sorted(near & set(range(1, len(labels) + 1)))


def main() -> None:
    """Crash, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--reconcile", action="store_true")
    parser.add_argument("--everywhere", action="store_true")
    parser.add_argument("--episodes", type=int, default=2, help="episodes with writes to take")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    writing = [episode for episode in read_episodes(given.data) if episode.writes]
    taken = random.Random(given.seed).sample(writing, given.episodes)
    killing = Killing(given.folder, given.data, reconcile=given.reconcile)
    try:
        for episode in taken:
            killing.enumerate(episode, everywhere=given.everywhere)
    except (AssertionError, SystemExit) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from error
    summary = {
        "episodes": [episode.id for episode in taken],
        "writes": sum(len(episode.writes) for episode in taken),
        "points": killing.points,
        "visited": killing.visited,
        "asked": killing.asked,
    }
    sys.stdout.write(json.dumps(summary) + "\n")


if __name__ == "__main__":
    main()
