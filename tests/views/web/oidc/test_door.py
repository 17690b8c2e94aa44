"""Signing in through an OpenID Connect issuer: a real one on loopback, asked as a browser asks."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from pointsman.views.web.oidc.setup import OidcSetup
from tests.views.web.oidc.issuing import CLIENT, KEY, SECRET, Idp, Json, issuing, listed, rsa_key
from tests.views.web.served import Page, Served, served

ROLES = {"admin": ("ops",), "reviewer": ("support",)}
OTHER = rsa_key()


def setup_of(idp: Idp, **changes: object) -> OidcSetup:
    """This issuer, with a secret."""
    said = {
        "issuer": idp.url, "client_id": CLIENT, "client_secret": SecretStr(SECRET), "roles": ROLES,
    }  # fmt: skip
    return OidcSetup.model_validate({**said, **changes})


@asynccontextmanager
async def console(home: Path, idp: Idp, **changes: object) -> AsyncGenerator[tuple[Served, Page]]:
    """A server that trusts the issuer, and a browser of nobody yet."""
    async with served(home, oidc=setup_of(idp, **changes)) as web, web.page() as page:
        yield web, page


async def leaves(page: Page, at: str = "/runs") -> httpx.Response:
    """The click on the sign-in page's link."""
    return await page.client.get(
        "/console/oidc", params={"at": at}, headers={"Sec-Fetch-Site": "same-origin"}
    )


async def comes_back(page: Page, there: httpx.Response) -> httpx.Response:
    """The browser goes to the issuer, and where that sends it: from another site."""
    assert there.status_code == 303, there.text
    async with httpx.AsyncClient(trust_env=False) as elsewhere:
        sent = await elsewhere.get(there.headers["location"])
    return await page.client.get(sent.headers["location"], headers=FROM_ELSEWHERE)


FROM_ELSEWHERE = {
    "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
}  # fmt: skip


async def signs_in(page: Page, at: str = "/runs") -> str:
    """All of it; where the browser ends."""
    return (await comes_back(page, await leaves(page, at))).headers["location"]


async def test_whom_the_issuer_knows_is_in(tmp_path: Path) -> None:
    """With the name and the role of the claims, back on the page that was asked for; noted."""
    async with issuing() as idp, console(tmp_path, idp) as (web, page):
        assert (await page.get("/console/signin")).json() == {"issuer": "127.0.0.1"}
        assert await signs_in(page, "/runs/r1?step=3") == "/#/runs/r1?step=3"
        said = (await page.get("/console/session")).json()
        assert (said["name"], said["role"], said["method"]) == ("lena", "reviewer", "oidc")
        assert (await page.get("/console/overview")).status_code == 200
        rows = await web.team.audit()
    assert [(r.entry.action, r.entry.by, r.entry.to) for r in rows] == [
        ("sign_in", "lena", "127.0.0.1")
    ]
    assert rows[0].entry.token.startswith("oidc-")
    (asked,) = [form for what, form in idp.asked if what == "authorize"]
    assert asked["scope"] == "openid profile email"
    assert asked["code_challenge_method"] == "S256"
    (form,) = [form for what, form in idp.asked if what == "token"]
    assert form["authorization"].startswith("Basic ")
    assert SECRET not in "".join(value for name, value in form.items() if name != "authorization")


