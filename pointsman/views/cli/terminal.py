"""The terminal while a view has all of it: keys read on the event loop, everything put back after.

Plain termios and a reader on the loop, so it works over ssh and holds no thread.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator
from io import TextIOBase
from typing import TextIO

import click

from pointsman.views.cli.keys import Decoder, Key

ESC_SECONDS = 0.05
"""An Esc with nothing after it for this long is the key itself."""
_PASTE_ON, _PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"

OnKey = Callable[[Key], None]


def needs_terminal(instead: str) -> None:
    """Raise a usage error, which says what to do instead, unless a person sits at a terminal."""
    tty = sys.stdin.isatty() and sys.stdout.isatty()
    if tty and importable("termios") and not dumb():
        return
    raise click.UsageError(
        "--watch needs a terminal that can move its cursor, on stdin and stdout. " + instead
    )


def importable(name: str) -> bool:
    """Whether this Python has the module. termios is not there on Windows."""
    from importlib.util import find_spec

    return find_spec(name) is not None


def dumb() -> bool:
    """Whether the terminal cannot move its cursor (TERM is dumb or unknown)."""
    from rich.console import Console

    return Console(file=sys.stdout).is_dumb_terminal


@contextlib.contextmanager
def keyboard(out: TextIO, on_key: OnKey, ended: Callable[[], None]) -> Generator[None]:
    """Give each key to `on_key` while the block runs; `ended` is called when the terminal is gone.

    Ctrl-C stays Ctrl-C. Ctrl-Z and Ctrl-\\ are off: they would leave the terminal as it is here.
    What is typed before and after is thrown away: it was not meant for what is on the screen.
    """
    import termios

    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    loop = asyncio.get_running_loop()
    reader = _Reader(fd, on_key, ended, loop)
    try:
        termios.tcsetattr(fd, termios.TCSAFLUSH, _cbreak(before))
        _say(out, _PASTE_ON)
        loop.add_reader(fd, reader.read)
        yield
    finally:
        loop.remove_reader(fd)
        reader.close()
        # The terminal may be gone: a closed window, a lost connection.
        with contextlib.suppress(termios.error, OSError, ValueError):
            _say(out, _PASTE_OFF)
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(fd, termios.TCSAFLUSH, before)


def _cbreak(before: list[int | list[bytes | int]]) -> list[int | list[bytes | int]]:
    """Keys one by one and unseen; signals stay."""
    import termios

    iflag, oflag, cflag, lflag, ispeed, ospeed, cc = before
    assert isinstance(iflag, int)  # noqa: S101 (termios has flags and one list)
    assert isinstance(lflag, int)  # noqa: S101 (likewise)
    assert isinstance(cc, list)  # noqa: S101 (likewise)
    keys = list(cc)
    keys[termios.VMIN], keys[termios.VTIME] = 1, 0
    for name in (termios.VSUSP, termios.VQUIT):
        keys[name] = b"\0"
    iflag &= ~termios.IXON
    lflag &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    return [iflag, oflag, cflag, lflag, ispeed, ospeed, keys]


def _say(out: TextIO, text: str) -> None:
    out.write(text)
    out.flush()


class _Reader:
    """Reads what is there, and decides after a moment what a lone Esc was."""

    def __init__(
        self, fd: int, on_key: OnKey, ended: Callable[[], None], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._fd = fd
        self._on_key = on_key
        self._ended = ended
        self._loop = loop
        self._decoder = Decoder()
        self._timer: asyncio.TimerHandle | None = None

    def read(self) -> None:
        try:
            data = os.read(self._fd, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._fd)
            self._ended()
            return
        self.close()
        self._give(self._decoder.feed(data))
        if self._decoder.waits:
            self._timer = self._loop.call_later(ESC_SECONDS, self._flush)

    def _flush(self) -> None:
        self._give(self._decoder.flush())

    def _give(self, keys: list[Key]) -> None:
        for key in keys:
            self._on_key(key)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


@contextlib.contextmanager
def signals(handlers: dict[signal.Signals, Callable[[], None]]) -> Generator[None]:
    """Handle these signals on the loop while the block runs."""
    loop = asyncio.get_running_loop()
    try:
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


class Aside(TextIOBase):
    """Takes what tools and logs print while the screen is taken; the last lines are kept."""

    def __init__(self, lines: int = 200) -> None:
        self._lines: deque[str] = deque(maxlen=lines)
        self._part = ""

    def write(self, text: str, /) -> int:
        """Keep the text's lines. Called from any thread."""
        *whole, self._part = (self._part + text)[-100_000:].split("\n")
        self._lines.extend(whole)
        return len(text)

    def writable(self) -> bool:
        """Always."""
        return True

    def text(self) -> str:
        """What was printed, as it was, its last lines."""
        return "\n".join([*self._lines, *([self._part] if self._part else [])])


@contextlib.contextmanager
def aside(kept: Aside) -> Generator[None]:
    """Put what is printed meanwhile aside, so that it cannot break the screen."""
    with contextlib.redirect_stdout(kept), contextlib.redirect_stderr(kept):
        yield
