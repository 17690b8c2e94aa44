"""Guards: a Guard takes a Node and gives a Node. `guarded` nests them, first one outermost."""

import logging
import traceback
from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeVar

from pointsman.errors import PointsmanError, is_control_flow
from pointsman.nodes.event import Judged
from pointsman.nodes.message import Refusal
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

log = logging.getLogger("pointsman.guardrails")
_T = TypeVar("_T")


class Guard(Protocol):
    """Wraps a node. Every guard keeps these rules, and one conformance suite proves them:

    LangGraph's control flow and cancellation pass through untouched; an error in the guard's own
    check blocks (fails closed, see `closed`) with the rule `guard-error`; an error of the
    inner node passes through unchanged; a verdict other than a plain allow is recorded.
    """

    @property
    def name(self) -> str:
        """Short, unique in a team; stands in verdicts and spans."""
        ...

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""
        ...


def guarded(node: Node, guards: Sequence[Guard]) -> Node:
    """`node` inside `guards`, the first of them outermost."""
    for guard in reversed(guards):
        node = guard.wrap(node)
    return node


def closed(
    guard: str, stage: Literal["input", "output", "action"], run: Run, check: Callable[[], _T]
) -> _T | Refusal:
    """What a guard's own check gives; a Refusal when the check itself breaks (fails closed).

    Only a guard's own work belongs in `check`, never the inner node. A PointsmanError raised by it
    is the check's finding and passes, as does LangGraph's control flow.
    """
    try:
        return check()
    except PointsmanError:
        raise
    except Exception as error:
        if is_control_flow(error):
            raise
        # Neither the error's text nor its traceback: both may hold what was being checked.
        at = traceback.extract_tb(error.__traceback__)[-1]
        log.error(
            "guard %r broke in %s, line %s: %s", guard, at.name, at.lineno, type(error).__name__
        )
        run.emit(
            Judged(
                guard=guard, specialist=run.specialist, stage=stage, verdict="block",
                rule="guard-error", count=1,
            )
        )  # fmt: skip
        return Refusal(
            guard=guard, rule="guard-error",
            text="Sorry, I can't check this message just now, so it was stopped. Please try again"
            " later.",
        )  # fmt: skip
