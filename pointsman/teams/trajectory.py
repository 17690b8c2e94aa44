"""A run's way from specialist to specialist: how often each edge, and whether it goes in circles.

Pure. The loop guard knows which content has passed through which specialist. A run that comes back
to one with the same request and brings it nothing new is in a loop, however long the circle is. The
reason of a hand-off is not content: a model words it anew each time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from pydantic import JsonValue

from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.message import Handoff, Request

_REASONS = ""
"""Under this name `known` keeps the reasons that were given. No specialist has it."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where a run has been, as its state keeps it."""

    trail: tuple[str, ...] = ()
    """Digests of (specialist, request), one for each visit."""
    edges: Mapping[str, int] | None = None
    """How often each edge was taken."""
    known: Mapping[str, tuple[str, ...]] | None = None
    """By specialist: digests of what passed through it."""

    @classmethod
    def of(cls, trail: list[str], way: JsonObject) -> "Way":
        """As the state has it."""
        edges = cast("Mapping[str, int]", way.get("edges") or {})
        known = cast("Mapping[str, list[str]]", way.get("known") or {})
        return cls(tuple(trail), edges, {name: tuple(seen) for name, seen in known.items()})

    def taken(self, frm: str, to: str) -> int:
        """How often the run went from one to the other."""
        return (self.edges or {}).get(edge(frm, to), 0)

    def loops(self, to: str, request: Request, given: Handoff | None) -> bool:
        """Whether the request would come back to `to` with nothing that it has not had before."""
        if visit(to, request) not in self.trail:
            return False
        known = self.known or {}
        reasons = {*known.get(_REASONS, ()), *_reason(given)}
        return content(request, given) - reasons <= set(known.get(to, ()))

    def after(self, frm: str, to: str, request: Request, given: Handoff | None) -> "Way":
        """The way with this step taken."""
        passed = content(request, given)
        known = dict(self.known or {})
        known[_REASONS] = _joined(known.get(_REASONS, ()), _reason(given))
        for name in (frm, to):
            known[name] = _joined(known.get(name, ()), passed)
        edges = {**(self.edges or {}), edge(frm, to): self.taken(frm, to) + 1}
        return Way((*self.trail, visit(to, request)), edges, known)

    def as_json(self) -> JsonObject:
        """Edges and contents, for the state."""
        known: JsonObject = {name: [*seen] for name, seen in (self.known or {}).items()}
        return {"edges": cast("JsonValue", dict(self.edges or {})), "known": known}


def edge(frm: str, to: str) -> str:
    """An edge's key."""
    return f"{frm} > {to}"


def visit(to: str, request: Request) -> str:
    """Digest of a visit: to whom, with which request, whatever its spaces and capitals."""
    return digest(to, " ".join(request.text.split()).casefold())


def content(request: Request, given: Handoff | None) -> set[str]:
    """Digests of what comes along: everything read and said, and the data. What was cut short is
    left out: it looks new whenever it is cut elsewhere."""
    found = {_quoted(quote.text) for quote in request.handed if not quote.cut}
    data = given.data if given is not None else request.data
    return found if data is None else {*found, digest("data", data)}


def _quoted(text: str) -> str:
    return digest("text", " ".join(text.split()).casefold())


def _reason(given: Handoff | None) -> set[str]:
    return set() if given is None else {_quoted(given.reason)}


def _joined(known: tuple[str, ...], more: set[str]) -> tuple[str, ...]:
    return (*known, *sorted(more - set(known)))
