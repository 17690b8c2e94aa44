"""The contract of releases: bodies, channels, the threads that began with each."""

import asyncio
from dataclasses import replace

from pointsman.teams.approvals.audit import AuditEntry, faults
from pointsman.teams.releases.channels import Channels
from pointsman.teams.store.protocol import Store
from tests.contracts.rows import NOW, a_result, a_run
from tests.teams.releases.made import a_release


def after(version: int, production: str, **change: object) -> Channels:
    """The team's channels after a promotion."""
    made = Channels(
        team="shop", version=version, production=production, action="promote", release=production,
        channel="production", at=NOW, by="ana",
    )  # fmt: skip
    return made.model_copy(update=change)


def entry(channels: Channels) -> AuditEntry:
    """Its audit row."""
    return AuditEntry(
        at=NOW, team=channels.team, release=channels.release, action="promote", by="ana"
    )


class ReleaseContract:
    """What every Store promises of releases."""

    async def test_a_team_without_releases_has_empty_channels(self, store: Store) -> None:
        """Version 0, nothing anywhere, no history."""
        assert await store.channels("shop") == Channels(team="shop")
        assert await store.channel_history("shop") == ()
        assert await store.find_release("shop", "2026-11-21.00000000") is None

    async def test_channels_come_back_with_their_history(self, store: Store) -> None:
        """The newest counts, the older ones are there, newest first, and each has an audit row."""
        release = a_release()
        first, second = after(1, release.release), after(2, release.release, staging="x")
        assert await store.move_channels(first, release, entry(first))
        assert await store.move_channels(second, None, entry(second))
        assert await store.channels("shop") == second
        assert await store.channel_history("shop") == (second, first)
        assert await store.channel_history("shop", limit=1) == (second,)
        assert await store.find_release("shop", release.release) == release
        rows = await store.audit()
        assert [(r.entry.action, r.entry.release) for r in rows] == [
            ("promote", release.release)
        ] * 2  # fmt: skip
        assert faults(rows) == []

    async def test_of_two_moves_one_wins(self, store: Store) -> None:
        """The second of one version changes nothing, not the audit log either."""
        moves = [after(1, f"release-{n}") for n in range(5)]
        won = await asyncio.gather(*(store.move_channels(m, None, entry(m)) for m in moves))
        assert sum(won) == 1
        assert await store.channels("shop") == moves[won.index(True)]
        assert len(await store.audit()) == 1

    async def test_a_version_is_not_skipped(self, store: Store) -> None:
        """Whoever did not see the last change cannot make the next one."""
        assert not await store.move_channels(after(2, "x"), None, entry(after(2, "x")))
        assert (await store.channels("shop")).version == 0

    async def test_teams_have_their_own(self, store: Store) -> None:
        """Channels, releases and threads of one team are not those of another."""
        release = a_release()
        moved = after(1, release.release)
        await store.move_channels(moved, release, entry(moved))
        await store.pin_thread(a_run(), "one")
        assert (await store.channels("other")).version == 0
        assert await store.find_release("other", release.release) is None
        assert await store.thread_release(a_run(team="other")) == ""

    async def test_a_thread_keeps_what_it_began_with(self, store: Store) -> None:
        """The first pin stands, unless it is one of those that may be written over."""
        row = a_run()
        assert await store.thread_release(row) == ""
        assert await store.pin_thread(row, "one") == "one"
        assert await store.pin_thread(row, "two") == "one"
        assert await store.pin_thread(row, "two", over=("other",)) == "one"
        assert await store.pin_thread(row, "two", over=("one",)) == "two"
        assert await store.thread_release(row) == "two"

    async def test_a_thread_is_its_tenants_own(self, store: Store) -> None:
        """The same name under another tenant is another thread."""
        await store.pin_thread(a_run(), "one")
        assert await store.pin_thread(a_run(tenant="globex"), "two") == "two"
        assert await store.thread_release(a_run()) == "one"

    async def test_of_two_first_messages_one_decides(self, store: Store) -> None:
        """Both get the release that was noted."""
        got = await asyncio.gather(*(store.pin_thread(a_run(), f"r{n}") for n in range(5)))
        assert len(set(got)) == 1

    async def test_a_run_keeps_its_release(self, store: Store) -> None:
        """It survives the store."""
        row = replace(a_run(), release="2026-11-21.00000000")
        await store.add_run(row)
        assert await store.find_run("r1") == row

    async def test_ended_runs_of_a_release_are_found(self, store: Store) -> None:
        """Only of that release, only ended ones, only those that a message began; newest first."""
        for n, (release, parent) in enumerate([("a", ""), ("a", ""), ("b", ""), ("a", "r0")]):
            row = replace(a_run(f"r{n}"), release=release, parent=parent)
            await store.add_run(row)
            result = a_result(row.run)
            await store.move_run(row.run, "done", frm=("running",), result=result)
        await store.add_run(replace(a_run("open"), release="a"))
        await store.add_run(a_run("none"))
        assert [row.run for row in await store.release_runs("shop", "a")] == ["r1", "r0"]
        assert [row.run for row in await store.release_runs("shop", "a", limit=1)] == ["r1"]
        assert await store.release_runs("shop", "") == ()
        assert await store.release_runs("shop", "a", since=4e9) == ()
