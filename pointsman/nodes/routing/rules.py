"""Rules: the router's first tier. A rule sends a message on by its form, at no cost."""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass

from pydantic import BaseModel, ValidationError

from pointsman.errors import Misconfigured, is_control_flow
from pointsman.nodes.message import Request

log = logging.getLogger("pointsman.nodes")


@dataclass(frozen=True, slots=True)
class Rule:
    """Sends a message on which all conditions that are given hold to `to`.

    Raises Misconfigured for a rule without a condition and a pattern that does not compile.
    """

    name: str
    to: str
    pattern: str = ""
    """A regular expression that occurs in the text, case ignored."""
    _: KW_ONLY
    keywords: tuple[str, ...] = ()
    """Words or phrases of which one stands in the text, whole, case ignored."""
    predicate: Callable[[Request], bool] | None = None
    """Any test of yours. Runs on the event loop and must be quick. One that raises is logged and
    does not match."""
    schema: type[BaseModel] | None = None
    """The whole text is JSON that this validates: a message from a form or another program."""
    why: str = ""
    """Why there is this rule, for the team's design page."""

    def __post_init__(self) -> None:
        if not (self.pattern or self.keywords or self.predicate or self.schema):
            raise Misconfigured(
                f"Rule {self.name!r} has no condition.",
                hint="Give it a pattern, keywords, a predicate or a schema.",
            )
        if isinstance(self.keywords, str) or not all(word.strip() for word in self.keywords):
            raise Misconfigured(
                f"Rule {self.name!r}: `keywords` is a tuple of words, none of them empty."
            )
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise Misconfigured(
                f"Rule {self.name!r} has a pattern that does not compile: {error}."
            ) from error

    def matches(self, request: Request) -> bool:
        """Whether all its conditions hold. Raises what the predicate raises."""
        text = request.text
        return (
            (not self.pattern or re.search(self.pattern, text, re.IGNORECASE) is not None)
            and (not self.keywords or _has_word(text, self.keywords))
            and (self.schema is None or _fits(text, self.schema))
            and (self.predicate is None or bool(self.predicate(request)))
        )


def first_match(rules: Sequence[Rule], request: Request) -> Rule | str:
    """The first rule that matches, or why there is none."""
    failed: list[str] = []
    for rule in rules:
        try:
            if rule.matches(request):
                return rule
        except Exception as error:
            if is_control_flow(error):
                raise
            log.warning("the predicate of rule %s failed", rule.name, exc_info=True)
            failed.append(f"the predicate of rule {rule.name} raised {type(error).__name__}")
    return "; ".join(failed) or ("no rule matches" if rules else "there are no rules")


def _has_word(text: str, words: tuple[str, ...]) -> bool:
    any_of = "|".join(re.escape(word.strip()) for word in words)
    return re.search(rf"(?<!\w)(?:{any_of})(?!\w)", text, re.IGNORECASE) is not None


def _fits(text: str, schema: type[BaseModel]) -> bool:
    try:
        schema.model_validate_json(text)
    except (ValidationError, UnicodeEncodeError):  # a lone surrogate is no JSON
        return False
    return True
