"""One reading of a payload: what the checks find in each of its texts, and what comes of it."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pointsman.guardrails.canonical import Canonical, canonical
from pointsman.guardrails.check import Check, Place, look
from pointsman.guardrails.rules import Found
from pointsman.guardrails.texts import rewritten
from pointsman.guardrails.verdict import VerdictName
from pointsman.nodes.event import Judged, Span
from pointsman.nodes.message import Payload, Proposal
from pointsman.nodes.vault import Hidden, Name, names_in, placeholder

MOST_SPANS = 20
"""Spans that one verdict records."""
_LABEL = re.compile(r"[A-Z][A-Z0-9_]{0,30}")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found in one text, in the indices of that text, and what comes of it."""

    check: Check
    found: Found
    verdict: VerdictName
    start: int
    end: int
    at: str

    @property
    def kind(self) -> tuple[str, VerdictName, str, bool]:
        """What is counted together."""
        return self.found.rule, self.verdict, self.check.version, self.check.shadow


@dataclass(frozen=True, slots=True)
class Cut:
    """A span of one text that a placeholder replaces."""

    start: int
    end: int
    label: str
    key: str


@dataclass
class Reading:
    """Pure: nothing is stored and nothing recorded. `only`, the verdicts that count, the others are
    dropped; `admitted`, names of rules that a person has let through."""

    checks: Sequence[Check]
    admitted: Collection[str] = frozenset()
    masks: bool = False
    """Redact whatever a check would act on: no verdict is given yet."""
    findings: list[Finding] = field(default_factory=list[Finding])
    hidden: list[Hidden] = field(default_factory=list[Hidden])
    taken: set[Name] = field(default_factory=set[Name])
    _cuts: list[list[Cut]] = field(default_factory=list[list[Cut]])
    _spelled: dict[str, Canonical] = field(default_factory=dict[str, Canonical])
    _found: dict[tuple[str, Place], list[tuple[Check, Found]]] = field(
        default_factory=dict[tuple[str, Place], list[tuple[Check, Found]]]
    )
    _proposal: bool = False

    def read(self, payload: Payload) -> "Reading":
        """Find everything in the payload's texts."""
        self._proposal = isinstance(payload, Proposal)
        rewritten(payload, self._visit)
        return self

    def redacted(self, payload: Payload, numbers: Mapping[tuple[str, str], int]) -> Payload:
        """The same payload with what is to be redacted redacted. The payload itself where nothing
        is."""
        if not any(self._cuts):
            return payload
        cuts = iter(self._cuts)

        def cut(text: str, place: Place, at: str, *, past: bool = False) -> str:
            return cut_out(text, next(cuts), numbers)

        return rewritten(payload, cut)

    def rules(self, verdict: VerdictName) -> list[Found]:
        """What was found with this verdict by checks that are not on trial, in order."""
        return [f.found for f in self.findings if f.verdict == verdict and not f.check.shadow]

    def events(
        self, guard: str, specialist: str, stage: Literal["input", "output", "action"]
    ) -> list[Judged]:
        """One verdict a rule, without the text of what was found."""
        kinds: dict[tuple[str, VerdictName, str, bool], list[Finding]] = {}
        for one in self.findings:
            kinds.setdefault(one.kind, []).append(one)
        return [
            Judged(
                guard=guard, specialist=specialist, stage=stage, verdict=verdict, rule=rule,
                count=len(ones), confidence=max(one.found.confidence for one in ones),
                spans=tuple(Span(at=o.at, start=o.start, end=o.end) for o in ones[:MOST_SPANS]),
                policy_version=version, shadow=shadow,
            )
            for (rule, verdict, version, shadow), ones in kinds.items()
        ]  # fmt: skip

    def _visit(self, text: str, place: Place, at: str, *, past: bool = False) -> str:
        self.taken |= names_in(text)
        redacted: list[tuple[int, int, Found]] = []
        for check, found in self._in(text, place):
            verdict = self._verdict(check, found, place, past=past)
            if verdict is None:
                continue
            start, end = self._spelled[text].span(found.start, found.end)
            self.findings.append(Finding(check, found, verdict, start, end, at))
            if verdict == "redact" and not check.shadow:
                redacted.append((start, end, found))
        cuts = apart(redacted)
        self._cuts.append(cuts)
        self.hidden += [Hidden(c.label, c.key, text[c.start : c.end]) for c in cuts]
        return text

    def _in(self, text: str, place: Place) -> list[tuple[Check, Found]]:
        found = self._found.get((text, place))
        if found is None:
            found = list[tuple[Check, Found]]()
            for check in self.checks:
                if check.action != "off" and place in check.places:
                    spelled = self._spelled.get(text)
                    if spelled is None:
                        spelled = self._spelled[text] = canonical(text)
                    found += [(check, one) for one in look(check, spelled)]
            self._found[text, place] = found
        return found

    def _verdict(
        self, check: Check, found: Found, place: Place, *, past: bool
    ) -> VerdictName | None:
        """What comes of a finding; None where it is none here."""
        action = check.action
        if self.masks:
            return None if action == "record" or check.shadow else "redact"
        if place == "argument":
            return self._on_argument(check, found)
        if action in {"record", "off"} or found.rule in self.admitted:
            return "allow"
        if past or action == "redact":
            return "redact"
        return "block" if action == "block" else "escalate"

    def _on_argument(self, check: Check, found: Found) -> VerdictName | None:
        """An argument is never changed. A credential stops the call. Personal data passes: the tool
        may need it. An address that leads out asks a person, as does what a check escalates."""
        action = check.action
        if action in {"record", "off"}:
            verdict: VerdictName | None = "allow"
        elif found.label == "SECRET" or action == "block":
            verdict = "block"
        elif action == "escalate" or found.label == "LINK":
            verdict = "escalate"
        else:
            return None
        if self._proposal and verdict != "block":
            return None  # The tool's door finds it again, and can ask a person there.
        return "allow" if found.rule in self.admitted else verdict


def apart(found: Sequence[tuple[int, int, Found]]) -> list[Cut]:
    """The spans in order, those that overlap made one: no part of any of them may stay."""
    cuts: list[Cut] = []
    # A credential comes first where two begin together: its label says the most.
    for start, end, one in sorted(found, key=lambda f: (f[0], f[2].label != "SECRET", -f[1])):
        label = one.label if _LABEL.fullmatch(one.label) else "TEXT"
        if cuts and start < cuts[-1].end:
            before = cuts.pop()
            label = "SECRET" if "SECRET" in (before.label, label) else before.label
            key = before.key if end <= before.end else f"{before.key}\0{one.key}"
            cuts.append(Cut(before.start, max(before.end, end), label, key))
        else:
            cuts.append(Cut(start, end, label, one.key))
    return cuts


def cut_out(text: str, cuts: Sequence[Cut], numbers: Mapping[tuple[str, str], int]) -> str:
    """The text with placeholders in place of the cuts."""
    pieces: list[str] = []
    at = 0
    for cut in cuts:
        pieces += [text[at : cut.start], placeholder(cut.label, numbers[cut.label, cut.key])]
        at = cut.end
    return "".join([*pieces, text[at:]])
