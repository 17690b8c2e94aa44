"""The judge guard: a model says whether a text breaks a policy that is written in words."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

from pointsman.errors import BadOutput, Exhausted, Misconfigured, Retryable
from pointsman.guardrails.assess import (
    Conduct,
    Consequence,
    Down,
    Opinion,
    Piece,
    assessed,
    check_settings,
    readings,
    windows,
)
from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.check import Check, Place, look
from pointsman.guardrails.pii import Pii
from pointsman.guardrails.reading import apart, cut_out
from pointsman.guardrails.secrets import Secrets
from pointsman.nodes.digest import digest
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.message import Turn
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.vault import SHAPE, Numbers, names_in
from pointsman.prompts.library import Prompt, PromptLibrary

BREAKS, KEEPS = "breaks", "keeps"
CHOICES = (BREAKS, KEEPS)
POLICY_MOST = 20_000
"""Characters."""
OVERLAP = 400
"""Characters that two stretches of a long text share."""

_PLACES: dict[Place, str] = {
    "request": "a user's message",
    "history": "an earlier message",
    "result": "what a tool gave back",
    "document": "a document",
    "argument": "what a tool is called with",
    "answer": "an answer to a user",
}
_DOUBTFUL = re.compile(rf"(?:{SHAPE.pattern})|[^ !#-;=?-Z\]-_a-{{}}~]")
"""Whatever is not plain: quotation marks, backslashes, what special tokens of models are written
with (`<|...|>`, `</s>`, `[INST]`, fences), line ends, and all that is not ASCII."""
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code)
    for first, end in ((0x180B, 0x1810), (0xFE00, 0xFE10), (0xE0100, 0xE01F0))
    for code in range(first, end)
}
"""Characters that count as printable and show nothing."""


@dataclass(frozen=True)
class JudgeGuard:
    """Asks a model whether a text breaks `policy`, and blocks, asks a person or records.

        JudgeGuard("No legal advice. General words on how to find a lawyer are fine.",
                   places=frozenset({"request", "answer"}), tier="strong")

    One call for each text of `places`, through the gateway: journal, cache, budget and fallback
    chain are those of any call. The text is quoted as a JSON string (`quoted`), which no text can
    close. What `mask` finds in it is taken out first, so that the judge reads no credential and no
    personal data. A text with hidden or encoded parts is judged as it is and in plain letters.

    Rules: `policy-<place>` where the model says `breaks`, with the probability of that word as
    confidence where the model gives one; below `min_confidence` it is recorded only.
    `unjudged-<place>` where every model of the tier failed or gave none of the two words: by
    `when_down` it is treated like a breach (`block`) or recorded and let through (`allow`).
    `too-long-<place>`: a text of more than `most` stretches of `window` characters is treated like
    a breach, as nobody has read all of it.

    `examples` are texts with whether they break the policy; they help small models most.
    `prompts`: a folder with files of your own for `judge/policy` and `judge/text`. In shadow, and
    with `record`, nothing comes of a verdict, not even of a budget that is spent; the calls are
    made and waited for all the same. A model can be wrong, and talked round by the very text it
    judges: it is a filter, no gate for actions.

    Raises Misconfigured (PromptError) for settings or prompts that cannot be used; while it runs,
    what the gateway raises for a tier that there is not, a budget or a deadline.
    """

    policy: str
    places: frozenset[Place] = frozenset({"request"})
    action: Consequence = "block"
    tier: str = "fast"
    shadow: bool = False
    when_down: Down = "block"
    examples: tuple[tuple[str, bool], ...] = ()
    min_confidence: float = 0.0
    says: str = ""
    """What the user reads in place of what was stopped; empty: a plain apology."""
    name: str = "judge"
    mask: tuple[Check, ...] = (Secrets(), Pii())
    window: int = 8_000
    most: int = 4
    prompts: Path | None = None
    why: str = field(default="", compare=False, repr=False, kw_only=True)
    """The reason for it, for the team's design page. Changes nothing else."""

    def __post_init__(self) -> None:
        check_settings(self.name, self.action, self.places, self.when_down)
        fault = self._fault()
        if fault:
            raise Misconfigured(f"JudgeGuard {self.name!r}: {fault}.")
        # Now, so that a file that cannot be used is known before the first message.
        self._shown("", "a text")
        _ = self._system

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""
        conduct = Conduct(self.name, self.action, self.places, self.version, self.shadow, self.says)
        return assessed(inner, conduct, self._opinion)

    @cached_property
    def version(self) -> str:
        """12 hex digits over the prompts, the policy, its examples and what is taken out."""
        system, text = self._files
        examples = [f"{breaks} {example}" for example, breaks in self.examples]
        return digest(
            "judge", self.policy, system.version, text.version, self.min_confidence,
            self.window, self.most, *examples, *(check.version for check in self.mask),
        )[:12]  # fmt: skip

    def _fault(self) -> str:
        if not self.policy.strip() or len(self.policy) > POLICY_MOST:
            return f"a policy has 1 to {POLICY_MOST:,} characters"
        if not 2 * OVERLAP <= self.window <= 100_000 or not 1 <= self.most <= 100:
            return f"window is {2 * OVERLAP} to 100,000 characters, most 1 to 100"
        if not 0 <= self.min_confidence <= 1:
            return "min_confidence is 0 to 1"
        return ""

    async def _opinion(self, piece: Piece, run: Run) -> Opinion | None:
        shown = masked(piece.text, self.mask)
        stretches = [windows(text, self.window, OVERLAP) for text in readings(shown)]
        if any(len(parts) > self.most for parts in stretches):
            return Opinion(f"too-long-{piece.place}")
        unjudged = Opinion(f"unjudged-{piece.place}", judged=False)
        minor: Opinion | None = None
        for part in chain.from_iterable(stretches):
            word, confidence = await self._asked(part, piece.place, run)
            if word == BREAKS:
                breach = Opinion(f"policy-{piece.place}", confidence)
                if confidence is None or confidence >= self.min_confidence:
                    return breach
                minor = replace(breach, passes=True)
            elif word != KEEPS:
                if self.when_down == "block":
                    return unjudged
                minor = minor or replace(unjudged, passes=True)
        return minor

    async def _asked(self, text: str, place: Place, run: Run) -> tuple[str, float | None]:
        """The model's word and its probability; an empty word where there is none."""
        request = ModelRequest(
            turns=(self._system, self._shown(text, _PLACES[place])),
            examples=self._shots,
            choices=CHOICES,
            max_tokens=16,
            purpose="judge",
            prompt_version=self._prompt_version,
            tier=self.tier,
        )
        try:
            reply = await run.gateway.complete(request, run)
        except (Retryable, BadOutput):
            return "", None
        except Exhausted:
            # On trial the run goes on as if it had not been asked.
            if not self.shadow and self.action != "record":
                raise
            return "", None
        if reply.text not in CHOICES:
            return "", None
        return reply.text, dict(reply.probabilities).get(reply.text)

    def _shown(self, text: str, place: str) -> Turn:
        given = {"text": quoted(text), "place": place}
        return Turn(role="user", content=self._files[1].render(given))

    @cached_property
    def _files(self) -> tuple[Prompt, Prompt]:
        library = PromptLibrary((self.prompts,) if self.prompts else ())
        return library.get("judge/policy"), library.get("judge/text")

    @cached_property
    def _system(self) -> Turn:
        return Turn(role="system", content=self._files[0].render({"policy": self.policy.strip()}))

    @cached_property
    def _shots(self) -> tuple[tuple[Turn, ...], ...]:
        return tuple(
            (
                self._shown(text, "a text"),
                Turn(role="assistant", content=BREAKS if breaks else KEEPS),
            )
            for text, breaks in self.examples
        )

    @cached_property
    def _prompt_version(self) -> str:
        return "+".join(f"{prompt.name}@{prompt.version}" for prompt in self._files)


def quoted(text: str) -> str:
    """Any text as one JSON string on one line, which `json.loads` reads back.

    Between its quotation marks stands none that is not escaped, no line end, no character that
    shows nothing, and none of `<`, `>`, `|`, a backtick, or `[` but in a placeholder: whatever the
    text holds, it stays inside.
    """
    return f'"{_DOUBTFUL.sub(_escaped, text)}"'


def _escaped(match: re.Match[str]) -> str:
    part = match.group()
    if len(part) > 1 or (part > "\x7f" and part.isprintable() and part not in _UNSEEN):
        return part
    escape = json.dumps(part)[1:-1]
    return escape if escape != part else f"\\u{ord(part):04x}"


def masked(text: str, checks: Sequence[Check]) -> str:
    """The text with all that the checks find replaced by placeholders, numbered in the text alone:
    equal texts stay equal, so that a judgement is found in the cache."""
    spelled = canonical(text)
    found = [
        (*spelled.span(one.start, one.end), one) for check in checks for one in look(check, spelled)
    ]
    cuts, numbers = apart(found), Numbers()
    numbers.take(names_in(text))
    for cut in cuts:
        numbers.number(cut.label, cut.key)
    return cut_out(text, cuts, numbers.given)
