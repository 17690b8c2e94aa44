"""How a command ends: exit codes, and one sentence for every error."""

import sys
import traceback
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import click

from pointsman.errors import InvalidTeam, NoModel, PointsmanError

T = TypeVar("T")

DONE = 0
FAILED = 1
USAGE = 2
WAITING = 3
STOPPED = 130

_BY_STATUS = {"done": DONE, "partial": DONE, "waiting": WAITING}


def code_of(status: str) -> int:
    """The exit code of a run's status: 0 done or partial, 3 waiting, 1 everything else."""
    return _BY_STATUS.get(status, FAILED)


class Stopped(Exception):
    """Ctrl-C was pressed. The message says what was kept and how to go on."""


def drive(work: Callable[[], Coroutine[Any, Any, T]], *, kept: Callable[[], str]) -> T:
    """Run one command's coroutine to its end. Raises Stopped, with `kept()`, on Ctrl-C."""
    import asyncio

    try:
        return asyncio.run(work())
    except KeyboardInterrupt:
        raise Stopped(kept()) from None


def report(error: BaseException, *, debug: bool) -> int:
    """Say on stderr what ended the command, and give its exit code."""
    if debug and not isinstance(error, click.ClickException | click.Abort | Stopped):
        traceback.print_exception(error, file=sys.stderr)
    match error:
        case Stopped():
            _say(str(error))
            return STOPPED
        case click.Abort() | KeyboardInterrupt():
            _say("Stopped. Nothing was changed.")
            return STOPPED
        case click.ClickException():
            error.show(sys.stderr)
            return error.exit_code
        case PointsmanError():
            _say(f"Error: {_sentence(error)}")
            return FAILED
        case OSError(strerror=str(why)):
            where = f": {error.filename}" if error.filename else ""
            _say(f"Error: The system says: {why}{where}. Mend that and run the command again.")
            return FAILED
        case _:
            kind = type(error).__name__
            text = " ".join(str(error).split())[:300]
            _say(
                f"Bug: {kind}{': ' if text else ''}{text}\nThis is a fault in pointsman or in the "
                "project's code. `pointsman --debug ...` with the same command shows where."
            )
            return FAILED


def _sentence(error: PointsmanError) -> str:
    lines = [error.message]
    if isinstance(error, InvalidTeam):
        return "\n".join([error.message, *error.findings[1:]])
    if isinstance(error, NoModel):
        known = [a for a in error.attempts if a.message not in error.message]
        lines += [f"  - {attempt.model}: {attempt.message}" for attempt in known]
    if error.hint:
        lines.append(error.hint)
    return "\n".join(lines) if len(lines) > 2 else " ".join(lines)


def _say(text: str) -> None:
    from pointsman.views.visible import visible

    click.echo(visible(text), err=True)


def leave(code: int) -> NoReturn:
    """End the process with this code, after what was printed is out."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
    sys.exit(code)


def _drop_stdout() -> None:
    """Point stdout at nothing, so that the interpreter's last flush does not complain."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
