"""Runs that cross Temporal under a signed envelope: a forged one does nothing, and is on record."""

from dataclasses import replace
from pathlib import Path

import pytest

from pointsman.errors import Forged
from pointsman.nodes.signing import Signer, new_secret
from pointsman.teams.keyfiles import Keys, new_signer, sender_line
from pointsman.teams.settings import Settings
from pointsman.teams.team import Team
from pointsman.teams.temporal.crossing import sealed
from pointsman.teams.temporal.names import Item, Limits
from pointsman.teams.temporal.server import connect
from pointsman.teams.temporal.threads import Threads
from tests.scale.conftest import Site


class Keyed:
    """A site whose workers believe one sender."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.own = site.home / "own.key"
        self.signer = new_signer("shop/client", self.own)
        self.listed = site.home / "senders.toml"
        self.listed.write_text(f"[senders]\n{sender_line(self.signer)}\n")

    async def work(self) -> None:
        """Start a worker that has the list, and signs as the sender that it lists."""
        env = {"POINTSMAN_SENDERS": str(self.listed), "POINTSMAN_SIGNING_KEY": str(self.own)}
        told = (
            "from pointsman.teams.settings import Settings\n"
            f"Settings.read = lambda env=None, read=Settings.read: read({env!r})"
        )
        await self.site.work(code=told)

    def team(self, key: Path | None = None) -> Team:
        """The team as a client, with a key or without one."""
        team = self.site.team()
        env = {"POINTSMAN_TEMPORAL": self.site.address}
        there = Settings.read(env | ({"POINTSMAN_SIGNING_KEY": str(key)} if key else {}))
        team._sessions.settings = lambda: there
        return team


async def test_a_forged_run_is_refused_and_the_thread_goes_on(site: Site) -> None:
    """Without a key, or with one that nobody listed, nothing happens but a letter; a listed sender
    of the same thread is served."""
    keyed = Keyed(site)
    await keyed.work()
    stranger = site.home / "stranger.key"
    new_signer("shop/client", stranger)
    for name, key in (("m1", None), ("m2", stranger)):
        with pytest.raises(Forged):
            await keyed.team(key).run("lookup INV-1", thread="a", message_id=name)
    honest = keyed.team(keyed.own)
    done = await honest.run("lookup INV-2", thread="a", message_id="m3")
    assert (done.status, done.answer) == ("done", "done: INV-2 is 20.00 USD")
    letters = await honest.letters()
    assert [(x.why, x.came) for x in letters] == [("Forged", "temporal")] * 2
    assert not any("lookup" in x.body for x in letters)


async def test_an_altered_envelope_is_refused(site: Site) -> None:
    """One of another run, and one signed for other words; the run stands until it is given again by
    somebody who is believed."""
    keyed = Keyed(site)
    await keyed.work()
    team, keys = keyed.team(keyed.own), Keys(keyed.signer)
    first = await team.run("lookup INV-1", thread="a", message_id="m1")
    with pytest.raises(Forged):
        await keyed.team().run("note hello", thread="a", message_id="m2")
    async with team._sessions.services() as services:
        rows = {row.request.id: row for row in await services.store.runs("shop")}
    row, other = rows["m2"], rows["m1"]
    said = row.request.payload.model_copy(update={"text": "note bye"})
    worded = replace(row, request=row.request.carrying(said))
    threads = Threads(await connect(site.address), Limits())
    for event in (
        sealed(other, keys), sealed(worded, keys), sealed(replace(row, thread="b"), keys),
        sealed(row, Keys(Signer("shop/client", new_secret()))), {},
    ):  # fmt: skip
        assert await threads.move(row, Item(row.run, 5, event)) == "refused"
    assert (await team.run("lookup INV-1", thread="a", message_id="m1")).run == first.run
    assert await threads.move(row, Item(row.run, 5, sealed(row, keys))) == "waiting"
    assert len(await team.tickets()) == 1
    assert len(await team.letters()) >= 4
