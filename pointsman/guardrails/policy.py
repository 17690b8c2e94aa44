"""Which actions need a person: an ordered list of rules, as data. First match decides."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from fnmatch import fnmatchcase
from typing import Literal, cast, get_args, get_origin

from pydantic import BaseModel, JsonValue

from pointsman.errors import Misconfigured
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.message import Origin, Provenance, Ruling, Terms
from pointsman.nodes.tool import Effect, Stakes

Then = Literal["allow", "ask", "deny"]
WARY = ("content:injection*",)
"""The signals that raise the approval level unless a policy says otherwise."""
Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Limit:
    """Holds for a call whose argument is a number within the bounds, ends included.

    `argument` is a name or a path such as `items.0.usd`; `items.*.usd` means every item, and then
    there must be one. Raises Misconfigured for a bound that is no finite number.
    """

    argument: str
    at_most: float | None = None
    at_least: float | None = None
    why: str = field(default="", compare=False, repr=False, kw_only=True)
    """The reason for it, for the team's design page. Changes nothing else."""

    def __post_init__(self) -> None:
        _finite(self.argument, (self.at_most, self.at_least))

    def holds(self, args: JsonObject) -> bool:
        """False too where the argument is missing or is no number: a rule never guesses."""
        return _each(args, self.argument.split("."), self._within)

    def _within(self, value: JsonValue) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        if isinstance(value, float) and math.isnan(value):
            return False
        low = self.at_least is None or value >= self.at_least
        return low and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        low = "" if self.at_least is None else f"{self.at_least:g} <= "
        high = "" if self.at_most is None else f" <= {self.at_most:g}"
        return f"{low}{self.argument}{high}"


@dataclass(frozen=True, slots=True)
class Is:
    """Holds for a call whose argument is one of these values, letter for letter.

    `argument` as in `Limit`. 5 and 5.0 are the same, 1 and true are not. Raises Misconfigured for
    values that are no scalars.
    """

    argument: str
    values: tuple[Scalar, ...]
    why: str = field(default="", compare=False, repr=False, kw_only=True)
    """The reason for it, for the team's design page. Changes nothing else."""

    def __post_init__(self) -> None:
        given = cast("object", self.values)
        scalars = isinstance(given, tuple) and all(
            v is None or isinstance(v, str | int | float) for v in cast("tuple[object, ...]", given)
        )
        if not scalars:
            raise Misconfigured(
                f"Is({self.argument!r}, {self.values!r}): the values are a tuple of scalars.",
                hint='Write, for example, Is("currency", ("usd", "eur")).',
            )
        _finite(self.argument, [v for v in self.values if isinstance(v, float)])

    def holds(self, args: JsonObject) -> bool:
        """False too where the argument is missing."""
        return _each(args, self.argument.split("."), self._listed)

    def _listed(self, value: JsonValue) -> bool:
        return any(
            isinstance(value, bool) is isinstance(known, bool) and value == known
            for known in self.values
        )

    def __str__(self) -> str:
        return f"{self.argument} is {' or '.join(map(str, self.values))}"


@dataclass(frozen=True, slots=True)
class Action:
    """A proposed call, as the policy sees it."""

    call_id: str
    tool: str
    effect: Effect
    stakes: Stakes
    args: JsonObject
    specialist: str = ""
    tenant: str = ""
    provenance: tuple[Provenance, ...] | None = None
    """Of each sensitive argument; None: not known, and then no rule on origins holds."""
    signals: frozenset[str] = frozenset()
    """`guard:rule` of what text filters found in the run so far, e.g. `content:email`."""
    egress: bool = False
    """Whether it leaves the machine."""


