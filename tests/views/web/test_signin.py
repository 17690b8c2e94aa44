"""Signing in, sessions, CSRF tokens, roles."""

import itertools
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from starlette.routing import Route

from pointsman.teams.access import SCOPES
from pointsman.views.web.guarded import Guarded, Open
from pointsman.views.web.oidc.setup import OidcSetup
from pointsman.views.web.sessions import MOST_OF, SessionBook
from tests.views.web.served import Served, issued, served

PUBLIC = {
    ("GET", "/"),
    ("GET", "/static/{name}"),
    ("GET", "/console/session"),
    ("GET", "/console/signin"),
    ("POST", "/console/signin"),
    ("GET", "/metrics"),  # asks for a bearer token itself
}
READS = (
    "/console/overview", "/console/runs", "/console/runs/r1", "/console/runs/r1/prompts/c1",
    "/console/runs/r1/export",
    "/console/compare",
    "/console/tickets", "/console/team", "/console/costs", "/console/evals",
    "/console/evals/compare", "/console/feed",
)  # fmt: skip
DOES = (
    "/console/signout", "/console/tickets/t1/decide", "/console/runs/r1/cancel",
    "/console/runs/r1/redrive", "/console/runs/r1/drop", "/console/runs/r1/fork",
)  # fmt: skip


async def test_every_route_is_public_or_guarded(web: Served) -> None:
    """Nobody adds an address of the console that forgets to ask who it is."""
    open_: set[tuple[str, str]] = set()
    for route in web.app.routes:
        assert isinstance(route, Route)
        if route.path.startswith(("/v1", "/healthz", "/readyz")):
            continue  # the API has a table of its own
        if isinstance(route.endpoint, Guarded):
            assert route.endpoint.right in SCOPES
            changes = route.methods != {"GET", "HEAD"}
            assert changes == (route.methods == {"POST"}), route.path
        else:
            assert isinstance(route.endpoint, Open), route.path
            open_ |= {(method, route.path) for method in (route.methods or ()) if method != "HEAD"}
    assert open_ == PUBLIC


async def test_an_issuer_adds_two_open_addresses(tmp_path: Path) -> None:
    """The way there and the way back."""
    setup = OidcSetup(issuer="https://login.example.org", client_id="x", roles={"viewer": ("*",)})
    async with served(tmp_path / "a", oidc=setup) as web, served(tmp_path / "b") as plain:
        routes = [{route.path for route in one.app.routes if isinstance(route, Route)}
                  for one in (web, plain)]  # fmt: skip
        assert routes[0] - routes[1] == {"/console/oidc", "/console/oidc/callback"}


async def test_without_a_session_there_is_nothing(web: Served) -> None:
    """Every address of the console but signing in says 401, whatever comes as a cookie."""
    cookies = ("", f"pointsman-{web.port}=x", f"pointsman-{web.port}=a.b; other=1")
    for cookie in cookies:
        async with web.page(**({"Cookie": cookie} if cookie else {})) as page:
            for path in READS:
                found = await page.get(path)
                assert (found.status_code, found.json()["error"]) == (401, "SignInNeeded"), path
            for path in DOES:
                assert (await page.post(path)).status_code == 401, path


async def test_the_cookie_is_for_the_browser_alone(web: Served) -> None:
    """HttpOnly, SameSite=Strict, for the whole path, of the session only; its value is signed and
    says nothing."""
    async with web.page() as page:
        found = await page.sign_in(web.tokens["ana"].secret)
    (line,) = found.headers.get_list("set-cookie")
    (cookie,) = SimpleCookie(line).values()
    assert cookie.key == f"pointsman-{web.port}"
    assert cookie["httponly"]
    assert cookie["samesite"] == "strict"
    assert cookie["path"] == "/"
    assert not cookie["domain"]
    assert not cookie["expires"]
    assert not cookie["max-age"]
    assert not cookie["secure"]  # plain http on loopback
    assert "ana" not in cookie.value
    assert web.tokens["ana"].secret not in found.text


async def test_behind_tls_the_cookie_is_secure(tmp_path: Path) -> None:
    """Then it is bound to this host and TLS too, and browsers are told to stay with TLS."""
    async with (
        served(tmp_path, public_urls=("https://console.example.org",)) as web,
        web.page(Host="console.example.org") as page,
    ):
        page.origin = "https://console.example.org"
        found = await page.sign_in(web.tokens["ana"].secret)
    line = found.headers["set-cookie"]
    assert line.startswith("__Host-pointsman-")
    assert "Secure" in line
    assert "HttpOnly" in line
    assert found.headers["strict-transport-security"].startswith("max-age=")


