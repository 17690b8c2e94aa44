"""Extras that a command needs."""

from importlib.util import find_spec

from pointsman.errors import MissingExtra


def engine_extra() -> None:
    """Raises MissingExtra where Temporal's package is not installed."""
    if find_spec("temporalio") is None:
        raise MissingExtra(
            "Runs on many machines need packages that are not installed.",
            hint='pip install "pointsman[scale]"',
        )
