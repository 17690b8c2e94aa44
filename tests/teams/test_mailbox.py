"""The mailbox: stored before taken, driven once, bounded, fair to threads, and over in order."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

import pytest

from pointsman.errors import Busy, InvalidDecision, NotFound, StoreFull, TicketClosed
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.teams.mailbox import TRIES, Mailbox
from pointsman.teams.tickets import Approve, Edit, Reject
from tests.flow.processes import expire_leases, rows
from tests.flow.shop import Shop, script, shop_team
from tests.teams.mailserver import note_team, row

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A new folder of state."""
    return tmp_path / "home"


class Held:
    """A model that answers when it is let, and knows how many it answers at once."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asked: list[str] = []
        self.now = self.most = 0

    async def __call__(self, request: ModelRequest) -> Scripted:
        """Wait, then do what the message says."""
        if request.choices:
            return script(request)
        said = next(t.content for t in reversed(request.turns) if t.role == "user")
        self.asked.append(said)
        self.now += 1
        self.most = max(self.most, self.now)
        await self.go.wait()
        self.now -= 1
        return script(request)


async def until(true: Callable[[], bool]) -> None:
    """Wait for it, a while."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 (it looks at files too)
            await asyncio.sleep(0.01)


async def test_a_message_is_stored_before_it_is_taken(home: Path) -> None:
    """What submit gives is in the store already, and ends in the background."""
    async with shop_team(home) as team, Mailbox(team) as mailbox:
        taken = await mailbox.submit(row(team.spec, "hello", thread="c1", message_id="m1"))
        assert rows(home, "SELECT run FROM runs") == [(taken.run,)]
        ended = await mailbox.ended(taken.run, 20)
        assert ended.state == "done"
        again = await mailbox.submit(row(team.spec, "hello", thread="c1", message_id="m1"))
        assert again.state == "done"
        assert mailbox.working == mailbox.queued == 0


async def test_equal_messages_at_once_are_one_run(home: Path) -> None:
    """Twenty deliveries of one message: one run, driven once."""
    model = ScriptedTransport(script)
    async with shop_team(home, model=model) as team, Mailbox(team) as mailbox:
        made = row(team.spec, "hello", thread="c1", message_id="m1")
        taken = await asyncio.gather(*(mailbox.submit(made) for _ in range(20)))
        await mailbox.ended(made.run, 20)
        assert {one.run for one in taken} == {made.run}
        assert len(model.requests) == 2  # one route, one answer


async def test_at_most_so_many_workers(home: Path) -> None:
    """No more runs are driven at once than there are workers, and all are."""
    held = Held()
    async with (
        shop_team(home, model=ScriptedTransport(held)) as team,
        Mailbox(team, workers=2) as mailbox,
    ):
        taken = [
            await mailbox.submit(row(team.spec, f"billing: hello {n}", thread=f"c{n}"))
            for n in range(6)
        ]
        await until(lambda: held.now == 2)
        assert (mailbox.working, mailbox.queued) == (2, 4)
        held.go.set()
        assert {(await mailbox.ended(one.run, 20)).state for one in taken} == {"done"}
        assert held.most == 2


async def test_one_thread_holds_one_worker(home: Path) -> None:
    """A thread with many messages does not keep another one waiting, and keeps its order."""
    held = Held()
    async with (
        shop_team(home, model=ScriptedTransport(held)) as team,
        Mailbox(team, workers=2) as mailbox,
    ):
        long = [
            await mailbox.submit(row(team.spec, f"billing: long {n}", thread="long"))
            for n in range(4)
        ]
        short = await mailbox.submit(row(team.spec, "billing: short", thread="short"))
        await until(lambda: held.now == 2)
        assert held.asked == ["billing: long 0", "billing: short"]
        held.go.set()
        for one in (*long, short):
            await mailbox.ended(one.run, 20)
        assert [a for a in held.asked if "long" in a] == [f"billing: long {n}" for n in range(4)]


async def test_the_urgent_go_first(home: Path) -> None:
    """Among threads that wait, the most urgent message is next, then the one that came first."""
    held = Held()
    async with (
        shop_team(home, model=ScriptedTransport(held)) as team,
        Mailbox(team, workers=1) as mailbox,
    ):
        taken = [await mailbox.submit(row(team.spec, "billing: first", thread="a"))]
        await until(lambda: held.now == 1)
        for name, priority in (("late", 5), ("slow", 9), ("urgent", 0), ("later", 5)):
            made = row(team.spec, f"billing: {name}", thread=name, priority=priority)
            taken.append(await mailbox.submit(made))
        held.go.set()
        for one in taken:
            await mailbox.ended(one.run, 20)
    names = [asked.removeprefix("billing: ") for asked in held.asked]
    assert names == ["first", "urgent", "late", "later", "slow"]


