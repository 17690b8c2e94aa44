"""Refusals as JSON: a status, and a `Problem` that says what happened and what to do next."""

import math
from collections.abc import Mapping

from pydantic import ValidationError
from starlette.responses import Response

from pointsman.errors import (
    BadInput,
    Conflict,
    InvalidDecision,
    InvalidMessage,
    Misconfigured,
    NotFound,
    PointsmanError,
    RateLimited,
    Retryable,
    StoreError,
    StoreFull,
)
from pointsman.views.web.console.shapes import Problem, Shape

JSON = "application/json"
_STATUS: tuple[tuple[type[PointsmanError], int], ...] = (
    (NotFound, 404),
    (InvalidMessage, 422),
    (InvalidDecision, 422),
    (BadInput, 422),
    (Conflict, 409),
    (RateLimited, 429),
    (Retryable, 503),
    (StoreFull, 507),
    (StoreError, 503),
)
"""The first that fits counts; what is not here is a fault of the server."""


class Refusal(Exception):
    """A request is refused. Raised by checks; the server answers with it."""

    def __init__(
        self, status: int, error: str, message: str, *, hint: str = "", after: float | None = None
    ) -> None:
        """`after`: seconds until it is worth trying again."""
        super().__init__(message)
        self.status = status
        self.problem = Problem(error=error, message=message, hint=hint, retry_after=after)

    def response(self) -> Response:
        """It as an answer."""
        after = self.problem.retry_after
        return answer(self.problem, self.status, retry_header(after))


def retry_header(after: float | None) -> dict[str, str]:
    """The header that says after how many seconds it is worth trying again; None: no header."""
    return {} if after is None else {"Retry-After": str(max(1, math.ceil(after)))}


def status_of(error: PointsmanError) -> int:
    """The status of an answer that tells of an error."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def answer(shape: Shape, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A shape as JSON."""
    return Response(shape.model_dump_json(by_alias=True), status, headers, media_type=JSON)


def refusal_of(error: PointsmanError | ValidationError) -> Refusal:
    """The refusal that says of an error what went wrong."""
    if isinstance(error, ValidationError):
        return Refusal(422, "Unfit", sentence(error), hint="Nothing was changed.")
    # What a person set on the page does not fit: a model that is none, a prompt that is broken.
    status = 422 if isinstance(error, Misconfigured) else status_of(error)
    after = error.retry_after if isinstance(error, Retryable) else None
    if status == 503 and after is None:
        after = 1.0
    return Refusal(status, type(error).__name__, error.message, hint=error.hint, after=after)


def sentence(error: ValidationError) -> str:
    """The first thing that is wrong with what was sent. Never the value itself."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])[:200]
    return f"{where}: {first['msg']}." if where else f"{first['msg']}."
