"""The injector: strikes the calls of a team by a plan, at every level, with no change in the team.

    injector = Injector(Plan(seed=7, rate=0.3), folder)
    team = injector.rig(team, home=folder / "home")
    with injector.case("m01"):
        result = await team.run("…", thread="m01", message_id="m01")
    injector.book.strikes, injector.book.acts

A site's name holds the case, which tasks inherit from the block that began them, and what is
called: the digest of a model's request, a tool with the digest of its arguments. So the n-th pass
of a site is the same call in every run of the drill, however its tasks are scheduled.
"""

import asyncio
import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pointsman.evals.drill.book import Act, Book, Strike
from pointsman.evals.drill.faults import Level, Plan, Spot
from pointsman.evals.drill.store import hold
from pointsman.evals.suite import ApproverSpec
from pointsman.nodes.digest import JsonObject
from pointsman.teams.team import Team

_case: ContextVar[str] = ContextVar("pointsman_drill_case", default="-")

ALWAYS = ApproverSpec(policy="always")
Writes = Literal["real", "pretend"]
"""`pretend`: a write is not called; a line that says so stands in for its result."""


@dataclass
class Clock:
    """Seconds since the epoch, which can be put forward: nobody waits for the lease of a killed
    process to run out."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Injector:
    """Strikes by a plan, and keeps the book."""

    plan: Plan
    folder: Path
    """Of its book."""
    writes: Writes = "real"
    clock: Clock = field(default_factory=Clock)
    approver: ApproverSpec = ALWAYS
    """Who decides the tickets."""
    dies_at: int | None = None
    """The point at which this process kills itself, from 0. Points are passed before and after
    every model call and every tool call. None: never."""
    home: Path | None = field(default=None, init=False)
    """Of the rigged team."""
    points: dict[str, int] = field(default_factory=dict[str, int], init=False)
    """How many points each case has passed in this process."""

    def __post_init__(self) -> None:
        self.book = Book(self.folder)

    def rig(self, team: Team, *, home: Path) -> Team:
        """The same team with its state in `home`, its models, tools and specialists struck by the
        plan, and the teams inside it likewise. The given team is left as it is."""
        from pointsman.evals.drill.rigging import rigged

        self.home = home
        return rigged(team, self, home)

    @contextmanager
    def case(self, name: str) -> Generator[None]:
        """What runs in this block, and the tasks it begins, belong to this case."""
        token = _case.set(name)
        try:
            yield
        finally:
            _case.reset(token)

    @property
    def current(self) -> str:
        """The case at work here; `-` outside of all."""
        return _case.get()

    def strike(self, level: Level, place: str) -> Spot | None:
        """Pass a place: what strikes there, noted in the book; None for nothing."""
        site = f"{self.current}/{level}/{place}"
        spot = self.plan.spot(level, site, self.book.number(site))
        if spot is not None:
            self.note(spot)
        return spot

    def note(self, spot: Spot) -> None:
        """Note a fault in the book."""
        self.book.struck(Strike(case=self.current, spot=spot, at=self.clock()))

    def acted(self, tool: str, args: JsonObject, digest: str, result: str) -> None:
        """Note that a write has acted."""
        self.book.acted(Act(case=self.current, tool=tool, args=args, digest=digest, result=result))

    def results_of(self, digest: str) -> tuple[str, ...]:
        """What a write with these arguments gave, each time that it acted in this case."""
        case = self.current
        acts = (act for act in self.book.acts if (act.case, act.digest) == (case, digest))
        return tuple(act.result for act in acts)

    def point(self, label: str) -> None:
        """Pass a point, or die there."""
        number = self.points.get(self.current, 0)
        self.points[self.current] = number + 1
        if number == self.dies_at:
            site = f"{self.current}/process/{label}"
            self.note(Spot(kind="crash", site=site, number=number))
            os.kill(os.getpid(), signal.SIGKILL)

    async def store(self, place: str) -> None:
        """Pass a moment at which the store is needed next, and hold it where that is struck."""
        if self.home is not None and self.strike("store", place) is not None:
            await hold(self.home / "pointsman.db", self.plan.seconds)

    async def slow(self) -> None:
        """Let the time of what is slow pass."""
        await asyncio.sleep(self.plan.seconds)
