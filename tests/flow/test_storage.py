"""The folder of state fails: full, damaged, unusable."""

# ruff: noqa: ASYNC240 (a test may look at a file on the loop)

import os
import sqlite3
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from pointsman.errors import StoreBroken, StoreError, StoreFull
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.teams.tickets import Approve
from tests.flow.processes import rows
from tests.flow.shop import script, shop_team


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A disk of three megabytes: a tmpfs where mounting is allowed."""
    mount = tmp_path / "disk"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(mount)],
        capture_output=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip("mounting a file system needs root; the store's own test covers SQLITE_FULL")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def fill(disk: Path, *, leave: int) -> None:
    """Fill the disk but for `leave` bytes."""
    room = os.statvfs(disk)
    size = room.f_bavail * room.f_frsize - leave
    if size > 0:
        (disk / "ballast").write_bytes(b"x" * size)


def free(disk: Path) -> None:
    """Make room again."""
    (disk / "ballast").unlink(missing_ok=True)


async def test_a_full_disk_at_the_start_is_store_full(small_disk: Path) -> None:
    """Nothing can be stored: one clear error, and with room again the same message works."""
    fill(small_disk, leave=0)
    home = small_disk / "home"
    with pytest.raises(StoreFull, match="no space"):
        await shop_team(home).run("lookup INV-1", thread="c1", message_id="m1")
    free(small_disk)
    result = await shop_team(home).run("lookup INV-1", thread="c1", message_id="m1")
    assert result.status == "done"


@pytest.mark.parametrize("leave", [0, 8_192, 16_384, 32_768, 65_536, 131_072])
async def test_a_disk_that_fills_up_loses_nothing(small_disk: Path, leave: int) -> None:
    """Full somewhere in the middle: StoreFull (or, just enough room, the result); with space again
    the run goes on from where it was and its write happens once."""
    home = small_disk / "home"
    first = await shop_team(home).run("lookup INV-1", thread="c0")
    assert first.status == "done"
    begun = await shop_team(home).run("refund INV-1 5", thread="c1")
    fill(small_disk, leave=leave)
    failed = False
    try:
        await shop_team(home).decide(begun.tickets[0], Approve(by="ana"))
    except StoreFull:
        failed = True
    assert failed or leave > 0
    free(small_disk)
    team = shop_team(home)
    (ticket,) = await team.tickets(status=None)
    if ticket.status == "pending":
        await team.decide(ticket, Approve(by="ana"))
    result = await team.resume(begun.run)
    effects = rows(home, "SELECT state FROM effects")
    assert len(effects) == 1
    if effects == [("done",)]:
        assert (result.status, result.answer) == ("done", "done: refunded 5 on INV-1")
    else:
        # Full between the write and its record: nobody knows, and the run says so.
        assert (result.status, result.error) == ("failed", "Ambiguous")
    wrote = (home / "effects.log").read_text().splitlines()
    assert wrote in ([], ["refunded 5 on INV-1"])
    assert await team.result(first.run) == first


@pytest.mark.parametrize("name", ["pointsman.db", "checkpoints.db"])
async def test_a_damaged_file_is_store_broken(home: Path, name: str) -> None:
    """One clear error that names the file, which is left as it is."""
    assert (await shop_team(home).run("say")).status == "done"
    for other in home.glob(f"{name}-*"):
        other.unlink()
    (home / name).write_bytes(b"scribbled over " * 999)
    before = (home / name).read_bytes()
    with pytest.raises(StoreBroken, match=name.replace(".", r"\.")):
        await shop_team(home).run("say")
    assert (home / name).read_bytes() == before


async def test_checkpoints_that_are_lost_do_not_repeat_a_run(
    home: Path, model: ScriptedTransport
) -> None:
    """Results live in the store: a redelivered message is answered without its checkpoints."""
    first = await shop_team(home).run("say", thread="c1", message_id="m1")
    for file in home.glob("checkpoints.db*"):
        file.unlink()
    again = await shop_team(home, model=model).run("say", thread="c1", message_id="m1")
    assert again == first
    assert model.requests == []


async def test_a_waiting_run_whose_checkpoints_are_lost_can_still_be_decided(home: Path) -> None:
    """It begins again from its request; the journal and the tickets answer for what was done."""
    begun = await shop_team(home).run("refund INV-1 5", thread="c1")
    for file in home.glob("checkpoints.db*"):
        file.unlink()
    model = ScriptedTransport(script)
    team = shop_team(home, model=model)
    result = await team.decide(begun.tickets[0], Approve(by="ana"))
    assert getattr(result, "answer", "") == "done: refunded 5 on INV-1"
    assert len(model.requests) == 1


async def test_a_file_in_the_folders_place_is_a_store_error(home: Path) -> None:
    """A home that cannot be made is one clear error."""
    home.write_text("not a folder")
    with pytest.raises(StoreError, match="home"):
        await shop_team(home).run("say")


@pytest.mark.slow
async def test_a_store_that_is_locked_for_long_is_a_store_error(home: Path) -> None:
    """Somebody else's transaction on the checkpoints ends in our own error, not SQLite's."""
    await shop_team(home).run("say")
    blocker = sqlite3.connect(home / "checkpoints.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StoreError, match="locked"):
            await shop_team(home).run("say")
    finally:
        blocker.close()
