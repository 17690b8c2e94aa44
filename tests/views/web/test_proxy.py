"""People whom a reverse proxy signed in."""

import time
from pathlib import Path

import pytest

from pointsman.views.web.proxy import Proxy, signature
from tests.views.web.served import served

KEY = "k" * 32


def said(
    user: str = "lena", role: str = "reviewer", *, age: float = 0, key: str = KEY
) -> dict[str, str]:
    """The headers of a proxy that signed it `age` seconds ago."""
    at = str(int(time.time() - age))
    return {
        "X-Pointsman-User": user, "X-Pointsman-Role": role, "X-Pointsman-Time": at,
        "X-Pointsman-Signature": signature(key, user=user, role=role, at=at),
    }  # fmt: skip


async def test_who_the_proxy_signed_in_is_in(tmp_path: Path) -> None:
    """The first look makes a session in that name; it lasts while the proxy says so."""
    async with served(tmp_path, proxy_key=KEY) as web, web.page() as page:
        found = await page.client.get("/console/session", headers=said("L%C3%A9na"))
        assert (found.status_code, found.json()["name"]) == (200, "Léna")
        assert (found.json()["method"], found.json()["role"]) == ("proxy", "reviewer")
        seen = await page.client.get("/console/overview", headers=said("L%C3%A9na"))
        assert seen.status_code == 200
        other = await page.client.get("/console/overview", headers=said("mallory"))
        assert other.status_code == 401
    rows = await web.team.audit()
    assert [(r.entry.action, r.entry.by) for r in rows] == [("sign_in", "Léna")]


async def test_the_proxys_word_comes_with_every_request(tmp_path: Path) -> None:
    """Without it the session ends: whoever signs out at the proxy is out here."""
    async with served(tmp_path, proxy_key=KEY) as web, web.page() as page:
        await page.client.get("/console/session", headers=said())
        assert (await page.get("/console/overview")).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        said(key="x" * 32),
        said(age=120),
        said(age=-120),
        said(role="root"),
        said(user=" "),
        said(user="a%00b"),
        {**said(), "X-Pointsman-User": "ana"},
        {**said(), "X-Pointsman-Role": "admin"},
        {**said(), "X-Pointsman-Time": "0"},
        {**said(), "X-Pointsman-Signature": ""},
    ],
)
def test_what_is_not_signed_now_counts_for_nothing(headers: dict[str, str]) -> None:
    """Another key, another time, a changed name, role or time."""
    lower = {name.lower(): value for name, value in headers.items()}
    assert Proxy("shop", KEY).person(lower) is None


async def test_without_a_key_no_proxy_is_trusted(tmp_path: Path) -> None:
    """Then its headers are words of the browser."""
    async with served(tmp_path) as web, web.page() as page:
        found = await page.client.get("/console/session", headers=said(key=""))
        assert found.status_code == 401


async def test_a_wrong_signature_is_noted(tmp_path: Path) -> None:
    """Somebody tried."""
    async with served(tmp_path, proxy_key=KEY) as web, web.page() as page:
        found = await page.client.get("/console/session", headers=said(key="y" * 32))
        assert found.status_code == 401
        assert [row.entry.action for row in await web.team.audit()] == ["turn_away"]
