"""What every request passes, and what every answer says."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.views.web.served import Served, served

pytestmark = pytest.mark.asyncio(loop_scope="module")

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; frame-ancestors 'none'"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def web(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    """One server for all of them: nothing here changes what it holds."""
    async with served(tmp_path_factory.mktemp("gates")) as running:
        yield running


@pytest.mark.parametrize(
    "path", ["/", "/static/main.js", "/console/session", "/nowhere", "/metrics", "/v1/nowhere"]
)
async def test_every_answer_has_the_headers(web: Served, path: str) -> None:
    """Pages, parts, data and errors: nothing may run, frame or keep what is not ours."""
    async with web.page() as page:
        headers = (await page.get(path)).headers
    assert headers["content-security-policy"].startswith(CSP)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] in ("no-store", "no-cache")
    assert not any(name.startswith("access-control-") for name in headers)
    assert "server" not in headers


async def test_data_is_never_kept(web: Served) -> None:
    """Answers with data say no-store."""
    async with web.page("ana") as page:
        for path in ("/console/session", "/console/overview", "/console/tickets", "/console/team"):
            found = await page.get(path)
            assert found.status_code == 200, path
            assert found.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1:1", "localhost", "", "[::1]:1"]
)
async def test_a_foreign_host_is_refused(web: Served, host: str) -> None:
    """DNS rebinding: a page of another name that points here gets nothing, not even the page."""
    said = await web.raw(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert said.startswith(b"HTTP/1.1 421 ")
    assert b"UnknownHost" in said


async def test_two_hosts_are_refused(web: Served) -> None:
    """Which of the two would count nobody can tell."""
    hosts = f"Host: 127.0.0.1:{web.port}\r\nHost: evil.example"
    said = await web.raw(f"GET / HTTP/1.1\r\n{hosts}\r\nConnection: close\r\n\r\n".encode())
    assert said.startswith((b"HTTP/1.1 421 ", b"HTTP/1.1 400 "))


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
async def test_the_machines_own_names_are_known(web: Served, name: str) -> None:
    """Whoever types localhost sees the same page."""
    text = f"GET / HTTP/1.1\r\nHost: {name}:{web.port}\r\nConnection: close\r\n\r\n"
    assert (await web.raw(text.encode())).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1", "file://", ""],
)
async def test_a_foreign_origin_changes_nothing(web: Served, origin: str) -> None:
    """A page of another origin, also one on another port of this machine, is refused."""
    async with web.page("ana") as page:
        found = await page.post("/console/signout", headers={"Origin": origin})
        assert (found.status_code, found.json()["error"]) == (403, "ForeignOrigin")
        assert (await page.get("/console/session")).status_code == 200


async def test_the_origin_is_that_of_the_host_that_was_called(web: Served) -> None:
    """localhost's page does not speak for 127.0.0.1's: they are two origins."""
    async with web.page("ana") as page:
        other = f"http://localhost:{web.port}"
        found = await page.post("/console/signout", headers={"Origin": other})
    assert found.status_code == 403


async def test_what_does_not_say_where_it_comes_from_changes_nothing(web: Served) -> None:
    """Browsers send Origin with every POST: without it, it is no page of ours."""
    async with web.page("ana") as page:
        found = await page.post(
            "/console/signout", headers={"Origin": None, "Sec-Fetch-Site": None}
        )
    assert found.status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "other"])
async def test_other_sites_change_nothing(web: Served, site: str) -> None:
    """Sec-Fetch-Site: only the very origin; another port of this machine is `same-site`."""
    async with web.page("ana") as page:
        found = await page.post("/console/signout", headers={"Sec-Fetch-Site": site})
    assert (found.status_code, found.json()["error"]) == (403, "ForeignOrigin")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_other_sites_read_nothing(web: Served, site: str) -> None:
    """Data is not even rendered for them: no timing, no size."""
    async with web.page("ana", **{"Sec-Fetch-Site": site}) as page:
        assert (await page.get("/console/overview")).status_code == 403
        assert (await page.get("/")).status_code == 200  # a link to the page is no harm


async def test_there_is_no_cors(web: Served) -> None:
    """A preflight is refused."""
    async with web.page() as page:
        found = await page.client.options(
            "/console/overview",
            headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"},
        )
    assert found.status_code in (403, 405)
    assert "access-control-allow-origin" not in found.headers


async def test_there_is_no_websocket(web: Served) -> None:
    """An upgrade is not taken."""
    said = await web.raw(
        f"GET /console/feed HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert b"101" not in said.split(b"\r\n")[0]


async def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """By its stated length and, without one, when it gets too long."""
    async with served(tmp_path, max_body=1000) as web, web.page("ana") as page:
        found = await page.post("/console/tickets/t1/decide", {"text": "x" * 1001})
        assert (found.status_code, found.json()["error"]) == (413, "TooLarge")
        head = (
            f"POST /console/signin HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nOrigin: {web.url}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
            "Connection: close\r\n\r\n"
        )
        said = await web.raw(head.encode() + b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 413 ")


async def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    """A client that stops in the middle of its body holds nothing for long."""
    async with served(tmp_path, receive_seconds=0.2) as web:
        said = await web.raw(
            f"POST /console/signin HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nOrigin: {web.url}\r\n"
            "Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{".encode()
        )
    assert said.startswith(b"HTTP/1.1 408 ")


async def test_a_head_that_does_not_come_ends_the_line(
    web: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One byte at a time is no request: the line is closed."""
    monkeypatch.setattr("pointsman.views.web.server.HEAD_SECONDS", 0.2)
    assert await web.raw(b"GET / HTTP/1.1\r\nHost: ") == b""


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_only_json_is_taken(web: Served, kind: str) -> None:
    """What a form of another page can send is refused before it is read."""
    async with web.page("ana") as page:
        found = await page.client.post(
            "/console/signout",
            content=b"{}",
            headers={"Origin": web.url, "X-CSRF-Token": page.csrf, "Content-Type": kind},
        )
    assert (found.status_code, found.json()["error"]) == (415, "NotJson")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd",
        "/static/....//app.py", "/static/%00main.js", "/static/main.js/", "/static/", "/static/.",
        "/static/..\\app.py", "/static/C:\\x",
    ],
)  # fmt: skip
async def test_no_path_leads_out_of_the_static_files(web: Served, path: str) -> None:
    """Only the names that were there at the start are files."""
    said = await web.raw(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nConnection: close\r\n\r\n".encode()
    )
    assert said.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ", b"HTTP/1.1 307 "))
    assert b"import" not in said
    assert b"root:" not in said


