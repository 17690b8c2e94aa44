"""A failed call to a provider in our own words: what an HTTP status means, and the sentence for it.

No sentence here repeats the provider's: it may hold the key or the prompt.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pointsman.errors import (
    BadOutput,
    ContentRefused,
    ContextOverflow,
    ModelAuth,
    ModelOverloaded,
    ModelRejected,
    ModelTimeout,
    ModelUnreachable,
    PointsmanError,
    UnknownModel,
)

STATUS: Mapping[int, type[PointsmanError]] = {
    400: ModelRejected, 401: ModelAuth, 402: ModelAuth, 403: ModelAuth, 404: UnknownModel,
    405: UnknownModel, 408: ModelTimeout, 413: ContextOverflow, 422: ModelRejected,
    429: ModelOverloaded, 504: ModelTimeout,
}  # fmt: skip

CODES: Mapping[str, type[PointsmanError]] = {
    "context_length_exceeded": ContextOverflow,
    "string_above_max_length": ContextOverflow,
    "content_filter": ContentRefused,
    "content_policy_violation": ContentRefused,
    "insufficient_quota": ModelAuth,
    "invalid_api_key": ModelAuth,
    "model_not_found": UnknownModel,
}
"""Error codes of the OpenAI wire format that say more than their status."""

_CODE = re.compile(r"[a-z0-9_.]{1,60}")
_SECONDS = re.compile(r"\d{1,6}(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Failed:
    """What is known of a failed call."""

    model: str
    provider: str
    status: int | None = None
    code: str = ""
    """The provider's error code, a plain word."""
    retry_after: float | None = None
    """Seconds."""
    host: str = ""
    key: str = ""
    """The variable that holds the key."""


def kind_of(status: int, code: str = "") -> type[PointsmanError]:
    """The error that a status of 300 or more, and a code where there is one, stand for.

    A redirect is not followed, since the key would go along: the base URL is wrong.
    """
    if code in CODES:
        return CODES[code]
    if status < 400:
        return UnknownModel
    return STATUS.get(status, ModelOverloaded if status >= 500 else ModelRejected)


def plain_code(code: object) -> str:
    """The code where it is a plain word, never a sentence; else empty."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def seconds_of(retry_after: str | None) -> float | None:
    """The seconds of a Retry-After header. Its other form, an HTTP date, is rare; the backoff
    serves as well."""
    return float(retry_after) if retry_after and _SECONDS.fullmatch(retry_after) else None


def worded(kind: type[PointsmanError], failed: Failed) -> PointsmanError:
    """The error with its sentence and what to do."""
    said = " ".join(part for part in (str(failed.status or ""), failed.code) if part)
    said = f" ({said})" if said else ""
    model = failed.model
    if kind is ModelAuth:
        spent = failed.code == "insufficient_quota" or failed.status == 402
        what = "the account has nothing left" if spent else "the provider refused the key"
        key = failed.key or f"{failed.provider.upper()}_API_KEY"
        hint = "Top it up, or use another." if spent else f"Check the key, usually in {key}."
        return ModelAuth(f"Model {model}: {what}{said}.", hint=hint)
    if kind is UnknownModel:
        return UnknownModel(
            f"Provider {failed.provider!r} has no model {model!r}{said}.",
            hint="Check the name, and the base URL where one is set.",
        )
    if kind is ModelOverloaded:
        return ModelOverloaded(
            f"Model {model} is overloaded or failing{said}.", retry_after=failed.retry_after
        )
    if kind is ModelUnreachable:
        host = f" ({failed.host})" if failed.host else ""
        return ModelUnreachable(
            f"There is no connection to the host of model {model}{host}.",
            hint="Check the network, and the base URL where one is set.",
        )
    if kind is ModelTimeout:
        return ModelTimeout(f"Model {model} gave no answer in time{said}.")
    if issubclass(kind, ModelRejected):
        return kind(
            f"The provider of {model} {_REASONS.get(kind, 'calls the request invalid')}{said}."
        )
    return BadOutput(f"Model {model} answered something that is no chat completion.")


_REASONS: Mapping[type[PointsmanError], str] = {
    ContextOverflow: "calls the request too long",
    ContentRefused: "refuses the request by its content policy",
}
