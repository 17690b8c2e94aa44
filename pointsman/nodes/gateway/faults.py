"""LiteLLM's exceptions in our own words: a table by class, and a closer look where it is too vague.

LiteLLM raises InternalServerError, APIError and APIConnectionError for almost anything (a refused
connection, a missing key, unreadable JSON, a missing package), so for those the chain of causes
decides: the host's real status, else what went wrong on the way. No sentence here repeats the
provider's: it may hold the key or the prompt.
"""

import socket
from collections.abc import Iterator, Mapping
from typing import Protocol, cast

from pointsman.errors import (
    BadOutput,
    ContentRefused,
    ContextOverflow,
    MissingExtra,
    ModelAuth,
    ModelOverloaded,
    ModelRejected,
    ModelTimeout,
    ModelUnreachable,
    PointsmanError,
    UnknownModel,
)
from pointsman.nodes.gateway.failure import CODES, Failed, kind_of, plain_code, seconds_of, worded

CLOSER = "closer"
"""The class says too little: look at the causes."""

TABLE: tuple[tuple[str, type[PointsmanError] | str], ...] = (
    ("AuthenticationError", ModelAuth),
    ("PermissionDeniedError", ModelAuth),
    ("PaymentRequiredError", ModelAuth),
    ("LiteLLMUnknownProvider", UnknownModel),
    ("NotFoundError", UnknownModel),
    ("Timeout", ModelTimeout),
    ("RateLimitError", ModelOverloaded),
    ("MidStreamFallbackError", ModelOverloaded),
    ("ServiceUnavailableError", ModelOverloaded),
    ("BadGatewayError", ModelOverloaded),
    ("ContextWindowExceededError", ContextOverflow),
    ("ContentPolicyViolationError", ContentRefused),
    ("UnsupportedParamsError", ModelRejected),
    ("RejectedRequestError", ModelRejected),
    ("ImageFetchError", ModelRejected),
    ("VectorStoreSearchError", ModelRejected),
    ("UnprocessableEntityError", ModelRejected),
    ("BadRequestError", ModelRejected),
    ("InvalidRequestError", ModelRejected),
    ("GuardrailRaisedException", ModelRejected),
    ("BlockedPiiEntityError", ModelRejected),
    ("ModifyResponseException", ModelRejected),
    ("SensitiveDataRouteException", ModelRejected),
    ("BudgetExceededError", ModelRejected),
    ("JSONSchemaValidationError", BadOutput),
    ("APIResponseValidationError", BadOutput),
    ("ModelNotMappedError", BadOutput),
    ("InternalServerError", CLOSER),
    ("APIConnectionError", CLOSER),
    ("MockException", CLOSER),
    ("APIError", CLOSER),
    ("OpenAIError", CLOSER),
)
"""Names in `litellm.exceptions`, most specific class first. A test holds it against that module."""

_LONGEST_CHAIN = 12


class Vendor(Protocol):
    """What is asked of the module `litellm` about a failure."""

    @property
    def exceptions(self) -> object: ...
    def get_llm_provider(self, model: str) -> tuple[str, str, str | None, str | None]: ...
    def validate_environment(self, model: str) -> Mapping[str, object]: ...


def fault(litellm: Vendor, error: Exception, *, model: str, provider: str) -> PointsmanError:
    """Our error for one of LiteLLM's (or for anything else that came out of a call to it)."""
    causes = tuple(_causes(error))
    kind = _by_class(litellm, error)
    if kind is None:
        kind = _by_cause(causes)
    if kind in (ModelOverloaded, ModelRejected):
        kind = CODES.get(_code(causes), kind)
    missing = () if _status(causes) else _missing_keys(litellm, model)
    if missing and kind in (ModelAuth, BadOutput, ModelUnreachable, ModelRejected):
        names = " or ".join(missing)
        return ModelAuth(
            f"Model {model} needs a key and {names} is not set.",
            hint=f"Set {names} in the environment.",
        )
    return _worded(kind, causes, model=model, provider=provider)


