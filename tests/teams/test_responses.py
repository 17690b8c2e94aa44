"""The response cache of a team."""

from pathlib import Path

import pytest

from pointsman.errors import Misconfigured
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.kept import Answer
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.message import Turn
from pointsman.teams.responses import open_responses

REPLY = ModelReply(model="m", text="hello", seconds=1.0)
SECRET = "AKIA" + "QYLPMN5HHHFPZAM2"


def opened(home: Path, choice: str = "disk", **options: object) -> ResponseCache:
    """A cache, which is one."""
    cache = open_responses(home, choice, **options)  # type: ignore[arg-type]
    assert cache is not None
    return cache


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return [file.name for file in folder.iterdir()]


def contents(folder: Path) -> list[bytes]:
    """The bytes of its files."""
    return [file.read_bytes() for file in folder.iterdir()]


async def test_it_lies_in_the_folder_of_state(tmp_path: Path) -> None:
    """By default; and opening makes nothing."""
    cache = opened(tmp_path)
    assert names(tmp_path) == []
    await cache.put([("k", REPLY)])
    assert await cache.find(["k"]) == REPLY
    await cache.aclose()
    assert "cache.db" in names(tmp_path / "cache")


async def test_secrets_are_not_kept(tmp_path: Path) -> None:
    """Neither an answer with one nor the answer to a request with one; nothing of it is on disk."""
    cache = opened(tmp_path)
    request = ModelRequest(turns=(Turn(role="user", content=f"my key: {SECRET}"),))
    await cache.put(
        [
            Answer("a", ModelReply(model="m", text=f"It is {SECRET}")),
            Answer("b", REPLY, request=request),
            Answer("c", REPLY),
        ]
    )
    assert [await cache.find([key]) for key in "abc"] == [None, None, REPLY]
    await cache.aclose()
    assert not any(SECRET.encode() in data for data in contents(tmp_path / "cache"))


async def test_the_vaults_key_seals_it(tmp_path: Path) -> None:
    """Who does not have it can neither plant an answer nor is served by who has."""
    with_key, without = opened(tmp_path, vault_key="a key"), opened(tmp_path)
    await without.put([("planted", REPLY)])
    await with_key.put([("own", REPLY)])
    assert await with_key.find(["planted"]) is None
    assert await without.find(["own"]) is None
    assert await with_key.find(["own"]) == REPLY
    await with_key.aclose()
    await without.aclose()


async def test_the_setting_is_followed(tmp_path: Path) -> None:
    """In memory nothing is on disk; off is none; nonsense is refused."""
    cache = opened(tmp_path, "memory", grace=1.0)
    await cache.put([("k", REPLY)])
    assert await cache.find(["k"]) == REPLY
    assert names(tmp_path) == []
    assert open_responses(tmp_path, "off") is None
    with pytest.raises(Misconfigured):
        open_responses(tmp_path, "on")
