"""The page's own files. Only those that were there when the server began are served, each by its
name: no path is ever put together from a request."""

from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pointsman.views.web.guarded import Open
from pointsman.views.web.problems import Refusal

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_NOTEBOOK = ("inbox.js", "inbox.css")
"""The ticket card is the notebook's very file."""


class Pages:
    """The files, read once."""

    def __init__(self) -> None:
        package = files("pointsman.views")
        found = {one.name: one for one in (package / "web" / "static").iterdir()}
        found |= {name: package / "notebook" / name for name in _NOTEBOOK}
        self._files = {
            name: (one.read_bytes(), kind)
            for name, one in sorted(found.items())
            if (kind := _kind(one))
        }

    async def index(self, request: Request) -> Response:
        """`GET /`."""
        del request
        return self._file("index.html")

    async def part(self, request: Request) -> Response:
        """`GET /static/<file>`."""
        return self._file(str(request.path_params["name"]))

    def routes(self) -> Sequence[Route]:
        """Both. They hold nothing of the team."""
        return [
            Route("/", Open(self.index), methods=["GET"]),
            Route("/static/{name}", Open(self.part), methods=["GET"]),
        ]

    def _file(self, name: str) -> Response:
        there = self._files.get(name)
        if there is None:
            raise Refusal(404, "NotFound", "There is no such file.")
        body, kind = there
        # The page of a newer version must not run with parts of an older one.
        return Response(body, media_type=kind, headers={"Cache-Control": "no-cache"})


def _kind(file: Traversable) -> str:
    return _KINDS.get("." + file.name.rpartition(".")[2], "") if file.is_file() else ""
