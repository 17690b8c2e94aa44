"""Kills a process at every point at which anything reaches the disk or the world, one by one.

    python -m tests.flow.crash FOLDER --reconcile --sample 12 --seed 7
    python -m tests.flow.crash FOLDER --postgres --sample 12 --seed 7

The run has two reads, three writes and two approvals, in three phases that are processes of their
own: the message, the first decision, the second. The points are derived, not placed: before and
after every commit of the two databases that changed something, and before and after every call of a
tool, whatever code makes it. For each point: SIGKILL there, half a minute passes (leases run out),
the message is delivered again, and people go on deciding what is open. Prints a summary as JSON;
exits 1 and says so when a promise is broken.

Processes are forked from one that has imported everything and has neither threads nor a loop.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import aiosqlite  # noqa: F401 - imported before the first fork
from psycopg import AsyncTransaction, Transaction

from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import Tool
from pointsman.teams import checkpoint, graph, local  # noqa: F401 - likewise
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Respond, Ticket
from tests.flow.processes import expire_leases
from tests.flow.shop import Shop, shop_team
from tests.postgres import Server, server

PROGRAM = "lookup INV-1 > lookup INV-2 > note paper + refund INV-1 5 + refund INV-2 7"
WRITES = ["noted paper", "refunded 5 on INV-1", "refunded 7 on INV-2"]
ANSWER = "done: INV-1 is 20.00 USD | INV-2 is 20.00 USD | " + " | ".join(WRITES)
PHASES = ("message", "first decision", "second decision")
ADDRESS = "address"
"""The file of a home that says which database its state is in."""
TOOL_PARTS = ("invoke", "found")


class Points:
    """Counts the points of this process, and dies at one of them."""

    def __init__(self, die_at: int, log: Path | None) -> None:
        self.die_at = die_at
        self.log = log
        self.seen: list[str] = []

    def hit(self, label: str) -> None:
        """Pass a point, or die there."""
        self.seen.append(label)
        if len(self.seen) == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """Hook into SQLite's connections and the tools' calls."""
        points, connect = self, sqlite3.connect

        class Counting(sqlite3.Connection):
            """A connection whose commits are points when they change something."""

            changes = 0

            def _committing(self, commit: Callable[[], Any]) -> Any:
                changed = self.in_transaction and self.total_changes != self.changes
                self.changes = self.total_changes
                if not changed:
                    return commit()
                points.hit("before a commit")
                came = commit()
                points.hit("after a commit")
                return came

            def commit(self) -> None:
                self._committing(super().commit)

            def __exit__(self, *error: Any) -> Any:
                if error[0] is not None:
                    return super().__exit__(*error)
                return self._committing(lambda: super(Counting, self).__exit__(*error))

            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
                if sql.strip().upper().startswith(("COMMIT", "END")):
                    return self._committing(lambda: super(Counting, self).execute(sql, *values))
                return super().execute(sql, *values)

        sqlite3.connect = lambda *args, **named: connect(*args, factory=Counting, **named)
        self._hook_postgres()
        for part in TOOL_PARTS:
            self._around(part)

    def _hook_postgres(self) -> None:
        """The ends of its transactions, the store's and the checkpointer's."""
        points, plain, plain_async = self, Transaction.__exit__, AsyncTransaction.__aexit__

        def leave(block: Any, kind: Any, *error: Any) -> Any:
            if kind is not None:
                return plain(block, kind, *error)
            points.hit("before a commit")
            came = plain(block, kind, *error)
            points.hit("after a commit")
            return came

        async def leave_async(block: Any, kind: Any, *error: Any) -> Any:
            if kind is not None:
                return await plain_async(block, kind, *error)
            points.hit("before a checkpoint")
            came = await plain_async(block, kind, *error)
            points.hit("after a checkpoint")
            return came

        Transaction.__exit__, AsyncTransaction.__aexit__ = leave, leave_async

    def _around(self, part: str) -> None:
        points, plain = self, getattr(Tool, part)

        async def around(tool: Tool[..., Any], args: JsonObject) -> Any:
            points.hit(f"before {part} of {tool.name}")
            came = await plain(tool, args)
            points.hit(f"after {part} of {tool.name}")
            return came

        setattr(Tool, part, around)


def a_team(home: Path, *, reconcile: bool) -> Team:
    """Notes need no person, refunds do."""

    def specialists(shop: Shop) -> Sequence[Specialist]:
        tools = shop.tools(reconcile=reconcile)
        return (Specialist("billing", handles="money", tools=tools),)

    rule = PolicyRule("notes", "allow", tools=("note",))
    return shop_team(home, specialists=specialists, policy=ApprovalPolicy(rules=(rule,)))


async def deliver(team: Team) -> Result:
    """The message arrives (again)."""
    return await team.run(PROGRAM, thread="c1", message_id="m1")


async def phase(team: Team, number: int) -> None:
    """One phase as it goes without a crash."""
    if number == 0:
        await deliver(team)
        return
    tickets = await team.tickets()
    await team.decide(tickets[0], Approve(by="ana"))


async def recover(team: Team, shop: Shop, *, reconcile: bool) -> int:
    """The message arrives again, and people decide what is open. How many ambiguous tickets they
    were asked about."""
    asked = 0
    result = await deliver(team)
    for _ in range(12):
        if result.status != "waiting":
            break
        ticket = result.tickets[0]
        if ticket.kind == "ambiguous":
            assert not reconcile, "a person was asked though the tool can look"
            asked += 1
        await team.decide(ticket, truth(ticket, shop))
        result = await deliver(team)
    assert result.status == "done", result
    assert result.answer == ANSWER, result.answer
    return asked


def truth(ticket: Ticket, shop: Shop) -> Approve | Respond:
    """What a careful person answers: an action is approved; an ambiguous one is looked up."""
    if ticket.kind == "ambiguous":
        line = line_of(ticket)
        if line in shop.wrote():
            return Respond(by="bo", text=line)
    return Approve(by="ana")


def line_of(ticket: Ticket) -> str:
    """The write that a ticket stands for."""
    args = ticket.runs
    if ticket.tool == "note":
        return f"noted {args['text']}"
    return f"refunded {float(str(args['usd'])):g} on {args['invoice']}"


async def nothing_unapproved(team: Team, shop: Shop) -> None:
    """Every write that happened has a ticket that was approved before."""
    approved = {line_of(t) for t in await team.tickets(status=None) if t.approved_digest}
    wrote = shop.wrote()
    assert set(wrote) <= approved, (wrote, approved)
    assert max(Counter(wrote).values(), default=1) == 1, f"twice: {wrote}"


def forked(work: Callable[[], object], *, die_at: int = 0, log: Path | None = None) -> int:
    """Do the work in a process of its own; the signal that killed it, or 0."""
    pid = os.fork()
    if pid == 0:
        code = 1
        signal.alarm(60)  # a process that stands still dies by SIGALRM, and the point has failed
        try:
            points = Points(die_at, log)
            if die_at or log:
                points.install()
            work()
            if log:
                log.write_text(json.dumps(points.seen))
            code = 0
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        if os.WTERMSIG(status) == signal.SIGALRM:
            raise SystemExit("a process stood still for a minute")
        return os.WTERMSIG(status)
    if os.WEXITSTATUS(status):
        raise SystemExit(f"a process failed with exit code {os.WEXITSTATUS(status)}")
    return 0


class Enumeration:
    """Every point of the three phases."""

    def __init__(self, folder: Path, *, reconcile: bool, server: Server | None = None) -> None:
        self.folder = folder
        self.server = server
        self.reconcile = reconcile
        self.points: list[tuple[int, int, str]] = []
        """Phase, number and label of each."""

    def _copied(self, source: Path, home: Path) -> None:
        """The state at one moment, in another place."""
        shutil.copytree(source, home)
        if self.server is not None:
            template = self.server.name((source / ADDRESS).read_text())
            (home / ADDRESS).write_text(self.server.database(template))

    def _use(self, home: Path) -> None:
        """From now on the state is that of this place."""
        if self.server is not None:
            os.environ["POINTSMAN_STORE"] = (home / ADDRESS).read_text()

    def _run(self, home: Path, work: Callable[[Team, Shop], Any]) -> Callable[[], object]:
        self._use(home)
        return lambda: asyncio.run(work(a_team(home, reconcile=self.reconcile), Shop(home)))

    def count(self) -> None:
        """Go through it once without a crash: it finds the points, and keeps each phase's start."""
        home = self.folder / "start"
        home.mkdir(parents=True)
        if self.server is not None:
            (home / ADDRESS).write_text(self.server.prepared())
        for number in range(len(PHASES)):
            self._copied(home, self.folder / f"phase{number}")
            log = self.folder / f"points{number}.json"
            forked(self._run(home, lambda team, _, n=number: phase(team, n)), log=log)
            labels = json.loads(log.read_text())
            self.points += [(number, n, label) for n, label in enumerate(labels, start=1)]
        assert sorted(Shop(home).wrote()) == sorted(WRITES)

    def crash(self, number: int, point: int) -> int:
        """Die at one point and recover. How many ambiguous tickets people were asked about."""
        home = self.folder / f"crash{number}-{point}"
        self._copied(self.folder / f"phase{number}", home)
        work = self._run(home, lambda team, _: phase(team, number))
        assert forked(work, die_at=point) == signal.SIGKILL, f"point {point} was not reached"
        if self.server is not None or ((home / "pointsman.db").exists() and number_of_tables(home)):
            expire_leases(home)
        asked = self.folder / "asked"

        async def mend(team: Team, shop: Shop) -> None:
            await nothing_unapproved(team, shop)
            asked.write_text(str(await recover(team, shop, reconcile=self.reconcile)))
            await nothing_unapproved(team, shop)
            assert sorted(shop.wrote()) == sorted(WRITES)

        forked(self._run(home, mend))
        if self.server is not None:
            self.server.drop((home / ADDRESS).read_text())
        shutil.rmtree(home)
        return int(asked.read_text())


