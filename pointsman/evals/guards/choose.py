"""Which checks are measured: those of the default filter, or of a team's own filters."""

from collections.abc import Sequence
from dataclasses import dataclass

from pointsman.errors import BadInput, NotFound
from pointsman.guardrails.check import Check
from pointsman.guardrails.content import ContentFilter
from pointsman.teams.spec import TeamSpec


@dataclass(frozen=True)
class Chosen:
    """Checks, whose they are, and what stands beside them and is not measured."""

    name: str
    checks: tuple[Check, ...]
    beside: tuple[str, ...] = ()
    """Guards that are no content filters, by their class."""


def default() -> Chosen:
    """The checks of `ContentFilter()`: what a team has when it says nothing."""
    return Chosen("ContentFilter()", ContentFilter().all_checks)


def of_team(spec: TeamSpec, *, specialist: str = "", filter: str = "") -> Chosen:  # noqa: A002 (as the option is called)
    """The checks of a team's content filters: those around every specialist, and with `specialist`
    those of that one, too. `filter`: only of the filter with that name.

    A check that two filters share counts once. Raises NotFound for a specialist or a filter that is
    not there, BadInput where filters have different checks of one name.
    """
    guards: Sequence[object] = spec.guards
    where = f"team {spec.name!r}"
    if specialist:
        known = {s.name: s for s in spec.specialists}
        if specialist not in known:
            raise NotFound(
                f"Team {spec.name!r} has no specialist {specialist!r}.",
                hint=f"It has {', '.join(known)}.",
            )
        guards = (*guards, *known[specialist].guards)
        where = f"specialist {specialist!r} of {where}"
    found = [g for g in guards if isinstance(g, ContentFilter) and filter in ("", g.name)]
    if not found:
        names = sorted({g.name for g in guards if isinstance(g, ContentFilter)})
        what = f"no content filter {filter!r}" if filter else "no content filter"
        raise NotFound(
            f"{where[0].upper()}{where[1:]} has {what}.",
            hint=f"It has {', '.join(names)}."
            if names
            else "Leave the project out to measure the"
            " default filter, or name a specialist that has one.",
        )
    beside = sorted({type(g).__name__ for g in guards if not isinstance(g, ContentFilter)})
    return Chosen(where, _united(found), tuple(beside))


def named(chosen: Chosen, names: Sequence[str]) -> Chosen:
    """Only the checks of these names; all of them for none. Raises NotFound."""
    known = {check.name: check for check in chosen.checks}
    for name in names:
        if name not in known:
            raise NotFound(
                f"{chosen.name} has no check {name!r} that is on.",
                hint=f"It has {', '.join(known) or 'none'}.",
            )
    picked = tuple(check for check in chosen.checks if not names or check.name in names)
    return Chosen(chosen.name, picked, chosen.beside)


def _united(filters: Sequence[ContentFilter]) -> tuple[Check, ...]:
    united: dict[str, Check] = {}
    for one in filters:
        for check in one.all_checks:
            if united.setdefault(check.name, check) != check:
                raise BadInput(
                    f"Two filters have different checks named {check.name!r}:"
                    f" {', '.join(f.name for f in filters)}.",
                    hint="Measure one of them: --filter NAME.",
                )
    return tuple(united.values())
