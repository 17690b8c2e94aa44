"""A conversation in the terminal, one message a line."""

from collections.abc import Iterator
from dataclasses import replace

from pointsman.errors import BadInput, Exhausted, Retryable
from pointsman.views.cli.ask import read_line
from pointsman.views.cli.messages import from_argument
from pointsman.views.cli.outcome import show_result
from pointsman.views.cli.screen import console, plain
from pointsman.views.cli.session import Ask, Session


async def converse(session: Session, frame: Ask, *, as_json: bool) -> None:
    """Run every line that is typed in `frame`'s thread, until the input ends.

    An error that another message may not have (bad input, a busy model, a bound) is shown, and the
    conversation goes on; every other ends it.
    """
    err = console(stderr=True)
    for text in _typed(session, frame.thread or ""):
        try:
            result = await session.run(replace(frame, text=from_argument(text)))
        except (BadInput, Retryable, Exhausted) as error:
            session.underway = ""
            plain(err, f"Error: {error}", "red")
            continue
        show_result(result, as_json=as_json)


def _typed(session: Session, thread: str) -> Iterator[str]:
    err = console(stderr=True)
    plain(err, f"Thread {thread}. One message a line; Ctrl-D or /quit ends.", "dim")
    while True:
        session.progress.pause()
        try:
            line = read_line("you> " if err.is_terminal else "")
        except EOFError:
            plain(err, "")
            return
        if line.strip() in ("/quit", "/exit"):
            return
        if line.strip() and line.strip() != "-":
            yield line
