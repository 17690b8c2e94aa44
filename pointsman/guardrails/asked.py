"""A ready policy: what the person asked for in so many words need not be asked about again."""

from collections.abc import Sequence

from pointsman.guardrails.policy import WARY, ApprovalPolicy, Is, Limit, PolicyRule
from pointsman.nodes.message import Terms


def as_asked(
    *,
    tools: Sequence[str] = ("*",),
    harmless: Sequence[Limit | Is] = (),
    first: Sequence[PolicyRule] = (),
    terms: Terms | None = None,
    wary: tuple[str, ...] = WARY,
) -> ApprovalPolicy:
    """Asks about a write, or a read that leaves the machine, unless the person's own words hold it.

    A low-stakes action passes when every sensitive argument (`Tool.sinks`) stands letter for letter
    in what the person wrote, or is the tool's default, and at least one that stands there is more
    than a short number: the 13 of a date is found as well as that of a file. An argument for which
    one of `harmless` holds may come from anywhere, such as `Limit("usd", at_least=0, at_most=20)`.
    A text for others to read (`Tool.content`) may be the model's, but must quote no tool result and
    no document, and each link, address and long number in it must be the person's. Everything else
    asks. `first` are rules that go before; `tools` are globs of the tools it may let pass.

    It does not understand what the person said: who wrote "do not mail bob@shop.org" has named the
    address. A tool that must never run unasked is `stakes="high"`.
    """
    rule = PolicyRule(
        "as-asked",
        "allow",
        tools=tuple(tools),
        stakes="low",
        every_origin=("person", "default"),
        named=True,
        harmless=tuple(harmless),
        content_origin=("person", "default", "model"),
    )
    return ApprovalPolicy(rules=(*first, rule), terms=terms or Terms(), wary=wary)
