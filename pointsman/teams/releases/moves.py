"""Promoting releases and rolling them back: each is one transaction with its audit row."""

from datetime import datetime

from pydantic import AwareDatetime

from pointsman.errors import BadInput, Conflict, InvalidRelease, NotFound
from pointsman.nodes.digest import digest
from pointsman.teams.approvals.audit import AuditEntry
from pointsman.teams.releases.channels import LADDER, Channel, Channels
from pointsman.teams.releases.release import Release
from pointsman.teams.store.protocol import Store

KEPT_HISTORY = 1_000
"""Changes that are looked through for what was in production before."""


def next_channel(channels: Channels, release: str) -> Channel:
    """Where a release goes next: staging, canary, production. Raises Conflict where it is at the
    top. Where nothing is in production yet there is nothing a canary could be compared with."""
    where = channels.where(release)
    if "production" in where:
        raise Conflict(
            f"Release {release} of team {channels.team!r} is in production.",
            hint="There is nothing to promote.",
        )
    if "canary" in where:
        return "production"
    if "staging" in where:
        return "canary" if channels.production else "production"
    return "staging"


async def promote(
    store: Store, release: Release, *, to: Channel, share: float = 0.0, by: str, at: datetime,
    reason: str = "", gate: str = "",
) -> Channels:  # fmt: skip
    """Bring a release into a channel. Threads that began stay with their release.

    `share` is of new threads, for the canary; again with another share: the canary grows or
    shrinks. Raises InvalidRelease, BadInput for a share that is none, and Conflict when somebody
    else moved the team's releases meanwhile or nothing would change.
    """
    release.checked()
    before = await store.channels(release.team)
    where: dict[str, object] = {to: release.release}
    if to == "canary":
        _check_canary(before, release, share)
        where["share"] = share
    if before.canary == release.release and to == "production":
        where |= {"canary": "", "share": 0.0}
    if before.staging == release.release and to != "staging":
        where["staging"] = ""
    after = before.model_copy(
        update={
            **where, "version": before.version + 1, "action": "promote", "channel": to,
            "release": release.release, "at": at, "by": by, "reason": reason, "gate": gate,
            "withdrawn": tuple(w for w in before.withdrawn if w != release.release),
        }
    )  # fmt: skip
    if _stands(after) == _stands(before):
        raise Conflict(
            f"Release {release.release} of team {release.team!r} is in {to} already.",
            hint="Nothing was changed.",
        )
    await _move(store, after, release, _entry(after, release.digest))
    return after


async def rollback(
    store: Store, team: str, *, by: str, at: datetime, reason: str, to: str = "",
    expect: str = "",
) -> Channels:  # fmt: skip
    """Withdraw the canary; without one, what is in production, and bring back what was there before
    it. With `to`: both, and that one comes back. Runs that began end on their release; their
    threads go on with another one. `expect`: only if it is this one that would go.

    Raises NotFound where there is nothing to roll back or to go back to, Conflict when somebody
    else moved the team's releases meanwhile.
    """
    before = await store.channels(team)
    update: dict[str, object] = {"canary": "", "share": 0.0}
    if before.canary and not to:
        gone, channel = before.canary, "canary"
    elif before.production and before.production != to:
        gone, channel = before.production, "production"
        update["production"] = await _former(store, before, to)
    else:
        raise NotFound(
            f"Team {team!r} has no release that could be rolled back.",
            hint="`pointsman release list` shows where its releases stand.",
        )
    if expect not in ("", gone):
        raise Conflict(
            f"Release {expect} of team {team!r} is not on trial any more, but {gone} is.",
            hint="Nothing was changed.",
        )
    ends = (gone, before.canary) if before.canary else (gone,)
    withdrawn = tuple(dict.fromkeys((*before.withdrawn, *ends)))
    after = before.model_copy(
        update={
            **update, "version": before.version + 1, "action": "rollback", "channel": channel,
            "release": gone, "at": at, "by": by, "reason": reason, "gate": "",
            "withdrawn": tuple(w for w in withdrawn if w != update.get("production")),
        }
    )  # fmt: skip
    await _move(store, after, None, _entry(after, await _digest(store, team, gone)))
    return after


async def _digest(store: Store, team: str, name: str) -> str:
    """A release's digest; empty for one that cannot be read: it can be taken back all the same."""
    try:
        release = await store.find_release(team, name)
    except InvalidRelease:
        return ""
    return release.digest if release else ""


async def _former(store: Store, now: Channels, to: str) -> str:
    """What was in production before the present one and was not withdrawn."""
    history = await store.channel_history(now.team, limit=KEPT_HISTORY)
    before = [c.production for c in history if c.production and c.production != now.production]
    if to:
        if await store.find_release(now.team, to) is None:
            raise NotFound(
                f"Team {now.team!r} never promoted a release {to!r}.",
                hint="`pointsman release list` shows those that it has.",
            )
        return to
    good = [name for name in before if name not in now.withdrawn]
    if not good:
        raise NotFound(
            f"Team {now.team!r} had no other release in production than {now.production}.",
            hint="Create a release of code and prompts that worked, and promote it.",
        )
    return good[0]


def _check_canary(before: Channels, release: Release, share: float) -> None:
    if not 0.0 < share <= 1.0:
        raise BadInput(f"A canary with {share:g} of the threads cannot be.", hint="Give 0.01 to 1.")
    if not before.production:
        raise Conflict(
            f"Team {release.team!r} has nothing in production that a canary could stand beside.",
            hint="Promote a first release to production.",
        )
    if before.production == release.release:
        raise Conflict(
            f"Release {release.release} of team {release.team!r} is in production.",
            hint="There is nothing to try.",
        )


def _stands(channels: Channels) -> tuple[object, ...]:
    held = tuple(getattr(channels, channel) for channel in LADDER)
    return (*held, channels.share, channels.withdrawn)


def _entry(after: Channels, whole: str) -> AuditEntry:
    return AuditEntry(
        at=after.at or _never(),
        team=after.team,
        release=after.release,
        action="rollback" if after.action == "rollback" else "promote",
        by=after.by,
        status=f"{after.channel} {after.share:g}"
        if after.canary == after.release
        else after.channel,
        digest=whole,
        policy=after.gate,
        to=after.production if after.action == "rollback" else "",
        text_digest=digest(after.reason) if after.reason else "",
    )


def _never() -> AwareDatetime:
    raise ValueError("a change of channels has a time")


async def _move(store: Store, after: Channels, release: Release | None, entry: AuditEntry) -> None:
    if not await store.move_channels(after, release, entry):
        raise Conflict(
            f"Somebody else moved the releases of team {after.team!r} meanwhile.",
            hint="Look where they stand (`pointsman release list`), and try again.",
        )
