"""One call on the shop's team in a process of its own, which may kill itself on the way.

    python -m tests.flow.driver HOME '{"run": "refund INV-1 5", "thread": "c1", "message_id": "m1"}'
    python -m tests.flow.driver HOME '{"decide": "t1", "decision": {"type": "approve", "by": "a"}}'
    python -m tests.flow.driver HOME '{"resume": "r123"}'

With `"tasks"` the team has a boss who gives them to others. `"kill": "after-claim"` and so on:
SIGKILL from inside the store, at the points of KILLS. Prints the Result, or
`{"error": class, "message": text}`, as JSON.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

from pointsman.errors import PointsmanError
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.gateway.transport import ModelReply
from pointsman.nodes.message import Task
from pointsman.teams.approvals.lifecycle import Move
from pointsman.teams.result import Result
from pointsman.teams.store import opening
from pointsman.teams.store.postgres import store
from pointsman.teams.store.rows import EffectRow, RunState
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.tickets import DECISION, Ticket
from tests.flow.giver import giving_team
from tests.flow.shop import shop_team

KILLS = (
    "after-first-answer",
    "after-second-answer",
    "after-freeze",
    "after-waiting",
    "after-claim",
    "after-intend",
    "before-done",
    "after-done",
    "after-settled",
    "after-finish",
)


def killing(base: type[SqliteStore]) -> type[SqliteStore]:
    """That store, in which a process dies at one point, with everything before it on disk."""

    class Killing(base):
        """Dies."""

        point = ""
        answers = 0

        def _die(self, point: str) -> None:
            if point == self.point:
                os.kill(os.getpid(), signal.SIGKILL)

        async def journal_put(
            self, run_id: str, step: str, occurrence: int, digest: str, reply: ModelReply
        ) -> None:
            await super().journal_put(run_id, step, occurrence, digest, reply)
            self.answers += 1
            self._die({1: "after-first-answer", 2: "after-second-answer"}.get(self.answers, "-"))

        async def freeze(self, tickets: Sequence[Ticket]) -> tuple[Ticket, ...]:
            frozen = await super().freeze(tickets)
            self._die("after-freeze")
            return frozen

        async def move_run(
            self, run: str, to: RunState, *, frm: Sequence[RunState], result: Result | None = None
        ) -> bool:
            moved = await super().move_run(run, to, frm=frm, result=result)
            self._die({"waiting": "after-waiting", "done": "after-finish"}.get(to, "-"))
            return moved

        async def amend(self, ticket: str, move: Move) -> Ticket:
            amended = await super().amend(ticket, move)
            decided = move.step in ("approve", "edit", "reject", "respond")
            self._die("after-claim" if decided else "after-settled")
            return amended

        async def intend(
            self, key: str, ticket: str, run: str, tool: str, digest: str
        ) -> EffectRow | None:
            before = await super().intend(key, ticket, run, tool, digest)
            self._die("after-intend")
            return before

        async def effect_ended(
            self, key: str, state: Literal["done", "failed", "undone"], result: str
        ) -> None:
            self._die("before-done")
            await super().effect_ended(key, state, result)
            self._die("after-done")

    return Killing


KillingStore = killing(SqliteStore)


async def main(home: Path, order: dict[str, Any]) -> object:
    """Carry the order out."""
    # The one seam: a team opens its own store, and this process wants one that kills it.
    opening.SqliteStore = KillingStore
    store.PostgresStore = killing(cast("type[SqliteStore]", store.PostgresStore))
    for one in (opening.SqliteStore, store.PostgresStore):
        one.point = order.get("kill", "")
    order.pop("kill", "")
    allow = order.pop("allow", False)
    policy = ApprovalPolicy(rules=(PolicyRule("all", "allow"),)) if allow else None
    tasks = [Task.model_validate(task) for task in order.pop("tasks", ())]
    team = giving_team(home, *tasks, policy=policy) if tasks else shop_team(home, policy=policy)
    match order:
        case {"run": text, **given}:
            return await team.run(text, **given)
        case {"decide": ticket, "decision": decision}:
            return await team.decide(ticket, DECISION.validate_python(decision))
        case {"resume": run}:
            return await team.resume(run)
        case _:
            raise SystemExit(f"no such order: {order}")


if __name__ == "__main__":
    try:
        came = asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
        sys.stdout.write(came.model_dump_json())  # pyright: ignore[reportAttributeAccessIssue]
    except PointsmanError as error:
        sys.stdout.write(json.dumps({"error": type(error).__name__, "message": str(error)}))
