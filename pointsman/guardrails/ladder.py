"""The order of a specialist's guards. It is fixed: each rung relies on those outside it."""

from collections.abc import Sequence

from pointsman.guardrails.approval import ApprovalGuard
from pointsman.guardrails.contract import ContractGuard
from pointsman.guardrails.fallback import FallbackGuard
from pointsman.guardrails.guard import Guard, guarded
from pointsman.guardrails.timeout import TimeoutGuard
from pointsman.nodes.node import Node


def specialist_ladder(
    node: Node,
    *,
    around: Sequence[Guard],
    approval: ApprovalGuard,
    fallback: Node | None,
    timeout: TimeoutGuard,
    contract: ContractGuard,
    inside: Sequence[Guard] = (),
) -> Node:
    """A specialist inside all of its guards, outermost first:

    `around` (rate limits, content filters: they see what comes in before anything else and what
    goes out after everything else, the fallback's answer too) ► approval (every proposal, whoever
    made it) ► fallback ► timeout ► contract ► `inside` (grounding and the specialist's own).
    """
    guards: list[Guard] = [*around, approval]
    if fallback is not None:
        guards.append(FallbackGuard(fallback))
    return guarded(node, [*guards, timeout, contract, *inside])