@dataclass(frozen=True)
class PolicyRule:
    """One line of a policy. Every condition given must hold; globs are case-sensitive.

    `PolicyRule("as-asked", "allow", every_origin=("person", "default"))` lets a low-stakes action
    pass when the person's own words hold every sensitive argument: what is left asks, so a document
    that smuggles in a value asks too. Bound amounts beside it: `when=(Limit("usd", at_most=50),)`.

    Raises Misconfigured for a text where a tuple belongs, and for words there are not.
    """

    name: str
    then: Then
    tools: tuple[str, ...] = ("*",)
    specialists: tuple[str, ...] = ("*",)
    tenants: tuple[str, ...] = ("*",)
    effect: Effect | None = None
    stakes: Stakes | None = None
    egress: bool | None = None
    """Whether the call leaves the machine."""
    when: tuple[Limit | Is, ...] = ()
    signals: tuple[str, ...] = ()
    """Globs over what text filters found in this run, e.g. `content:*`; any of them on any."""
    every_origin: tuple[Origin, ...] = ()
    """Every sensitive argument comes from one of these. A call without any fits."""
    any_origin: tuple[Origin, ...] = ()
    """At least one sensitive argument comes from one of these."""
    content_origin: tuple[Origin, ...] = ()
    """Every text for others to read (`Tool.content`) comes from one of these; `every_origin` then
    speaks of the other arguments only. Empty: such a text is an argument like any."""
    named: bool = False
    """The person named it: one argument at least stands in their words and is more than a short
    number or a word of two letters, which may stand there for something else."""
    harmless: tuple[Limit | Is, ...] = ()
    """While one of these holds for an argument, it may come from anywhere: a small amount to whom
    the person named."""
    terms: Terms = field(default_factory=Terms)
    """Who decides, and until when. What is not given here is as the policy's `terms` say."""
    reason: str = ""
    """Shown to the reviewer, or to the specialist when the rule denies."""
    why: str = field(default="", compare=False, repr=False, kw_only=True)
    """The reason for the rule, for the team's design page. Reviewers see `reason` instead."""

    def __post_init__(self) -> None:
        for given in fields(self):
            value = cast("object", getattr(self, given.name))
            if get_origin(given.type) is tuple and not isinstance(value, tuple):
                raise Misconfigured(
                    f"Policy rule {self.name!r}: {given.name}={value!r} is no tuple.",
                    hint=f"Write {given.name}=({value!r},).",
                )
        _known(self, "then", (self.then,), Then)
        _known(self, "effect", (self.effect or "read",), Effect)
        _known(self, "stakes", (self.stakes or "low",), Stakes)
        _known(self, "every_origin", self.every_origin, Origin)
        _known(self, "any_origin", self.any_origin, Origin)
        _known(self, "content_origin", self.content_origin, Origin)

    def matches(self, action: Action) -> bool:
        """Whether every condition holds for the action."""
        return (
            _any(self.tools, action.tool)
            and _any(self.specialists, action.specialist)
            and _any(self.tenants, action.tenant)
            and self.effect in (None, action.effect)
            and self.stakes in (None, action.stakes)
            and self.egress in (None, action.egress)
            and all(condition.holds(action.args) for condition in self.when)
            and (not self.signals or any(_any(self.signals, s) for s in action.signals))
            and self._fits_origins(action.provenance, action.args)
        )

    def _fits_origins(self, provenance: tuple[Provenance, ...] | None, args: JsonObject) -> bool:
        if provenance is None:
            conditions = (self.every_origin, self.any_origin, self.content_origin)
            return not any(conditions) and not self.named
        origins = [p.origin for p in provenance]
        texts = [p.origin for p in provenance if self.content_origin and p.content]
        free = {c.argument for c in self.harmless if c.holds(args)}
        others = [
            p.origin
            for p in provenance
            if not (self.content_origin and p.content) and p.argument not in free
        ]
        named = any(p.origin == "person" and not p.slight for p in provenance)
        return (
            (not self.every_origin or all(o in self.every_origin for o in others))
            and all(o in self.content_origin for o in texts)
            and (not self.any_origin or any(o in self.any_origin for o in origins))
            and (named or not self.named)
        )

    def __str__(self) -> str:
        parts = [
            f"tools {', '.join(self.tools)}",
            *([f"effect {self.effect}"] if self.effect else []),
            *([f"stakes {self.stakes}"] if self.stakes else []),
            *([] if self.egress is None else ["leaves the machine" if self.egress else "stays"]),
            *([f"by {', '.join(self.specialists)}"] if self.specialists != ("*",) else []),
            *([f"for {', '.join(self.tenants)}"] if self.tenants != ("*",) else []),
            *(str(condition) for condition in self.when),
            *([f"after {' or '.join(self.signals)}"] if self.signals else []),
            *([f"all from {' or '.join(self.every_origin)}"] if self.every_origin else []),
            *([f"any from {' or '.join(self.any_origin)}"] if self.any_origin else []),
            *(["named by the person"] if self.named else []),
            *(f"unless {condition}" for condition in self.harmless),
            *([f"texts from {' or '.join(self.content_origin)}"] if self.content_origin else []),
        ]
        return f"{self.name}: {self.then} {'; '.join(parts)}"


