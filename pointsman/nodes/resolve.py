"""Resolvers: how one answer is made of the answers of several who were asked the same."""

import json
import re
import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Protocol

from pydantic import JsonValue

from pointsman.errors import BadOutput, Misconfigured, NoModel
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.message import Answer, Escalation, Request, Turn
from pointsman.nodes.run import Run
from pointsman.prompts.library import Prompt, PromptLibrary

NONE = "none"
"""What a judge answers where no candidate is right."""
_LETTERS = "ABCDEFGH"
_SHOWN = 4_000
"""Characters of one answer that a judge or a person is shown."""
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Ballot:
    """What one member said. `key` is what is compared; empty: the member gave no usable answer."""

    member: str
    weight: float
    text: str = ""
    data: JsonValue = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """The members that gave one and the same answer, heaviest first, and their weight together."""

    ballots: tuple[Ballot, ...]
    weight: float

    @property
    def spokesman(self) -> Ballot:
        """Whose wording stands for the side: the heaviest, then the first by text."""
        return self.ballots[0]


@dataclass(frozen=True)
class Poll:
    """A question and what each member said. All members count, also those without an answer."""

    request: Request
    ballots: tuple[Ballot, ...]

    @property
    def weight(self) -> float:
        """Of all members."""
        return fsum(b.weight for b in self.ballots)

    @property
    def sides(self) -> tuple[Side, ...]:
        """The different answers, heaviest first; the same for every order of the members."""
        keys = {b.key for b in self.ballots if b.key}
        sides: list[Side] = []
        for key in keys:
            of = [b for b in self.ballots if b.key == key]
            of.sort(key=lambda b: (-b.weight, b.text, b.member))
            sides.append(Side(tuple(of), fsum(b.weight for b in of)))
        return tuple(sorted(sides, key=lambda s: (-s.weight, s.spokesman.key)))

    @property
    def agreement(self) -> float:
        """Share of the heaviest answer in the weight of all members, 0 to 1."""
        sides = self.sides
        return sides[0].weight / self.weight if sides else 0.0


Resolution = Ballot | Answer | Escalation
"""A member's answer, a resolver's own, or what a person must look at."""
Resolve = Callable[[Poll, Run], Awaitable[Resolution | None]]
"""Settles a poll; None: cannot tell."""


class Resolver(Protocol):
    """One way to settle a poll."""

    @property
    def name(self) -> str:
        """For the record, e.g. `vote`."""
        ...

    def ready(self, prompts: PromptLibrary) -> Resolve:
        """What settles polls. Raises PromptError for a prompt that is missing."""
        ...


@dataclass(frozen=True)
class Vote:
    """The heaviest answer, if it has `quorum` of the weight of all members and more than any other.

    `quorum` is a share above 0 to 1. A member that failed counts, for nobody. Raising the weight of
    a winner's voter never changes the winner. Raises Misconfigured for a quorum out of range.
    """

    quorum: float = 0.5
    name: str = "vote"

    def __post_init__(self) -> None:
        if not 0 < self.quorum <= 1:
            raise Misconfigured(
                f"Vote(quorum={self.quorum}) is out of range.",
                hint="Give the share of all members' weight that must agree, above 0 to 1.",
            )

    def ready(self, prompts: PromptLibrary) -> Resolve:
        """See `Resolver.ready`."""

        async def resolve(poll: Poll, run: Run) -> Ballot | None:
            first, *others = poll.sides or (Side((), 0.0),)
            if not first.ballots or first.weight < self.quorum * poll.weight:
                return None
            tied = bool(others) and others[0].weight >= first.weight
            return None if tied else first.spokesman

        return resolve


RuleOf = Callable[[Poll], Ballot | Answer | None]


@dataclass(frozen=True)
class ByRule:
    """A function settles it: one of the ballots, an answer of its own, or None. It must give the
    same for the same poll."""

    rule: RuleOf
    name: str = "rule"

    def ready(self, prompts: PromptLibrary) -> Resolve:
        """See `Resolver.ready`."""

        async def resolve(poll: Poll, run: Run) -> Ballot | Answer | None:
            found = self.rule(poll)
            if isinstance(found, Ballot) and found not in poll.ballots:
                raise BadOutput(
                    f"Resolver {self.name!r} of {run.specialist!r} chose a ballot of"
                    f" {found.member!r} that is none of the poll's."
                )
            return found

        return resolve


@dataclass(frozen=True)
class ByJudge:
    """A model chooses among the different answers, without seeing whose they are.

    It is asked twice, the second time with the answers in the opposite order, since models favour a
    place (Zheng et al. 2023, arXiv:2306.05685): a choice that follows the place is none. Also none:
    more than 8 different answers, `none`, and a model that fails for now.
    """

    prompt: str = "panel/judge"
    tier: str = "strong"
    name: str = "judge"

    def ready(self, prompts: PromptLibrary) -> Resolve:
        """See `Resolver.ready`."""
        prompt = prompts.get(self.prompt)
        system = prompt.render({})

        async def resolve(poll: Poll, run: Run) -> Ballot | None:
            sides = tuple(side.spokesman for side in poll.sides)
            if not 0 < len(sides) <= len(_LETTERS):
                return None
            try:
                first = await self._chosen(prompt, system, poll.request, sides, run)
                if first is None or len(sides) == 1:
                    return first
                again = await self._chosen(prompt, system, poll.request, sides[::-1], run)
            except BadOutput:
                return None
            except NoModel as error:
                if not error.transient:
                    raise
                return None
            return first if again == first else None

        return resolve

    async def _chosen(
        self,
        prompt: Prompt,
        system: str,
        request: Request,
        candidates: Sequence[Ballot],
        run: Run,
    ) -> Ballot | None:
        by_letter = dict(zip(_LETTERS, candidates, strict=False))
        listed = "\n\n".join(f"{a}: {_quoted(b.text)}" for a, b in by_letter.items())
        asked = ModelRequest(
            turns=(
                Turn(role="system", content=system),
                Turn(role="user", content=f"Question: {_quoted(request.text)}\n\n{listed}"),
            ),
            choices=(*by_letter, NONE),
            max_tokens=8,
            purpose="judge",
            prompt_version=f"{prompt.name}@{prompt.version}",
            tier=self.tier,
        )
        return by_letter.get((await run.gateway.complete(asked, run)).text)


@dataclass(frozen=True)
class ByPerson:
    """A person decides. The ticket shows what each member said; released as it is, that is the
    answer, and whoever answers instead has the last word."""

    reason: str = "the members of the panel do not agree"
    name: str = "person"

    def ready(self, prompts: PromptLibrary) -> Resolve:
        """See `Resolver.ready`."""

        async def resolve(poll: Poll, run: Run) -> Escalation:
            said = [f"- {b.member}: {b.text[:_SHOWN] or 'no answer'}" for b in poll.ballots]
            text = "There is no one answer to this.\n" + "\n".join(said)
            held = Answer(text=text, by="rules", evidence=(poll.request.text, text))
            return Escalation(
                stage="output", guard="panel", rule="disagreement", reason=self.reason, held=held
            )

        return resolve


def normalised(text: str) -> str:
    """A text without what makes no difference: case, blanks, compatibility forms of characters,
    and punctuation at its ends."""
    plain = _BLANKS.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    return plain.strip(" \t\n.,;:!?\"'`*_()[]")


def _quoted(text: str) -> str:
    return json.dumps(text[:_SHOWN], ensure_ascii=False)
