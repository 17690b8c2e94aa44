"""From every error to its problem document (RFC 9457): the one place that says what a client is
told, and with which status."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from pointsman.errors import (
    Busy,
    Conflict,
    InvalidDecision,
    InvalidMessage,
    PointsmanError,
    RateLimited,
    Retryable,
)
from pointsman.views.web.api.models import FieldFault, Problem, TicketState
from pointsman.views.web.problems import Refusal, retry_header, sentence, status_of

log = logging.getLogger("pointsman.views")

MEDIA_TYPE = "application/problem+json"
TITLES: Mapping[int, tuple[str, str]] = {
    400: ("malformed", "The request cannot be read"),
    401: ("no-token", "A token is needed"),
    403: ("forbidden", "The token does not allow this"),
    404: ("not-found", "There is no such thing"),
    405: ("method-not-allowed", "The method is not allowed here"),
    406: ("not-acceptable", "None of the wanted media types is given here"),
    408: ("too-slow", "The request took too long to come"),
    409: ("conflict", "Somebody else was first"),
    410: ("gone", "It is over"),
    412: ("changed", "It shows something else by now"),
    413: ("too-large", "The request is too large"),
    415: ("media-type", "The media type is not taken here"),
    422: ("invalid", "The request does not fit"),
    428: ("digest-needed", "Say what you saw"),
    429: ("rate-limited", "Too many requests"),
    500: ("failed", "The server failed"),
    503: ("busy", "The server takes nothing now"),
    507: ("storage-full", "The server has no space left"),
}
"""Status -> the problem's name and title."""
_SAYS = (InvalidMessage, InvalidDecision, Conflict, RateLimited, Busy)
"""Errors whose own sentence is for the client: it holds nothing of the machine."""
_PLAIN: Mapping[int, str] = {
    404: "It is not there, or not yours to see. Check the id.",
    422: "The request does not fit.",
    500: "The server failed at this; its log says where. The request may be sent again.",
    503: "The server cannot do this now. Try again later.",
    507: "The server has no space left. Nothing was changed.",
}


class ApiError(Exception):
    """A request that ends with a problem."""

    def __init__(
        self, status: int, detail: str, *, kind: str = "", errors: tuple[FieldFault, ...] = (),
        retry_after: float | None = None, headers: Mapping[str, str] | None = None,
        won: "Won | None" = None,
    ) -> None:  # fmt: skip
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.errors = errors
        self.retry_after = retry_after
        self.headers = dict(headers or {})
        self.won = won


@dataclass(frozen=True, slots=True)
class Won:
    """Who was first, and what became of the ticket."""

    by: str
    decision: str
    status: TicketState


def problem_of(error: Exception) -> ApiError:
    """What a client is told of an error."""
    match error:
        case ApiError():
            return error
        case Refusal():
            return ApiError(
                error.status, _sentence(error.problem.message, error.problem.hint),
                retry_after=error.problem.retry_after,
            )  # fmt: skip
        case ValidationError():
            return invalid(error)
        case HTTPException():
            return ApiError(error.status_code, _http(error), headers=error.headers)
        case PointsmanError():
            return _of_tree(error)
        case _:
            log.error("a request failed", exc_info=error)
            return ApiError(500, _PLAIN[500])


def _of_tree(error: PointsmanError) -> ApiError:
    status = status_of(error)
    if status == 500:
        log.error("a request failed: %s", error, exc_info=error)
    detail = _sentence(error.message, error.hint) if isinstance(error, _SAYS) else _PLAIN[status]
    after = error.retry_after if isinstance(error, Retryable) else None
    if status in (429, 503) and after is None:
        after = 5.0
    return ApiError(status, detail, retry_after=after)


def invalid(error: ValidationError) -> ApiError:
    """What was sent is no JSON (400), or does not fit its model (422). Never with the values."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    broken = any(fault["type"] == "json_invalid" for fault in faults)
    errors = tuple(
        FieldFault(where=".".join(str(part) for part in fault["loc"])[:200], message=fault["msg"])
        for fault in faults[:20]
    )
    return ApiError(400 if broken else 422, sentence(error), errors=errors)


def response_of(error: Exception) -> Response:
    """The response that tells of an error."""
    told = problem_of(error)
    name, title = TITLES.get(told.status, ("failed", "The request failed"))
    headers = {**told.headers, **retry_header(told.retry_after)}
    won = told.won
    body = Problem(
        type=f"urn:pointsman:problem:{told.kind or name}", title=title, status=told.status,
        detail=str(told), errors=told.errors, retry_after=told.retry_after,
        by=won.by if won else None, decision=won.decision if won else None,
        ticket_status=won.status if won else None,
    )  # fmt: skip
    text = body.model_dump_json(exclude_defaults=True)
    return Response(text, told.status, headers, media_type=MEDIA_TYPE)


def _http(error: HTTPException) -> str:
    return {404: _PLAIN[404], 405: "Use a method of the Allow header."}.get(
        error.status_code, str(error.detail)
    )


def _sentence(message: str, hint: str) -> str:
    return f"{message} {hint}".strip()
