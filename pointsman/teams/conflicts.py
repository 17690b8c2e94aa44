"""Conflicts: somebody else wrote an entry since its writer read it. Resolvers say what follows.

Without a resolver the later writer is refused, and nothing is lost: it reads again and decides
anew. A resolver is any callable from a `WriteConflict` to a `Resolution`, sync or async.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pointsman.errors import Misconfigured, VersionConflict

T = TypeVar("T")
MOST_WHY = 1_000
"""Characters of a reason."""


@dataclass(frozen=True, slots=True)
class Version(Generic[T]):
    """One version of an entry: what was written, by whom and why."""

    key: str
    version: int
    value: T | None
    """None for a version that removed the entry."""
    by: str
    """The specialist that wrote it, or the person or program outside of a run."""
    run: str
    """The run in which it was written; empty outside of one."""
    why: str
    at: float
    """Seconds since the epoch."""
    expires: float | None


@dataclass(frozen=True, slots=True)
class WriteConflict(Generic[T]):
    """Two writes that both began from `base`: theirs stands, mine came later."""

    key: str
    expected: int
    """The version that I had read; 0 for an absent entry."""
    base: Version[T] | None
    """That version. None for an absent entry, and where its history is no longer kept."""
    mine: T | None
    """What I want to write; None to remove the entry."""
    by: str
    why: str
    theirs: Version[T] | None
    """What stands there now; None where it was removed or has expired meanwhile."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Theirs stands, and my write is refused."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Take(Generic[T]):
    """Write this value over theirs. It is written only if theirs still stands then."""

    value: T
    why: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """A person decides. In a run that is a ticket; elsewhere the write is refused."""

    why: str = ""


Resolution = Refuse | Take[T] | Ask


class Resolver(Protocol[T]):
    """Says what follows a conflict. May be asked again when a third write comes between."""

    def __call__(
        self, conflict: WriteConflict[T], /
    ) -> Resolution[T] | Awaitable[Resolution[T]]: ...


@dataclass(frozen=True)
class LastWriter(Generic[T]):
    """The later write wins, and what it overwrites is in the history only. For values of which just
    the newest counts, such as a reading."""

    def __call__(self, conflict: WriteConflict[T], /) -> Resolution[T]:
        """Mine, unless it would remove what I never saw."""
        if conflict.mine is None:
            return Refuse("A removal never wins over a value that its writer has not seen.")
        return Take(conflict.mine, "the last writer wins")


@dataclass(frozen=True)
class Merge(Generic[T]):
    """A function makes one value of three: `merge(base, mine, theirs)`; None where it cannot."""

    merge: Callable[[T | None, T, T], T | None]

    def __call__(self, conflict: WriteConflict[T], /) -> Resolution[T]:
        """The merged value. Refused where one side is a removal."""
        theirs = conflict.theirs.value if conflict.theirs else None
        if conflict.mine is None or theirs is None:
            return Refuse("One side removed the entry: there is nothing to merge.")
        base = conflict.base.value if conflict.base else None
        merged = self.merge(base, conflict.mine, theirs)
        if merged is None:
            return Refuse("The two cannot be merged.")
        return Take(
            merged, f"merged with version {conflict.theirs.version if conflict.theirs else 0}"
        )


@dataclass(frozen=True)
class Priority(Generic[T]):
    """Who stands earlier in the order wins; who does not stand there comes last. Among equals
    theirs stands."""

    order: tuple[str, ...]

    def __call__(self, conflict: WriteConflict[T], /) -> Resolution[T]:
        """Mine when I come before them."""
        theirs = conflict.theirs
        if theirs is None or conflict.mine is None:
            return Refuse("One side removed the entry: that has no priority.")
        if self._rank(conflict.by) < self._rank(theirs.by):
            return Take(conflict.mine, f"{conflict.by} goes before {theirs.by or 'others'}")
        return Refuse(f"{theirs.by or 'The other writer'} goes before {conflict.by or 'others'}.")

    def _rank(self, who: str) -> int:
        return self.order.index(who) if who in self.order else len(self.order)


@dataclass(frozen=True)
class Vote(Generic[T]):
    """Voters choose among both values; more than half of all voters must be for mine. Each is given
    the conflict and says whether mine is the better one; None abstains."""

    voters: Sequence[Callable[[WriteConflict[T]], bool | None]]

    def __post_init__(self) -> None:
        if not self.voters:
            raise Misconfigured("A vote on conflicts has no voters.", hint="Give it one or more.")

    def __call__(self, conflict: WriteConflict[T], /) -> Resolution[T]:
        """Mine with a majority of all voters."""
        if conflict.mine is None:
            return Refuse("A removal is not voted on.")
        votes = [voter(conflict) for voter in self.voters]
        mine, theirs = votes.count(True), votes.count(False)
        if mine * 2 > len(votes):
            return Take(conflict.mine, f"{mine} of {len(votes)} voters were for it")
        return Refuse(f"{mine} of {len(votes)} voters were for it, {theirs} against.")


@dataclass(frozen=True)
class Escalate(Generic[T]):
    """A person decides which value stands, or writes a third one into the ticket."""

    why: str = "Two specialists disagree on it."

    def __call__(self, conflict: WriteConflict[T], /) -> Resolution[T]:
        """Always a person."""
        return Ask(self.why)


async def resolved(resolver: Resolver[T] | None, conflict: WriteConflict[T]) -> Resolution[T]:
    """What the resolver says; without one the later write is refused."""
    if resolver is None:
        return Refuse()
    said = resolver(conflict)
    return await said if inspect.isawaitable(said) else said


def refused(conflict: WriteConflict[Any], resolution: Refuse | Ask) -> VersionConflict:
    """The error for a write that was not made."""
    theirs = conflict.theirs
    stands = (
        f"version {theirs.version} by {theirs.by or 'somebody unnamed'} stands there"
        if theirs
        else "nothing stands there now"
    )
    read = f"version {conflict.expected}" if conflict.expected else "no entry"
    hint = "Read it again and decide anew what to write."
    if isinstance(resolution, Ask):
        hint = "A person decides: let them write it, outside of a run."
    return VersionConflict(
        f"Entry {conflict.key!r} was not written: the writer had read {read}, and {stands}."
        f" {resolution.why}".rstrip(),
        hint=hint,
        expected=conflict.expected,
        found=theirs.version if theirs else 0,
        conflict=conflict,
    )


def joined(why: str, more: str) -> str:
    """Two reasons as one, as long as one may be."""
    return "; ".join(part for part in (why, more) if part)[:MOST_WHY]
