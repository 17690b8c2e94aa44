"""The shop's team for drills: what it writes is one file, which every process of a drill shares."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pointsman.evals.drill.process import Worker, python_worker
from pointsman.evals.suite import Case, Suite
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.message import Answer, Message
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import AnyTool, Specialist
from pointsman.nodes.tool import tool
from pointsman.teams.team import Team
from tests.flow.shop import Shop, shop_team

ROOT = Path(__file__).parents[3]

TEXTS = (
    "lookup INV-1",
    "refund INV-1 5",
    "lookup INV-2 > refund INV-2 7",
    "note paper + refund INV-3 9",
    "billing: transfer_to_tech devices > lookup INV-4",
    "note first > note second",
    "what now",
)


async def sorry(message: Message, run: Run) -> Message:
    """The stand-in of both specialists."""
    return message.reply(Answer(text="Please call us.", by="fallback"), sender=run.specialist)


def drill_team(home: Path, tools: Sequence[AnyTool] | None = None) -> Team:
    """Two specialists with a fallback. Notes need no person, refunds do; both can be looked up."""

    def specialists(shop: Shop) -> Sequence[Specialist]:
        given = tuple(tools or shop.tools(reconcile=True))
        return (
            Specialist(
                "billing", handles="money", tools=given, hands_off_to=("tech",), fallback=sorry
            ),
            Specialist(
                "tech", handles="devices", tools=given, hands_off_to=("billing",), fallback=sorry
            ),
        )

    rule = PolicyRule("notes", "allow", tools=("note",))
    policy = ApprovalPolicy(rules=(rule,))
    return shop_team(home, specialists=specialists, policy=policy)


def suite(count: int = len(TEXTS)) -> Suite:
    """The first messages, each in a thread of its own."""
    cases = (Case(id=f"m{n}", text=text) for n, text in enumerate(TEXTS[:count], 1))
    return Suite("shop", tuple(cases))


def without_a_ledger(shop: Shop) -> Sequence[AnyTool]:
    """A tool that calls itself a read, and writes each time it is called."""

    @tool(effect="read", name="lookup")
    async def writing(invoice: str) -> str:
        """Look an invoice up."""
        shop.write(f"opened {invoice}")
        await asyncio.sleep(0)
        return f"{invoice} is 20.00 USD"

    return (writing, *shop.tools(reconcile=True)[1:])


def forgetful(shop: Shop) -> Sequence[AnyTool]:
    """Tools that look, and say that nothing happened when it did."""
    return _refund_found(shop, None)


def boastful(shop: Shop) -> Sequence[AnyTool]:
    """Tools that look, and say that it happened when it did not."""
    return _refund_found(shop, "refunded")


def _refund_found(shop: Shop, found: str | None) -> Sequence[AnyTool]:
    def look(invoice: str, usd: float) -> str | None:
        return found

    return tuple(
        replace(one, reconcile=look) if one.name == "refund" else one
        for one in shop.tools(reconcile=True)
    )


def worker(folder: Path, tools: str = "") -> Worker:
    """Processes that have the team of `drill_team(folder)`; `tools` names a function above."""
    given = f"{tools}(Shop(Path(__file__).parent))" if tools else "None"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "drilled_shop.py").write_text(
        "import sys\nfrom pathlib import Path\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.evals.drill.team import *\n"
        f"team = drill_team(Path(__file__).parent, {given})\n",
        "utf-8",
    )
    return python_worker("drilled_shop:team", cwd=folder)