async def test_a_full_queue_refuses(home: Path) -> None:
    """Beyond the bound nothing is stored, and the client is told when to come again."""
    held = Held()
    async with (
        shop_team(home, model=ScriptedTransport(held)) as team,
        Mailbox(team, workers=1, waiting=2) as mailbox,
    ):
        for n in range(3):
            await mailbox.submit(row(team.spec, "billing: hello", thread=f"c{n}"))
            await until(lambda: held.now == 1)
        with pytest.raises(Busy) as caught:
            await mailbox.submit(row(team.spec, "billing: hello", thread="c9"))
        assert caught.value.retry_after is not None
        assert 1 <= caught.value.retry_after <= 300
        assert rows(home, "SELECT count(*) FROM runs") == [(3,)]
        known = row(team.spec, "billing: hello", thread="c0", message_id="known")
        held.go.set()
        await until(lambda: mailbox.queued == 0)
        assert (await mailbox.submit(known)).state == "running"


async def test_a_decision_is_answered_before_the_run_goes_on(home: Path) -> None:
    """The decision stands when `decide` gives the ticket; the run ends in the background. The
    second to decide is told who was first."""
    async with shop_team(home) as team, Mailbox(team) as mailbox:
        taken = await mailbox.submit(row(team.spec, "refund INV-1 5", thread="c1"))
        assert (await mailbox.ended(taken.run, 20)).state == "waiting"
        (ticket,) = await team.tickets()
        after = await mailbox.decide(ticket.id, Approve(by="ana", digest=ticket.shows))
        assert (after.by, after.open) == ("ana", False)
        with pytest.raises(TicketClosed, match="ana"):
            await mailbox.decide(ticket.id, Reject(by="bo"))

        async def ended() -> bool:
            return (await team.run_row(taken.run)).state == "done"

        async with asyncio.timeout(20):
            while not await ended():
                await mailbox.some_end(0.2)
        assert Shop(home).wrote() == ["refunded 5 on INV-1"]


async def test_an_edit_of_what_was_not_seen_is_refused(home: Path) -> None:
    """Edit carries the digest of what the reviewer saw, as approve does."""
    async with shop_team(home) as team, Mailbox(team) as mailbox:
        taken = await mailbox.submit(row(team.spec, "refund INV-1 5", thread="c1"))
        await mailbox.ended(taken.run, 20)
        (ticket,) = await team.tickets()
        with pytest.raises(InvalidDecision, match="shows something else"):
            await mailbox.decide(ticket.id, Edit(by="ana", args={"usd": 4.0}, digest="0" * 64))
        after = await mailbox.decide(
            ticket.id, Edit(by="ana", args={"usd": 4.0}, digest=ticket.shows)
        )
        assert after.runs["usd"] == 4.0


async def test_cancelling(home: Path) -> None:
    """A run that waits for a worker is cancelled and never asks the model."""
    held = Held()
    async with (
        shop_team(home, model=ScriptedTransport(held)) as team,
        Mailbox(team, workers=1) as mailbox,
    ):
        first = await mailbox.submit(row(team.spec, "billing: one", thread="a"))
        second = await mailbox.submit(row(team.spec, "billing: two", thread="b"))
        await until(lambda: held.now == 1)
        await mailbox.cancel(second.run, by="ana", reason="a mistake")
        held.go.set()
        ended = await mailbox.ended(second.run, 20)
        assert (ended.state, ended.cancelled_by) == ("cancelled", "ana (a mistake)")
        await mailbox.ended(first.run, 20)
        assert held.asked == ["billing: one"]
        with pytest.raises(NotFound):
            await mailbox.cancel("r0", by="ana")


async def test_closing_lets_work_end_and_keeps_the_rest(home: Path) -> None:
    """What is under way ends within the grace; what waits stays in the store and goes on at the
    next start; nothing is taken meanwhile."""
    held = Held()
    model = ScriptedTransport(held)
    async with shop_team(home, model=model) as team:
        async with Mailbox(team, workers=1) as mailbox:
            first = await mailbox.submit(row(team.spec, "billing: one", thread="a"))
            second = await mailbox.submit(row(team.spec, "billing: two", thread="b"))
            await until(lambda: held.now == 1)
            mailbox.stop()
            with pytest.raises(Busy):
                await mailbox.submit(row(team.spec, "billing: three", thread="c"))
            held.go.set()
        assert (await team.run_row(first.run)).state == "done"
        assert (await team.run_row(second.run)).state == "running"
        async with Mailbox(team) as mailbox:
            assert (await mailbox.ended(second.run, 20)).state == "done"
    assert rows(home, "SELECT count(*) FROM runs") == [(2,)]


async def test_what_takes_longer_than_the_grace_goes_on_later(home: Path) -> None:
    """It is stopped where it stands; the next start takes it from there."""
    held = Held()
    async with shop_team(home, model=ScriptedTransport(held)) as team:
        async with Mailbox(team, grace=0.05) as mailbox:
            taken = await mailbox.submit(row(team.spec, "billing: one", thread="a"))
            await until(lambda: held.now == 1)
        assert (await team.run_row(taken.run)).state == "running"
        held.go.set()
        async with Mailbox(team) as mailbox:
            assert (await mailbox.ended(taken.run, 20)).state == "done"