@dataclass(frozen=True)
class ApprovalPolicy:
    """Ordered rules, then the defaults: writes ask a person, and so do reads that leave the
    machine; other reads are allowed.

    A high-stakes action asks always, unless a rule denies it: no rule lets one pass, only a grant.
    So does what changes or leaves something once the run has read what looks like an attack.
    Raises Misconfigured for two rules of one name.
    """

    rules: tuple[PolicyRule, ...] = ()
    terms: Terms = field(default_factory=Terms)
    """Who decides, and until when, where the rule that asks does not say."""
    wary: tuple[str, ...] = WARY
    """Globs over what text filters found in the run. After one of these no rule lets a write or a
    read that leaves the machine pass: a person is asked. Empty: signals change nothing."""
    version: str = field(init=False)
    """First 12 hex digits of the SHA-256 over all of it: stands on every ticket."""
    why: str = field(default="", compare=False, repr=False, kw_only=True)
    """The reason for it, for the team's design page. Changes nothing else."""

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise Misconfigured(
                f"The approval policy has two rules named {twice[0]!r}.", hint="Rename one."
            )
        if not isinstance(cast("object", self.wary), tuple):
            raise Misconfigured(
                f"The approval policy's wary={self.wary!r} is no tuple.",
                hint=f"Write wary=({self.wary!r},).",
            )
        content = digest(_form(self.rules), _form(self.terms), list(self.wary))
        object.__setattr__(self, "version", content[:12])

    def rule_on(self, action: Action) -> Ruling:
        """What the policy says of one call."""
        rule = next((rule for rule in self.rules if rule.matches(action)), None)
        if rule is None:
            then, name, reason = _default(action)
        else:
            then, name, reason = rule.then, rule.name, rule.reason
        if then == "allow" and action.stakes == "high":
            then, name, reason = "ask", "high-stakes", "a high-stakes action always asks"
        signal = self._alarm(action) if then == "allow" else ""
        if signal:
            then, name = "ask", "wary"
            reason = f"{signal} was found in what this run has read; without that it would pass"
        return Ruling(
            call_id=action.call_id,
            verdict=then,
            rule=name,
            policy_version=self.version,
            reason=reason,
            terms=self.terms_of(rule) if rule else self.terms,
            provenance=action.provenance or (),
        )

    def _alarm(self, action: Action) -> str:
        """The signal for which an action that would pass asks a person."""
        if action.effect == "read" and not action.egress:
            return ""
        return next((s for s in sorted(action.signals) if _any(self.wary, s)), "")

    def terms_of(self, rule: PolicyRule) -> Terms:
        """The rule's terms, and the policy's for what they do not give."""
        given = rule.terms.model_dump(exclude_unset=True)
        return Terms.model_validate(self.terms.model_dump() | given)


def _default(action: Action) -> tuple[Then, str, str]:
    if action.effect == "read" and action.egress:
        return "ask", "default", f"{action.tool} is a read that leaves the machine"
    return ("allow" if action.effect == "read" else "ask"), "default", ""


def _any(globs: tuple[str, ...], name: str) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _finite(argument: str, bounds: Sequence[object]) -> None:
    for bound in bounds:
        whole = isinstance(bound, int) and not isinstance(bound, bool)
        if not (bound is None or whole or (isinstance(bound, float) and math.isfinite(bound))):
            raise Misconfigured(
                f"A condition on argument {argument!r} has the bound {bound!r}.",
                hint="Give a finite number, or none.",
            )


def _known(rule: PolicyRule, part: str, given: Sequence[str], words: object) -> None:
    strange = [word for word in given if word not in get_args(words)]
    if strange:
        raise Misconfigured(
            f"Policy rule {rule.name!r}: {part} cannot be {strange[0]!r}.",
            hint=f"Use {', '.join(get_args(words))}.",
        )


def _each(value: JsonValue, path: Sequence[str], holds: Callable[[JsonValue], bool]) -> bool:
    """Whether it holds for all that stands at the path. False where nothing does."""
    if not path:
        return holds(value)
    part, *rest = path
    match value:
        case dict():
            inner = list(value.values()) if part == "*" else [value[part]] if part in value else []
        case list() if part == "*":
            inner = value
        case list() if part.isdecimal():
            inner = value[int(part) : int(part) + 1]
        case _:
            inner = []
    return bool(inner) and all(_each(one, rest, holds) for one in inner)


def _form(value: object) -> JsonValue:
    """All of a rule as JSON: two that differ have two forms. 5 and 5.0 are one bound."""
    match value:
        case BaseModel():
            return _form(value.model_dump(mode="json", exclude_unset=True))
        case tuple() | list():
            return [_form(one) for one in cast("Sequence[object]", value)]
        case dict():
            return {name: _form(one) for name, one in cast("dict[str, object]", value).items()}
        case float() if value.is_integer():
            return int(value)
        case _ if is_dataclass(value):
            parts = {f.name: _form(getattr(value, f.name)) for f in fields(value) if f.compare}
            return {"is": type(value).__name__, "parts": parts}
        case _:
            return cast("JsonValue", value)
