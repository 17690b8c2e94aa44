"""Killing processes: a message is worked on by a process of its own, which dies at a planned point.

SIGKILL, from inside, where the plan says: nothing is flushed, closed or released. The message is
then delivered again to the process that is left.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pointsman.errors import Misconfigured, PointsmanError
from pointsman.evals.drill.faults import Plan
from pointsman.evals.drill.injector import ALWAYS, Clock, Injector, Writes
from pointsman.evals.drill.message import Letter, once
from pointsman.evals.suite import ApproverSpec, Suite
from pointsman.evals.suitefile import loaded
from pointsman.evals.trial import Trial
from pointsman.nodes.message import Frozen
from pointsman.teams.team import Team

Setup = Callable[[Trial], AbstractAsyncContextManager[object]]
"""See `Suite.setup`."""
WORKER_SECONDS = 300.0
"""How long a worker may take. One that takes longer stands still."""
MOST_KILLS = 3
"""How many processes may be killed over one message."""


class Order(Frozen):
    """What a worker is told, on its standard input: one letter, and where it dies."""

    letter: Letter
    plan: Plan
    folder: Path
    home: Path
    writes: Writes
    ahead: float
    """Seconds by which the drill's clock is ahead."""
    dies_at: int
    approver: ApproverSpec = ALWAYS
    setup: str = ""
    """The suite's `setup`: entered first, for a world that is the process's own."""
    suite_folder: Path | None = None


@dataclass(frozen=True)
class Worker:
    """How a process is begun that loads the team and calls `serve`."""

    command: Sequence[str]
    cwd: Path | None = None

    async def killed(self, order: Order) -> bool:
        """Work on the letter in a process of its own. Whether it died at its point; False where it
        ended before it came there.

        Raises Misconfigured where the process cannot be begun, or fails for a reason of its own.
        """
        if os.name != "posix":
            raise Misconfigured(
                "The fault `crash` needs SIGKILL.", hint="Name the other faults with --faults."
            )
        process = await asyncio.create_subprocess_exec(
            *self.command, cwd=self.cwd, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(WORKER_SECONDS):
                _, err = await process.communicate(order.model_dump_json().encode())
        except TimeoutError as error:
            raise Misconfigured(
                f"The worker for {order.letter.name!r} gave no sign for {WORKER_SECONDS:g} s."
            ) from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode not in (0, -signal.SIGKILL):
            last = err.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no word"]
            raise Misconfigured(
                f"The worker for {order.letter.name!r} failed: {last[0]}",
                hint="It loads the team anew: the team's module must not depend on the caller.",
            )
        return process.returncode != 0


def python_worker(team: str, *, cwd: Path | None = None) -> Worker:
    """A worker for a team that can be imported: `module:attr` of a Team, or of a function without
    arguments that makes one."""
    return Worker((sys.executable, "-m", "pointsman.evals.drill.worker", team), cwd)


async def crashed(
    worker: Worker, injector: Injector, suite: Suite, letter: Letter, points: int, after: float
) -> None:
    """Have the process that works on the letter killed, where the plan says so, also the one that
    follows it, and so on; each time put the clock forward by `after` seconds: what it held runs
    out. `points` are those of the calm run."""
    for nth in range(MOST_KILLS):
        dies_at = injector.plan.crash(letter.name, nth, points)
        if dies_at is None or injector.home is None:
            return
        order = Order(
            letter=letter, plan=injector.plan, folder=injector.folder, home=injector.home,
            writes=injector.writes, ahead=injector.clock.ahead, dies_at=dies_at,
            approver=injector.approver, suite_folder=suite.folder,
            # What a killed process really wrote must not be put back.
            setup=suite.setup if injector.writes == "pretend" or not nth else "",
        )  # fmt: skip
        died = await worker.killed(order)
        injector.book.reload()
        if not died:
            return
        injector.clock.ahead += after


async def serve(team: Team, order: Order) -> None:
    """The worker's part: carry the order out, or die on the way."""
    injector = Injector(
        order.plan, order.folder, order.writes, clock=Clock(order.ahead),
        approver=order.approver, dies_at=order.dies_at,
    )  # fmt: skip
    rigged = injector.rig(team, home=order.home)
    around = setup_of(order.setup, order.suite_folder)
    async with around(order.letter.trial):
        # What fails here is delivered again, as after a crash.
        with injector.case(order.letter.name), suppress(PointsmanError):
            await once(rigged, injector, order.letter)


def setup_of(name: str, folder: Path | None) -> Setup:
    """The suite's `setup`; one that does nothing where it has none. Raises BadInput."""
    return cast("Setup", loaded(name, folder)) if name else lambda _trial: nullcontext()


def lease_seconds(team: Team) -> float:
    """After how many seconds everything is free that a killed process of this team held."""
    from pointsman.teams.local import LEASE_SECONDS

    tools = (tool for one in team.spec.specialists for tool in one.tools)
    effects = (tool.timeout + 10.0 for tool in tools if tool.idempotency_key is not None)
    return max((LEASE_SECONDS, *effects)) + 1.0