def _by_class(litellm: Vendor, error: Exception) -> type[PointsmanError] | None:
    for name, kind in TABLE:
        vendor = cast("object", getattr(litellm.exceptions, name, None))
        if isinstance(vendor, type) and isinstance(error, vendor):
            return None if isinstance(kind, str) else kind
    return None


def _by_cause(causes: tuple[BaseException, ...]) -> type[PointsmanError]:
    status = _status(causes)
    if status is not None:
        return kind_of(status)
    names = {kind.__name__ for cause in causes for kind in type(cause).__mro__}
    if any(isinstance(cause, ModuleNotFoundError) for cause in causes):
        return MissingExtra
    if names & {"TimeoutException", "TimeoutError"}:
        return ModelTimeout
    refused = (ConnectionRefusedError, socket.gaierror)
    if "ConnectError" in names or any(isinstance(cause, refused) for cause in causes):
        return ModelUnreachable
    if names & {"ReadError", "WriteError", "RemoteProtocolError", "ConnectionError"}:
        return ModelOverloaded
    return BadOutput


def _worded(
    kind: type[PointsmanError], causes: tuple[BaseException, ...], *, model: str, provider: str
) -> PointsmanError:
    if kind is MissingExtra:
        package = next((c.name for c in causes if isinstance(c, ModuleNotFoundError)), None)
        return MissingExtra(f"Model {model} needs the Python module {package!r}, not installed.")
    if kind is ModelRejected and type(causes[0]).__name__ == "UnsupportedParamsError":
        return ModelRejected(
            f"The provider of {model} does not support a parameter of the request."
        )
    return worded(
        kind,
        Failed(
            model=model,
            provider=provider,
            status=_status(causes),
            code=_code(causes),
            retry_after=_retry_after(causes),
            host=_host(causes),
        ),
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if link is None:
            return
        yield link
        link = link.__cause__ or link.__context__


def _answers(causes: tuple[BaseException, ...]) -> Iterator[tuple[BaseException, object]]:
    """The errors that carry a real answer of the host. LiteLLM makes up responses for its own."""
    for cause in causes:
        if type(cause).__module__.split(".")[0] in ("openai", "httpx"):
            response = cast("object", getattr(cause, "response", None))
            if response is not None:
                yield cause, response


def _status(causes: tuple[BaseException, ...]) -> int | None:
    for _, response in _answers(causes):
        status = cast("object", getattr(response, "status_code", None))
        if isinstance(status, int) and status >= 400:
            return status
    return None


def _code(causes: tuple[BaseException, ...]) -> str:
    """The provider's error code, where it is a plain word: never a sentence."""
    for cause, _ in _answers(causes):
        if code := plain_code(cast("object", getattr(cause, "code", None))):
            return code
    return ""


def _retry_after(causes: tuple[BaseException, ...]) -> float | None:
    for _, response in _answers(causes):
        headers = cast("object", getattr(response, "headers", None))
        if isinstance(headers, Mapping):
            return seconds_of(cast("Mapping[str, str]", headers).get("retry-after"))
    return None


def _host(causes: tuple[BaseException, ...]) -> str:
    for cause in causes:
        if type(cause).__module__.split(".")[0] not in ("openai", "httpx"):
            continue
        try:
            url = cast("object", getattr(cause, "request", None))
        except RuntimeError:  # httpx: an error that never got its request
            continue
        netloc = cast("object", getattr(getattr(url, "url", None), "netloc", None))
        if isinstance(netloc, bytes):
            # Without what may stand before an @: a user's name and password.
            return netloc.decode("ascii", "replace").rpartition("@")[2]
    return ""


def _missing_keys(litellm: Vendor, model: str) -> tuple[str, ...]:
    missing = litellm.validate_environment(model).get("missing_keys")
    if not isinstance(missing, list):
        return ()
    names = [name for name in cast("list[object]", missing) if isinstance(name, str)]
    return tuple(name for name in names if name.endswith("_KEY"))
