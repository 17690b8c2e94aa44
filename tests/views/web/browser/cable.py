"""A line between browser and server that can be cut."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Cable:
    """Passes bytes on from its own port to a server's, until it is cut."""

    def __init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self._target = ("127.0.0.1", 0)
        self._whole = True
        self._ends: list[socket.socket] = []
        # A connection that is just being made must not outlive a cut: browsers would use it again.
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def leads_to(self, url: str) -> None:
        """Where it goes."""
        self._target = ("127.0.0.1", int(urlsplit(url).port or 0))

    def cut(self) -> None:
        """Every connection ends, and new ones end at once."""
        with self._turn:
            self._whole = False
            self._end()

    def mend(self) -> None:
        """New connections get through."""
        self._whole = True

    def close(self) -> None:
        """End it, and its threads."""
        self.cut()
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join(5)

    def _end(self) -> None:
        for one in self._ends:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._ends.clear()

    def _serve(self) -> None:
        with suppress(OSError):  # the door is shut
            while True:
                here, _ = self._door.accept()
                with self._turn:
                    self._join(here)

    def _join(self, here: socket.socket) -> None:
        if not self._whole:
            here.close()
            return
        there = socket.create_connection(self._target)
        self._ends += [here, there]
        for a, b in ((here, there), (there, here)):
            threading.Thread(target=_pump, args=(a, b), daemon=True).start()


def _pump(a: socket.socket, b: socket.socket) -> None:
    with suppress(OSError):
        while data := a.recv(65_536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)


@contextmanager
def cable() -> Generator[Cable]:
    """A cable that is taken away with the block."""
    one = Cable()
    try:
        yield one
    finally:
        one.close()
