"""The injector in a user's own tests: what the pytest fixture `pointsman_faults` gives.

    async def test_refunds_survive(pointsman_faults, team):
        faults = pointsman_faults("429,timeout,duplicate", rate=0.3, seed=7)
        drilled = faults.rig(team)
        result = await faults.deliver(drilled, "Refund INV-1042", thread="customer-7")
        assert result.status in ("done", "partial")
        await faults.check(drilled)

This module does not import pytest; the plugin does:

    from pointsman.evals.drill.fixture import Faults, make_faults

    @pytest.fixture
    def pointsman_faults(tmp_path): return make_faults(tmp_path)
"""

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

from pointsman.errors import BadInput, PointsmanError
from pointsman.evals.drill.book import Act, Strike
from pointsman.evals.drill.faults import Plan, kinds_of, without
from pointsman.evals.drill.injector import Injector, Writes
from pointsman.evals.drill.ledger import doubled, ledger, lost
from pointsman.evals.drill.message import Letter, deliver
from pointsman.evals.suite import Case
from pointsman.nodes.message import new_id
from pointsman.teams.result import Result
from pointsman.teams.team import Team


class NotDelivered(PointsmanError):
    """A message came to no end under faults, however often it was delivered."""


@dataclass
class Faults:
    """Faults for one team in one test."""

    injector: Injector
    runs: list[str] = field(default_factory=list[str])
    """Runs of the messages delivered so far."""
    _numbers: "count[int]" = field(default_factory=lambda: count(1), init=False)

    def rig(self, team: Team, *, home: Path | None = None) -> Team:
        """The team with its models, tools, specialists and store struck, in a folder of its own."""
        return self.injector.rig(team, home=home or self.injector.folder / "home")

    async def deliver(
        self, team: Team, text: str, *, thread: str = "", message_id: str = ""
    ) -> Result:
        """Deliver a message to a rigged team until its run ends; every ticket is approved, and one
        about a write of which nobody knows is looked up. Raises NotDelivered."""
        number = next(self._numbers)
        case = Case(id=f"message {number}", text=text)
        letter = Letter(
            name=case.id, case=case, text=text, thread=thread or f"thread {number}",
            message_id=message_id or f"message-{number}",
        )  # fmt: skip
        came = await deliver(team, self.injector, letter)
        self.runs += came.runs
        if came.result is None:
            raise NotDelivered(f"The message {text!r} was not delivered: {came.error}")
        return came.result

    async def lost(self, team: Team) -> tuple[str, ...]:
        """Effects of the delivered messages that were approved, or recorded, and never happened."""
        return lost(await ledger(team, dict.fromkeys(self.runs)), self.acts)

    async def doubled(self, team: Team) -> tuple[str, ...]:
        """Effects of the delivered messages that happened more often than the ledger has them."""
        return doubled(await ledger(team, dict.fromkeys(self.runs)), self.acts)

    async def check(self, team: Team) -> None:
        """Raises AssertionError, naming each, where an effect was lost or doubled."""
        found = [*await self.lost(team), *await self.doubled(team)]
        if found:
            raise AssertionError("\n".join(found))

    @property
    def strikes(self) -> tuple[Strike, ...]:
        """What struck so far."""
        return self.injector.book.strikes

    @property
    def acts(self) -> tuple[Act, ...]:
        """Every write that has acted so far."""
        return self.injector.book.acts

    def save(self, path: Path) -> None:
        """Write the plan that strikes just there again; `make(plan=path)` replays it."""
        self.injector.plan.exactly(strike.spot for strike in self.strikes).write(path)


class MakeFaults(Protocol):
    """What the fixture gives: called, it gives Faults of a plan."""

    def __call__(
        self,
        faults: str = "all",
        *,
        rate: float = 0.1,
        seed: int = 0,
        seconds: float = 0.05,
        writes: Writes = "real",
        plan: Path | None = None,
    ) -> Faults:
        """`faults` are kinds with commas, as for `pointsman drill`; `all` leaves `crash` out, which
        kills processes. Raises BadInput for a kind that does not exist, and for `crash`."""
        ...


def make_faults(folder: Path) -> MakeFaults:
    """The fixture's value. `folder` is the test's own; each call gets a folder of state in it."""

    def make(
        faults: str = "all",
        *,
        rate: float = 0.1,
        seed: int = 0,
        seconds: float = 0.05,
        writes: Writes = "real",
        plan: Path | None = None,
    ) -> Faults:
        kinds = kinds_of([faults])
        if faults != "all" and "crash" in kinds:
            raise BadInput(
                "`crash` kills processes, and a test is one.", hint="Use `pointsman drill` for it."
            )
        drawn = Plan(seed=seed, rate=rate, kinds=without(kinds, "crash"), seconds=seconds)
        used = drawn if plan is None else Plan.read(plan)
        return Faults(Injector(used, folder / f"faults-{new_id()[:8]}", writes))

    return make