async def test_the_card_is_the_notebooks_file(web: Served) -> None:
    """The very bytes."""
    folder = Path(__file__).parents[3] / "pointsman" / "views" / "notebook"
    async with web.page() as page:
        for name, kind in (("inbox.js", "text/javascript"), ("inbox.css", "text/css")):
            found = await page.get(f"/static/{name}")
            assert found.content == (folder / name).read_bytes()
            assert found.headers["content-type"].startswith(kind)


async def test_a_fault_of_the_server_tells_nothing(
    web: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What broke stands in the log and not in the answer, which has all its headers."""

    async def broken(*_: object) -> None:
        raise ZeroDivisionError("secret of the house")

    async with web.page("ana") as page:
        monkeypatch.setattr(type(web.team), "overview", broken)
        found = await page.get("/console/overview")
    assert (found.status_code, found.json()["error"]) == (500, "Bug")
    assert "secret of the house" not in found.text
    assert "secret of the house" in caplog.text
    assert found.headers["content-security-policy"].startswith(CSP)


async def test_an_answer_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page gets a word, and the server its place back."""
    import asyncio

    async with served(tmp_path, answer_seconds=0.1) as web, web.page("ana") as page:

        async def slow(*_: object) -> None:
            await asyncio.sleep(60)

        monkeypatch.setattr(type(web.team), "overview", slow)
        found = await page.get("/console/overview")
    assert (found.status_code, found.headers["retry-after"]) == (503, "5")