def number_of_tables(home: Path) -> int:
    """Whether the process died before the store had its schema."""
    with sqlite3.connect(home / "pointsman.db") as db:
        (count,) = db.execute("SELECT count(*) FROM sqlite_master WHERE name='leases'").fetchone()
    db.close()
    return count


def main() -> None:
    """Enumerate, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--reconcile", action="store_true")
    parser.add_argument("--sample", type=int, default=0, help="points to visit; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    with server() if given.postgres else nullcontext() as running:
        enumerate_points(given, running)


def enumerate_points(given: argparse.Namespace, running: Server | None) -> None:
    """On files, or on a server that runs."""
    whole = Enumeration(given.folder, reconcile=given.reconcile, server=running)
    whole.count()
    chosen = whole.points
    if given.sample:
        chosen = sorted(random.Random(given.seed).sample(chosen, given.sample))
    asked: Counter[str] = Counter()
    for number, point, label in chosen:
        try:
            asked[label] += whole.crash(number, point)
        except (AssertionError, SystemExit) as error:
            sys.stderr.write(f"{PHASES[number]}, point {point} ({label}): {error}\n")
            raise SystemExit(1) from error
    summary = {
        "points": len(whole.points),
        "visited": len(chosen),
        "by_phase": dict(Counter(PHASES[n] for n, _, _ in whole.points)),
        "asked": {label: n for label, n in asked.items() if n},
    }
    sys.stdout.write(json.dumps(summary) + "\n")


if __name__ == "__main__":
    main()
