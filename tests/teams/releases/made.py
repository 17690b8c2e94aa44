"""Releases as the tests make them."""

from datetime import UTC, datetime

from pointsman.nodes.digest import digest
from pointsman.teams.releases.channels import Channel, Channels
from pointsman.teams.releases.moves import promote
from pointsman.teams.releases.release import Parts, PinnedPrompt, PinnedTier, Release
from pointsman.teams.store.protocol import Store

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def some_parts(text: str = "Be kind.\n", **change: object) -> Parts:
    """The parts of a team with one prompt."""
    parts = Parts(
        prompts={"shop/clerk": PinnedPrompt(version=digest(text)[:12], text=text)},
        models={"fast": PinnedTier(models=("scripted",))},
        specialists={"clerk": {"handles": "all"}},
        tools={"clerk.refund": {"effect": "write", "stakes": "high"}},
        guards={},
        transitions={"route": ("clerk", "end")},
        router={},
        policy={"version": "1"},
        limits={"max_hops": 6},
    )
    return parts.model_copy(update=change)


def a_release(text: str = "Be kind.\n", *, team: str = "shop", at: datetime = NOW) -> Release:
    """A release of the team whose prompt says that."""
    return Release.of(team, some_parts(text), at=at, by="ana", notes="")


async def put(
    store: Store, release: Release, *, to: Channel, share: float = 0.0, at: datetime = NOW
) -> Channels:
    """Promote it, by ana."""
    return await promote(store, release, to=to, share=share, by="ana", at=at)
