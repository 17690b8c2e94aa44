"""Patterns in RE2's syntax: no look-around, no back-references, hence linear time."""

from importlib import import_module
from typing import Any

from pointsman.errors import BadInput


def found(pattern: str, text: str, *, whole: bool = False) -> bool:
    """Whether the pattern is found in the text, or with `whole` is all of it.

    Raises BadInput for a pattern that RE2 does not take.
    """
    compiled = _compiled(pattern)
    match = compiled.fullmatch(text) if whole else compiled.search(text)
    return match is not None


def checked(pattern: str) -> str:
    """The pattern. Raises BadInput where RE2 does not take it."""
    _compiled(pattern)
    return pattern


def _compiled(pattern: str) -> Any:
    # google-re2 has no type stubs, and keeps a cache of compiled patterns itself.
    re2: Any = import_module("re2")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0] if error.args else error
        said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise BadInput(
            f"The pattern {pattern!r} is none that RE2 takes: {said}.",
            hint="RE2 has no look-around and no back-references.",
        ) from error
