"""Which actions need a person: an ordered list of rules, as data. First match decides."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from pointsman.errors import Misconfigured
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.message import Ruling
from pointsman.nodes.tool import Effect, Stakes

Then = Literal["allow", "ask", "deny"]


@dataclass(frozen=True, slots=True)
class Limit:
    """Holds for a call whose argument is a number within the bounds, ends included."""

    argument: str
    at_most: float | None = None
    at_least: float | None = None

    def holds(self, args: JsonObject) -> bool:
        """False too where the argument is missing or is no number: a rule never guesses."""
        value = args.get(self.argument)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        low = self.at_least is None or value >= self.at_least
        return low and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        low = "" if self.at_least is None else f"{self.at_least:g} <= "
        high = "" if self.at_most is None else f" <= {self.at_most:g}"
        return f"{low}{self.argument}{high}"


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


@dataclass(frozen=True)
class PolicyRule:
    """One line of a policy. Every condition given must hold; globs are case-sensitive."""

    name: str
    then: Then
    tools: tuple[str, ...] = ("*",)
    specialists: tuple[str, ...] = ("*",)
    tenants: tuple[str, ...] = ("*",)
    effect: Effect | None = None
    stakes: Stakes | None = None
    when: tuple[Limit, ...] = ()
    reason: str = ""
    """Shown to the reviewer, or to the specialist when the rule denies."""

    def matches(self, action: Action) -> bool:
        """Whether every condition holds for the action."""
        return (
            _any(self.tools, action.tool)
            and _any(self.specialists, action.specialist)
            and _any(self.tenants, action.tenant)
            and self.effect in (None, action.effect)
            and self.stakes in (None, action.stakes)
            and all(limit.holds(action.args) for limit in self.when)
        )

    def __str__(self) -> str:
        parts = [
            f"tools {', '.join(self.tools)}",
            *([f"effect {self.effect}"] if self.effect else []),
            *([f"stakes {self.stakes}"] if self.stakes else []),
            *([f"by {', '.join(self.specialists)}"] if self.specialists != ("*",) else []),
            *([f"for {', '.join(self.tenants)}"] if self.tenants != ("*",) else []),
            *(str(limit) for limit in self.when),
        ]
        return f"{self.name}: {self.then} {'; '.join(parts)}"


@dataclass(frozen=True)
class ApprovalPolicy:
    """Ordered rules, then the defaults: reads are allowed, writes ask a person.

    A high-stakes action asks always, unless a rule denies it: no rule lets one pass. Raises
    Misconfigured for two rules of one name.
    """

    rules: tuple[PolicyRule, ...] = ()
    version: str = field(init=False)
    """First 12 hex digits of the SHA-256 over the rules: stands on every ticket."""

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise Misconfigured(
                f"The approval policy has two rules named {twice[0]!r}.", hint="Rename one."
            )
        content = digest([[str(rule), rule.reason] for rule in self.rules])
        object.__setattr__(self, "version", content[:12])

    def rule_on(self, action: Action) -> Ruling:
        """What the policy says of one call."""
        rule = next((rule for rule in self.rules if rule.matches(action)), None)
        then: Then = "allow" if action.effect == "read" else "ask"
        name, reason = "default", ""
        if rule is not None:
            then, name, reason = rule.then, rule.name, rule.reason
        if then == "allow" and action.stakes == "high":
            then, name, reason = "ask", "high-stakes", "a high-stakes action always asks"
        return Ruling(
            call_id=action.call_id,
            verdict=then,
            rule=name,
            policy_version=self.version,
            reason=reason,
        )


def _any(globs: tuple[str, ...], name: str) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