async def test_the_cookies(tmp_path: Path) -> None:
    """The session's is Strict as ever; the one of the way there is Lax, short, and holds no word of
    the issuer's."""
    async with issuing() as idp, console(tmp_path, idp) as (web, page):
        there = await leaves(page)
        back = await comes_back(page, there)
    (lax,), (strict,) = (r.headers.get_list("set-cookie") for r in (there, back))
    assert lax.startswith(f"pointsman-{web.port}-oidc=")
    assert {"HttpOnly", "SameSite=lax", "Max-Age=600", "Path=/"} <= {*lax.split("; ")}
    assert strict.startswith(f"pointsman-{web.port}=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {*strict.split("; ")}
    asked = parse_qs(urlsplit(there.headers["location"]).query)
    assert not any(asked[name][0] in lax for name in ("state", "nonce", "code_challenge"))


async def test_nobody_is_in_without_a_role(tmp_path: Path) -> None:
    """Whom the issuer knows is not whom the team knows."""
    async with issuing(claims={"groups": ["staff"]}) as idp, console(tmp_path, idp) as (web, page):
        assert await signs_in(page) == "/#signin=no-role"
        assert (await page.get("/console/session")).status_code == 401
        assert [row.entry.action for row in await web.team.audit()] == ["turn_away"]


async def test_a_token_that_does_not_hold_lets_nobody_in(tmp_path: Path) -> None:
    """Refused and noted, and the page is told one word of it."""
    async with issuing(key=OTHER) as idp, console(tmp_path, idp) as (web, page):
        assert await signs_in(page) == "/#signin=refused"
        assert (await page.get("/console/session")).status_code == 401
        assert [row.entry.action for row in await web.team.audit()] == ["turn_away"]


async def test_a_new_key_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The issuer signs by another key from now on: its list is read anew, but not at each try."""
    monkeypatch.setattr("pointsman.views.web.oidc.issuer.PAUSE", 0.0)
    async with issuing() as idp, console(tmp_path, idp) as (_, page):
        assert await signs_in(page) == "/#/runs"
        idp.key, idp.kid, idp.keys = OTHER, "k2", [listed(KEY, "k1"), listed(OTHER, "k2")]
        assert await signs_in(page) == "/#/runs"
        looked = [what for what, _ in idp.asked].count("keys")
        assert looked == 2
        monkeypatch.setattr("pointsman.views.web.oidc.issuer.PAUSE", 1000.0)
        idp.kid = "k3"
        for _ in range(3):
            assert await signs_in(page) == "/#signin=refused"
    assert [what for what, _ in idp.asked].count("keys") == looked
    assert [what for what, _ in idp.asked].count("discovery") == 1


async def test_the_answer_is_for_the_browser_that_asked(tmp_path: Path) -> None:
    """Somebody's answer in another browser signs nobody in, and leaves the sign-in as it is."""
    async with issuing() as idp, console(tmp_path, idp) as (web, page):
        there = await leaves(page)
        async with web.page() as victim:
            assert (await comes_back(victim, there)).headers["location"] == "/#signin=expired"
            assert (await victim.get("/console/session")).status_code == 401
        assert (await comes_back(page, there)).headers["location"] == "/#/runs"


async def test_an_answer_counts_once(tmp_path: Path) -> None:
    """The second time it belongs to no sign-in; nor does one that nobody began."""
    async with issuing() as idp, console(tmp_path, idp) as (web, page):
        there = await leaves(page)
        await comes_back(page, there)
        asked = len(idp.asked)
        for query in (
            urlsplit(there.headers["location"]).query, "", "code=x", "state=x&code=y", "state=%00",
        ):  # fmt: skip
            again = await page.client.get(f"/console/oidc/callback?{query}", headers=FROM_ELSEWHERE)
            assert again.headers["location"] == "/#signin=expired"
        assert len(idp.asked) == asked
        assert [row.entry.action for row in await web.team.audit()] == ["sign_in"]


async def test_two_tabs_sign_in_beside_each_other(tmp_path: Path) -> None:
    """The one that was begun first holds too."""
    async with issuing() as idp, console(tmp_path, idp) as (_, page):
        one, two = await leaves(page, "/runs"), await leaves(page, "/team")
        assert (await comes_back(page, one)).headers["location"] == "/#/runs"
        assert (await comes_back(page, two)).headers["location"] == "/#/team"


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"code": "", "error": "access_denied"}, "refused"),
        ({"code": "", "error": "<script>alert(1)</script>"}, "refused"),
        ({"code": ""}, "refused"),
        ({"iss": "https://evil.example"}, "refused"),
        ({"iss": ""}, "refused"),
        ({"state": "another"}, "expired"),
        ({"code": "code-99"}, "refused"),
    ],
)
async def test_an_answer_that_does_not_hold(tmp_path: Path, answer: Json, word: str) -> None:
    """Denied, of another issuer, of no issuer though this one names itself, of another state."""
    async with issuing(answer=answer) as idp, console(tmp_path, idp) as (_, page):
        assert await signs_in(page) == f"/#signin={word}"
        assert (await page.get("/console/session")).status_code == 401


