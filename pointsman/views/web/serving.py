"""Running an application on a socket until a signal ends it, in order."""

import socket
from typing import TYPE_CHECKING

from pointsman.errors import MissingExtra
from pointsman.views.web.binding import Binding

if TYPE_CHECKING:
    from starlette.applications import Starlette


def need_the_extra() -> None:
    """Raises MissingExtra where the packages of the server are not installed."""
    try:
        import itsdangerous
        import starlette
        import uvicorn
    except ImportError as error:
        raise MissingExtra(
            "The server needs packages that are not installed.",
            hint='Install them: pip install "pointsman[console]".',
        ) from error
    del itsdangerous, starlette, uvicorn


async def serve(app: "Starlette", binding: Binding, listening: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C, then end in order. A second signal ends it at once. Raises
    Misconfigured for TLS files that are none."""
    from pointsman.views.web import server

    await server.serve(app, listening, tls=binding.tls)
