"""A mailbox of the shop's team in a process of its own, to be killed.

    python -m tests.teams.mailserver HOME 8

Submits so many messages that each write a note, says `ready` on stdout, and works on them one after
another until somebody ends it.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.specialist import Specialist
from pointsman.teams.mailbox import Mailbox
from pointsman.teams.request import new_run
from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.rows import RunRow
from pointsman.teams.team import Team
from tests.flow.shop import Shop, shop_team


def note_team(home: Path) -> Team:
    """The shop, where notes need no person and can be looked up."""

    def specialists(shop: Shop) -> Sequence[Specialist]:
        return (Specialist("billing", handles="money", tools=shop.tools(reconcile=True)),)

    rule = PolicyRule("notes", "allow", tools=("note", "slow_note"))
    return shop_team(home, specialists=specialists, policy=ApprovalPolicy(rules=(rule,)))


def row(spec: TeamSpec, text: str, *, thread: str, message_id: str | None = None,
        priority: int = 5, tenant: str = "default") -> RunRow:  # fmt: skip
    """The run of a message."""
    return new_run(
        spec, text, thread=thread, tenant=tenant, message_id=message_id, priority=priority,
        deadline=None, budget=None, attachments=(),
    )  # fmt: skip


async def main(home: Path, many: int) -> None:
    """Take them, and work."""
    async with note_team(home) as team, Mailbox(team, workers=1) as mailbox:
        for n in range(many):
            await mailbox.submit(
                row(team.spec, f"note n{n} > slow_note s{n}", thread=f"c{n % 3}",
                    message_id=f"m{n}")
            )  # fmt: skip
        print("ready", flush=True)  # noqa: T201 (the test reads it)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