async def test_an_issuer_that_is_away(tmp_path: Path) -> None:
    """The page says so; once it is back it works; tokens work meanwhile."""
    async with issuing(down=True) as idp, console(tmp_path, idp) as (web, page):
        assert (await leaves(page)).headers["location"] == "/#signin=unavailable"
        idp.down = False
        there = await leaves(page)
        idp.body = b"<h1>away</h1>"
        assert (await comes_back(page, there)).headers["location"] == "/#signin=unavailable"
        idp.body = b'{"id_token": "' + b"x" * 1_000_000 + b'"}'
        assert await signs_in(page) == "/#signin=unavailable"
        idp.body = None
        assert await signs_in(page) == "/#/runs"
    async with served(tmp_path / "b", oidc=setup_of(idp)) as web, web.page("ana") as page:
        assert (await leaves(page)).headers["location"] == "/#signin=unavailable"
        assert (await page.get("/console/overview")).status_code == 200


async def test_where_it_leads_is_a_page_of_the_console(tmp_path: Path) -> None:
    """No word of the address leads anywhere else."""
    async with issuing() as idp, console(tmp_path, idp) as (_, page):
        for at in ("https://evil.example", "", "/a\r\nSet-Cookie: x=1", "/" + "x" * 600, "é"):
            assert await signs_in(page, at) == "/#/now"
        assert await signs_in(page, "//evil.example") == "/#//evil.example"


async def test_a_cookie_that_is_none_of_ours_is_not_kept(tmp_path: Path) -> None:
    """Whatever stands there, the way back is bound to what this server made."""
    async with issuing() as idp, served(tmp_path, oidc=setup_of(idp)) as web:
        for value in ("x", "a" * 4000, '"a; b"', "é"):
            cookie = f"pointsman-{web.port}-oidc={value}".encode()
            async with web.page() as page:
                there = await page.client.get(
                    "/console/oidc",
                    headers=[(b"Sec-Fetch-Site", b"same-origin"), (b"Cookie", cookie)],
                )
                made = there.headers["set-cookie"].partition("=")[2].partition(";")[0]
                assert len(made) == 43
                assert await signs_in(page) == "/#/runs"


async def test_only_people_come_this_way(tmp_path: Path) -> None:
    """Another page's script, frame or form gets nothing; nor does one that would begin a sign-in
    for somebody."""
    async with issuing() as idp, console(tmp_path, idp) as (_, page):
        there = await leaves(page)
        back = "/console/oidc/callback?state=x&code=y"
        for headers in (
            {
                "Sec-Fetch-Site": "cross-site",
                "Sec-Fetch-Mode": "no-cors",
                "Sec-Fetch-Dest": "image",
            },
            {**FROM_ELSEWHERE, "Sec-Fetch-Dest": "iframe"},
        ):
            assert (await page.client.get(back, headers=headers)).status_code == 403
        assert (await page.client.post(back, headers=FROM_ELSEWHERE)).status_code == 403
        begun = await page.client.get("/console/oidc", headers=FROM_ELSEWHERE)
        assert begun.status_code == 403
        assert (await comes_back(page, there)).headers["location"] == "/#/runs"


async def test_tries_are_bounded(tmp_path: Path) -> None:
    """Sign-ins that are begun and not ended count as tries, good ones do not."""
    async with issuing() as idp, console(tmp_path, idp) as (_, page):
        for _ in range(12):
            assert await signs_in(page) == "/#/runs"
        begun = [(await leaves(page)).headers["location"] for _ in range(11)]
        assert begun[-1] == "/#signin=too-many"
        assert sum(where.startswith(idp.url) for where in begun) == 10


async def test_signing_in_ends_the_session_before(tmp_path: Path) -> None:
    """And signing out ends the new one; the issuer is not asked for it."""
    async with issuing() as idp, console(tmp_path, idp) as (web, page):
        await page.sign_in(web.tokens["ana"].secret)
        before = dict(page.client.cookies)
        await signs_in(page)
        page.csrf = (await page.get("/console/session")).json()["csrf"]
        async with web.page() as other:
            other.client.cookies.update(before)
            assert (await other.get("/console/session")).status_code == 401
        assert (await page.post("/console/signout")).status_code == 204
        assert (await page.get("/console/session")).status_code == 401


async def test_without_the_setting_there_is_no_such_way(web: Served) -> None:
    """And the page is told so."""
    async with web.page() as page:
        assert (await page.get("/console/signin")).json() == {"issuer": ""}
        assert (await leaves(page)).status_code == 404
