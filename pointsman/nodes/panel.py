"""Panel: the same question to several specialists, and one answer out of theirs."""

import json
import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

from pointsman.errors import BadOutput, Misconfigured
from pointsman.nodes.event import Resolved
from pointsman.nodes.message import (
    Answer,
    Delegation,
    Delivered,
    Message,
    Payload,
    Request,
    Task,
    TaskResult,
)
from pointsman.nodes.node import Node
from pointsman.nodes.resolve import (
    Ballot,
    Poll,
    Resolution,
    Resolve,
    Resolver,
    Vote,
    normalised,
)
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import Specialist
from pointsman.prompts.library import PromptLibrary

Key = Callable[[TaskResult], str]
"""What of an answer is compared; empty: it is none that counts."""


@dataclass(frozen=True)
class Member:
    """Who is asked, and how much the answer weighs beside the others'. To ask one specialist on
    several models, make one of each: `replace(specialist, name=..., tier=...)`."""

    specialist: Specialist
    weight: float = 1.0


@dataclass(frozen=True)
class Panel:
    """Work: asks each member the same, at once, and lets a resolver settle what they said.

    Compared are the texts, `normalised`; or the value at `path` in their data (such as
    `cause.service`); or what `key` makes of a result. Where `resolver` cannot tell, those of
    `otherwise` are asked in turn. Raises Misconfigured for fewer than two members, one twice, or a
    weight that is not a number above 0.
    """

    members: tuple[Specialist | Member, ...]
    _: KW_ONLY
    resolver: Resolver = field(default_factory=Vote)
    otherwise: tuple[Resolver, ...] = ()
    path: str = ""
    key: Key | None = None

    def __post_init__(self) -> None:
        names = self.reaches()
        if len(names) < 2 or len(names) < len(self.members):
            raise Misconfigured(
                f"A panel of {', '.join(names) or 'nobody'} has fewer than two members, or one"
                " twice.",
                hint="Name each once. For one on several models give each a name and tier of its"
                " own.",
            )
        for member in self.weighed:
            if not (math.isfinite(member.weight) and member.weight > 0):
                raise Misconfigured(
                    f"{member.specialist.name!r} has weight {member.weight} in a panel.",
                    hint="Give a number above 0.",
                )
        if self.path and self.key:
            raise Misconfigured("A panel has both a path and a key.", hint="Give one of them.")

    @property
    def weighed(self) -> tuple[Member, ...]:
        """The members, each with its weight."""
        return tuple(m if isinstance(m, Member) else Member(m) for m in self.members)

    def reaches(self) -> tuple[str, ...]:
        """See `Work.reaches`."""
        return tuple(dict.fromkeys(m.specialist.name for m in self.weighed))

    def node(self, specialist: Specialist, *, team: str, prompts: PromptLibrary) -> Node:
        """See `Work.node`."""
        if specialist.name in self.reaches():
            raise Misconfigured(
                f"{specialist.name!r} is a member of its own panel.",
                hint="Take it out, or give it to another specialist.",
            )
        return PanelNode(self, specialist.name, prompts)


class PanelNode:
    """The node of a specialist that does a panel.

    Raises BadOutput where no member answered or no resolver could tell, so that the specialist's
    fallback answers, and what the resolvers raise.
    """

    def __init__(self, panel: Panel, name: str, prompts: PromptLibrary) -> None:
        self._panel = panel
        self._name = name
        self._resolvers: tuple[tuple[str, Resolve], ...] = tuple(
            (resolver.name, resolver.ready(prompts))
            for resolver in (panel.resolver, *panel.otherwise)
        )

    async def __call__(self, message: Message, run: Run) -> Message:
        match message.payload:
            case Request() as request:
                tasks = tuple(
                    Task(id=name, to=name, text=request.text) for name in self._panel.reaches()
                )
                payload: Payload = Delegation(of="panel", request=request, tasks=tasks)
            case Delivered() as delivered:
                payload = await self._settled(delivered, run)
            case _:
                raise TypeError(f"specialist {self._name!r} cannot take {message.type!r}")
        return message.reply(payload, sender=self._name)

    async def _settled(self, delivered: Delivered, run: Run) -> Payload:
        poll = self._poll(delivered)
        found, abstained, by = None, list[str](), ""
        if any(ballot.text for ballot in poll.ballots):
            for name, resolve in self._resolvers:
                found = await resolve(poll, run)
                if found is not None:
                    by = name
                    break
                abstained.append(name)
        self._record(poll, found, by, abstained, run)
        evidence = _evidence(delivered)
        match found:
            case Ballot():
                return Answer(text=found.text, data=found.data, evidence=evidence)
            case Answer():
                return found if found.evidence else found.model_copy(update={"evidence": evidence})
            case None:
                raise self._undecided(delivered, poll)
            case escalation:
                return escalation

    def _poll(self, delivered: Delivered) -> Poll:
        weights = {m.specialist.name: m.weight for m in self._panel.weighed}
        ballots: list[Ballot] = []
        for result in delivered.results:
            weight = weights.get(result.to, 1.0)
            if result.status == "done" and result.text.strip():
                key = self._key(result)
                ballot = Ballot(result.to, weight, result.text.strip(), result.data, key)
            else:
                ballot = Ballot(result.to, weight)
            ballots.append(ballot)
        return Poll(delivered.delegation.request, tuple(ballots))

    def _key(self, result: TaskResult) -> str:
        if self._panel.key is not None:
            return self._panel.key(result)
        if not self._panel.path:
            return normalised(result.text) or result.text
        value = result.data
        for part in self._panel.path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            return ""
        return normalised(value) if isinstance(value, str) else json.dumps(value, sort_keys=True)

    def _record(
        self, poll: Poll, found: Resolution | None, by: str, abstained: list[str], run: Run
    ) -> None:
        run.emit(
            Resolved(
                specialist=self._name,
                members=len(poll.ballots),
                answered=sum(1 for b in poll.ballots if b.text),
                distinct=len(poll.sides),
                agreement=min(poll.agreement, 1.0),
                resolver=by,
                winner=found.member if isinstance(found, Ballot) else "",
                abstained=tuple(abstained),
            )
        )

    def _undecided(self, delivered: Delivered, poll: Poll) -> BadOutput:
        failed = [f"{r.to} ({r.status})" for r in delivered.results if r.status != "done"]
        without = f" No answer came from {', '.join(failed)}." if failed else ""
        return BadOutput(
            f"The panel of {self._name!r} came to no answer: {len(poll.sides)} different ones from"
            f" {len(poll.ballots)} members, the strongest with {poll.agreement:.0%}.{without}",
            hint="Add ByPerson() to the panel's `otherwise`, or a fallback to the specialist.",
        )


def _evidence(delivered: Delivered) -> tuple[str, ...]:
    request = delivered.delegation.request
    said = (turn.content for turn in request.history)
    texts = (r.text for r in delivered.results)
    return tuple(t for t in (request.text, *said, *texts) if t)
