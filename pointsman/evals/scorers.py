"""Scorers: what a result is worth against a case. bool = pass, float = score, str = label."""

from collections.abc import Callable
from dataclasses import dataclass

from pointsman.evals.suite import Case
from pointsman.teams.result import Result

Value = bool | float | str


@dataclass(frozen=True, slots=True)
class Scorer:
    """A name and a function. The function gives None where the case expects nothing of its kind."""

    name: str
    score: Callable[[Case, Result], Value | None]


def _route(case: Case, result: Result) -> bool | None:
    return None if case.expected.route is None else result.route == case.expected.route


def _status(case: Case, result: Result) -> bool | None:
    return None if case.expected.status is None else result.status == case.expected.status


def _contains(case: Case, result: Result) -> bool | None:
    wanted, unwanted = case.expected.contains, case.expected.not_contains
    if not wanted and not unwanted:
        return None
    text = result.answer.casefold()
    has = all(w.casefold() in text for w in wanted)
    return has and not any(u.casefold() in text for u in unwanted)


def _tickets(case: Case, result: Result) -> bool | None:
    if case.expected.tickets is None:
        return None
    return tuple(t.tool for t in result.tickets) == case.expected.tickets


DEFAULT = (
    Scorer("route", _route),
    Scorer("status", _status),
    Scorer("contains", _contains),
    Scorer("tickets", _tickets),
)
"""Scorers that every suite gets."""