async def test_a_thread_that_another_process_holds_is_tried_again(home: Path) -> None:
    """A run of a busy thread stays in line, and goes on when the thread is free."""
    async with shop_team(home) as team, Mailbox(team, workers=1) as mailbox:
        made = row(team.spec, "hello", thread="c1")
        async with team.sessions.engine() as engine, engine.alone(made):
            await mailbox.submit(made)
            other = await mailbox.submit(row(team.spec, "hello", thread="c2"))
            assert (await mailbox.ended(other.run, 20)).state == "done"
            assert (await team.run_row(made.run)).state == "running"
        assert (await mailbox.ended(made.run, 20)).state == "done"


async def test_what_fails_to_be_driven_is_tried_a_few_times(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of the engine's own does not end the mailbox, and is not tried for ever."""
    async with shop_team(home) as team, Mailbox(team, look_seconds=0.01) as mailbox:
        tried: Counter[str] = Counter()

        async def broken(engine: object, run: str) -> None:
            tried[run] += 1
            raise StoreFull("No space is left.")

        monkeypatch.setattr("pointsman.teams.mailbox.AGAIN_SECONDS", 0.0)
        monkeypatch.setattr("pointsman.teams.local.LocalEngine.drive", broken)
        taken = await mailbox.submit(row(team.spec, "hello", thread="c1"))
        await until(lambda: tried[taken.run] == TRIES)
        await asyncio.sleep(0.1)  # several looks at the store
        assert tried[taken.run] == TRIES
    assert "No space is left" in caplog.text


async def test_a_killed_server_loses_nothing_and_does_nothing_twice(home: Path) -> None:
    """kill -9 in the middle of the queue: the next server drives what is left, each write once."""
    many = 8
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.teams.mailserver", str(home), str(many),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    shop = Shop(home)
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        await until(lambda: len(shop.wrote()) >= 5)
    finally:
        process.kill()
        await process.wait()
    assert len(shop.wrote()) < 2 * many
    expire_leases(home)
    async with note_team(home) as team, Mailbox(team, workers=3) as mailbox:
        runs = [run for (run,) in rows(home, "SELECT run FROM runs")]
        assert len(runs) == many
        for run in runs:
            assert (await mailbox.ended(run, 30)).state in ("done", "waiting")
        for ticket in await team.tickets():  # a write of which nobody knows: the shop knows
            line = f"noted {ticket.args['text']} slowly"
            assert ticket.kind == "ambiguous"
            await mailbox.decide(
                ticket.id, Approve(by="ana") if line not in shop.wrote() else Reject(by="ana")
            )
        async with asyncio.timeout(30):
            while rows(home, "SELECT 1 FROM runs WHERE state != 'done'"):
                await mailbox.some_end(0.2)
    wanted = {f"noted n{n}" for n in range(many)} | {f"noted s{n} slowly" for n in range(many)}
    assert Counter(shop.wrote()) == Counter(wanted)


async def test_two_mailboxes_on_one_store(home: Path) -> None:
    """Two servers share the work of one store: every message is answered once."""
    model, other = ScriptedTransport(script), ScriptedTransport(script)
    async with (
        shop_team(home, model=model) as team,
        shop_team(home, model=other) as twin,
        Mailbox(team, workers=2, look_seconds=0.05) as mailbox,
        Mailbox(twin, workers=2, look_seconds=0.05) as second,
    ):
        made = [
            row(team.spec, f"billing: hello {n}", thread=f"c{n % 3}", message_id=f"m{n}")
            for n in range(12)
        ]
        await asyncio.gather(
            *((mailbox if n % 2 else second).submit(one) for n, one in enumerate(made))
        )
        for one in made:
            assert (await mailbox.ended(one.run, 30)).state == "done"
    assert len(model.requests) + len(other.requests) == 24


async def test_resuming(home: Path) -> None:
    """Resuming an unknown run is an error; resuming one that has ended changes nothing."""
    async with shop_team(home) as team, Mailbox(team) as mailbox:
        taken = await mailbox.submit(row(team.spec, "hello", thread="c1"))
        ended = await mailbox.ended(taken.run, 20)
        again = await mailbox.resume(taken.run)
        assert replace(again, seconds=0.0) == replace(ended, seconds=0.0)
        with pytest.raises(NotFound):
            await mailbox.resume("r0")


async def test_a_run_does_not_inherit_the_context_of_a_request(home: Path) -> None:
    """What a request, or the run before, had in its context variables is not the run's."""
    mine: ContextVar[str] = ContextVar("mine", default="")
    seen: list[str] = []

    def noting(request: ModelRequest) -> Scripted:
        seen.append(mine.get())
        return script(request)

    model = ScriptedTransport(noting)
    async with shop_team(home, model=model) as team, Mailbox(team, workers=1) as mailbox:
        mine.set("of a request")
        taken = [
            await mailbox.submit(row(team.spec, f"billing: hello {n}", thread=f"c{n}"))
            for n in range(3)
        ]
        for one in taken:
            await mailbox.ended(one.run, 20)
    assert set(seen) == {""}