async def test_the_session_says_who_and_what(web: Served) -> None:
    """Name, role and scopes are the token's; looking again gives the same session."""
    async with web.page("rob") as page:
        said = (await page.get("/console/session")).json()
    assert (said["name"], said["role"], said["team"]) == ("rob", "reviewer", "shop")
    assert said["scopes"] == ["read", "decide"]
    assert said["csrf"] == page.csrf


async def test_a_wrong_token_is_turned_away_and_noted(web: Served) -> None:
    """Sign-ins and refused ones stand in the audit log, whose chain holds; what was tried does
    not."""
    from pointsman.teams.approvals.audit import faults

    async with web.page() as page:
        wrong = web.tokens["ana"].secret[:-1] + "x"
        for secret in (wrong, "pm_000000000000_" + "0" * 64, "' OR 1=1 --", "x" * 300):
            found = await page.sign_in(secret)
            assert (found.status_code, found.json()["error"]) == (401, "SignInNeeded")
            assert "set-cookie" not in found.headers
        assert (await page.sign_in(web.tokens["ana"].secret)).status_code == 200
    rows = await web.team.audit()
    said = [(row.entry.action, row.entry.by, row.entry.to) for row in rows]
    assert said == [("turn_away", "unknown", "127.0.0.1")] * 4 + [("sign_in", "ana", "127.0.0.1")]
    assert rows[-1].entry.token == web.tokens["ana"].token.id
    assert not faults(rows)
    assert wrong not in "".join(row.model_dump_json() for row in rows)


async def test_tries_to_sign_in_are_bounded(web: Served) -> None:
    """Ten at once from one address, then 429 with a time; also for the right token."""
    async with web.page() as page:
        codes = [(await page.sign_in(f"wrong{n}")).status_code for n in range(11)]
        found = await page.sign_in(web.tokens["ana"].secret)
    assert codes == [401] * 10 + [429]
    assert (found.status_code, found.json()["error"]) == (429, "TooManyTries")
    assert 1 <= int(found.headers["retry-after"]) <= 8


async def test_signing_in_well_costs_no_try(web: Served) -> None:
    """Who signs in often with a good token is never locked out."""
    for _ in range(15):
        async with web.page("ana"):
            pass


async def test_a_sign_in_of_another_page_is_refused(web: Served) -> None:
    """Nobody is signed in by a page that is not ours: not by a form, not by a script."""
    async with web.page() as page:
        secret = {"token": web.tokens["ana"].secret}
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
            assert (await page.post("/console/signin", secret, headers)).status_code == 403
        form = await page.client.post("/console/signin", data=secret, headers={"Origin": web.url})
    assert form.status_code == 415


async def test_signing_in_again_ends_the_session_before(web: Served) -> None:
    """A session that somebody planted or left is not taken over."""
    async with web.page("vera") as page:
        before = dict(page.client.cookies)
        await page.sign_in(web.tokens["ana"].secret)
        assert (await page.get("/console/session")).json()["name"] == "ana"
    async with web.page() as other:
        other.client.cookies.update(before)
        assert (await other.get("/console/session")).status_code == 401


async def test_a_second_cookie_of_the_name_counts_as_none(web: Served) -> None:
    """Another server of this machine may plant one; which of the two holds nobody can tell."""
    async with web.page("ana") as page:
        (value,) = page.client.cookies.values()
        name = f"pointsman-{web.port}"
    async with web.page(Cookie=f"{name}=planted; {name}={value}") as twice:
        assert (await twice.get("/console/session")).status_code == 401


async def test_signing_out_ends_it(web: Served) -> None:
    """For the server too: the cookie opens nothing any more."""
    async with web.page("ana") as page:
        kept = dict(page.client.cookies)
        gone = await page.post("/console/signout")
        assert gone.status_code == 204
        assert "Max-Age=0" in gone.headers["set-cookie"]
    async with web.page() as page:
        page.client.cookies.update(kept)
        assert (await page.get("/console/session")).status_code == 401


