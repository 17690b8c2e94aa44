"""Extras that a command needs."""

from pointsman.errors import MissingExtra


def engine_extra() -> None:
    """Raises MissingExtra where Temporal's package is not installed."""
    try:
        import temporalio  # noqa: F401 # pyright: ignore[reportUnusedImport] (asks whether it is there)
    except ImportError as error:
        raise MissingExtra(
            "Runs on many machines need packages that are not installed.",
            hint='pip install "pointsman[scale]"',
        ) from error
