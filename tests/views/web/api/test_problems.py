"""From errors to problem documents: every class of the tree, and nothing of the machine."""

import inspect
import json
from typing import Any

import pytest

from pointsman import errors
from pointsman.errors import Attempt, PointsmanError
from pointsman.views.web.api.problems import TITLES, ApiError, problem_of, response_of

SECRET = "/home/ana/.pointsman/pointsman.db"
_EXTRA: dict[str, dict[str, Any]] = {
    "VersionConflict": {"expected": 1, "found": 2, "conflict": None},
    "NoModel": {"attempts": (Attempt("m", "E", "x"),), "transient": True},
    "Blocked": {"rule": "r"},
}


def of_tree() -> list[type[PointsmanError]]:
    """Every class of the error tree."""
    classes = (c for _, c in inspect.getmembers(errors, inspect.isclass))
    return [c for c in classes if issubclass(c, PointsmanError)]


@pytest.mark.parametrize("kind", of_tree(), ids=lambda c: c.__name__)
def test_every_error_has_a_problem(kind: type[PointsmanError]) -> None:
    """A status with a title, and a document that fits RFC 9457. What is not the client's fault and
    no conflict says nothing of what happened inside."""
    error = kind(f"Cannot read {SECRET}.", **_EXTRA.get(kind.__name__, {}))
    told = problem_of(error)
    assert told.status in TITLES
    response = response_of(error)
    body = json.loads(bytes(response.body))
    assert body["status"] == response.status_code == told.status
    assert response.headers["content-type"] == "application/problem+json"
    if told.status >= 500 and kind is not errors.Busy:
        assert SECRET not in body["detail"]
    if told.status in (429, 503):
        assert int(response.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotFound("x"), 404), (errors.InvalidMessage("x"), 422),
        (errors.InvalidDecision("x"), 422), (errors.TicketClosed("x"), 409),
        (errors.RunBusy("x"), 409), (errors.RateLimited("x", retry_after=2.5), 429),
        (errors.Busy("x", retry_after=7), 503), (errors.ModelTimeout("x"), 503),
        (errors.StoreFull("x"), 507), (errors.StoreBroken("x"), 503),
        (errors.Misconfigured("x"), 500), (RuntimeError("x"), 500), (ApiError(418, "x"), 418),
    ],
)  # fmt: skip
def test_which_status(error: Exception, status: int) -> None:
    """By what the client can do about it."""
    assert response_of(error).status_code == status


def test_not_found_says_nothing_of_the_folder() -> None:
    """The tree's sentence names the folder of state; the problem does not."""
    error = errors.NotFound(f"Team 'shop' has no run 'r1' in {SECRET}.")
    assert SECRET not in bytes(response_of(error).body).decode()


def test_retry_after_is_whole_seconds() -> None:
    """Rounded up: whoever comes then is not too early."""
    response = response_of(errors.RateLimited("x", retry_after=2.1))
    assert response.headers["retry-after"] == "3"
