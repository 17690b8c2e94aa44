"""The enumeration of `crash`, for a run that gives its work to others.

    python -m tests.flow.crash_children FOLDER --reconcile --sample 12 --seed 7

Three tasks: two refunds, of which each waits for a person, and a note that needs the first. What is
promised is the same: nothing unapproved, nothing twice, and in the end the answer as without a
crash.
"""

from pathlib import Path

from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.specialist import Specialist
from pointsman.teams.team import Team
from tests.flow import crash
from tests.flow.giver import Gives, task
from tests.flow.shop import Shop, shop_team

TASKS = (
    task("a", "lookup INV-1 > refund INV-1 5"),
    task("b", "refund INV-2 7"),
    task("c", "after > note paper", "a"),  # its first turn shows what it was handed
)


def a_team(home: Path, *, reconcile: bool) -> Team:
    """Notes need no person, refunds do."""

    def specialists(shop: Shop) -> tuple[Specialist, ...]:
        tools = shop.tools(reconcile=reconcile)
        return (
            Specialist("boss", handles="everything", does=Gives(TASKS, may=("billing",))),
            Specialist("billing", handles="money", tools=tools),
        )

    rule = PolicyRule("notes", "allow", tools=("note",))
    return shop_team(home, specialists=specialists, policy=ApprovalPolicy(rules=(rule,)))


if __name__ == "__main__":
    crash.a_team = a_team
    crash.PROGRAM = "boss: please"
    crash.ANSWER = (
        "a done: done: INV-1 is 20.00 USD | refunded 5 on INV-1"
        " | b done: done: refunded 7 on INV-2"
        " | c done: done: a handed this on, and says: done: INV-1 is 20.00 USD | refunded 5 on"
        " INV-1 | noted paper"
    )
    crash.main()