@pytest.mark.parametrize("path", DOES)
async def test_nothing_changes_without_the_sessions_own_csrf_token(web: Served, path: str) -> None:
    """Missing, wrong, or of another session of the same person."""
    async with web.page("ana") as page, web.page("ana") as other:
        assert page.csrf != other.csrf
        for token in (None, "", "x", page.csrf[:-1], other.csrf):
            found = await page.post(path, headers={"X-CSRF-Token": token})
            assert (found.status_code, found.json()["error"]) == (403, "CsrfRefused"), token
        assert (await page.get("/console/session")).status_code == 200


async def test_roles(web: Served) -> None:
    """Viewers read; reviewers decide too; cancelling and redriving is the admin's."""
    card = await web.ticket()
    decide = f"/console/tickets/{card['id']}/decide"
    said = {"ticket": card["id"], "type": "approve", "digest": card["shows"]}
    async with web.page("vera") as viewer, web.page("rob") as reviewer:
        assert (await viewer.get("/console/overview")).status_code == 200
        found = await viewer.post(decide, said)
        assert (found.status_code, found.json()["error"]) == (403, "NotYourRole")
        for what in ("cancel", "redrive", "drop"):
            assert (await reviewer.post(f"/console/runs/r1/{what}")).status_code == 403
        assert (await viewer.get("/console/tickets")).json()["may_decide"] is False
        assert (await reviewer.post(decide, said)).status_code == 200


async def test_a_revoked_token_ends_its_sessions(web: Served) -> None:
    """At the next request, not when the session would have ended."""
    token, secret = await web.team.new_token("lena", role="reviewer")
    async with web.page() as page:
        assert (await page.sign_in(secret)).status_code == 200
        assert (await page.get("/console/overview")).status_code == 200
        await web.team.revoke_token(token.id, by="ana")
        assert (await page.get("/console/overview")).status_code == 401
        assert (await page.sign_in(secret)).status_code == 401


def test_an_unused_session_ends() -> None:
    """And each use moves its end."""
    now = 0.0
    book = SessionBook(idle=10.0, longest=100.0, clock=lambda: now)
    session, cookie = book.open(issued("ana").token)
    for _ in range(4):
        now += 9.0
        assert book.find(cookie) is session
    now += 10.0
    assert book.find(cookie) is None
    assert session.ended.is_set()


async def test_a_session_that_ended_is_no_session(tmp_path: Path) -> None:
    """Its cookie opens nothing any more."""
    async with served(tmp_path, idle_seconds=0.0) as web, web.page("ana") as page:
        assert (await page.get("/console/overview")).status_code == 401


def test_no_session_lasts_longer_than_the_longest() -> None:
    """However often it is used; and never longer than its token."""
    now = itertools.count(0.0, 10.0)
    book = SessionBook(idle=25.0, longest=95.0, clock=lambda: next(now))
    session, cookie = book.open(issued("ana").token)
    seen = sum(1 for _ in range(20) if book.find(cookie) is not None)
    assert 2 <= seen < 9
    assert session.ended.is_set()
    assert len(book) == 0


def test_a_forged_cookie_is_no_session() -> None:
    """Signatures of another process, of another session and none at all open nothing."""
    book, other = (SessionBook(idle=60, longest=60) for _ in range(2))
    session, cookie = book.open(issued("ana").token)
    _, foreign = other.open(issued("ana").token)
    signature = cookie.rpartition(".")[2]
    for forged in (foreign, session.id, f"{session.id}.", f"x.{signature}", cookie + "x", ""):
        assert book.find(forged) is None, forged
    assert book.find(cookie) is session


def test_one_token_has_a_bounded_number_of_sessions() -> None:
    """The one unused longest ends when one more is opened."""
    book = SessionBook(idle=60, longest=60)
    token = issued("ana").token
    cookies = [book.open(token)[1] for _ in range(MOST_OF + 1)]
    assert len(book) == MOST_OF
    assert book.find(cookies[0]) is None
    assert book.find(cookies[1]) is not None


async def test_metrics_want_a_token(web: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bearer token with the scope read, for all tenants; a session's cookie is none."""
    monkeypatch.setattr("pointsman.views.telemetry.prometheus_text", lambda: b"up 1")
    async with web.page("ana") as page:
        assert (await page.get("/metrics")).status_code == 401
        for name, status in (("vera", 200), ("tess", 403)):
            bearer = {"Authorization": f"Bearer {web.tokens[name].secret}"}
            assert (await page.client.get("/metrics", headers=bearer)).status_code == status
