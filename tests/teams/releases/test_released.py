"""A team's services on releases: what they share, what they keep."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from pointsman.errors import InvalidRelease, Misconfigured, NotFound
from pointsman.nodes.gateway.scripted import ScriptedTransport, text_reply
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.specialist import Specialist
from pointsman.teams.flags import FileFlags, NoFlags
from pointsman.teams.releases.behaviour import behaviour
from pointsman.teams.releases.release import Release
from pointsman.teams.releases.released import MOST_KEPT, on_release, released_spec
from pointsman.teams.releases.rollout import rollout_of
from pointsman.teams.services import Services, open_services
from pointsman.teams.settings import Settings
from pointsman.teams.team import Team
from tests.teams.releases.made import NOW, put


class Made:
    """Services of a team with one prompt, and its releases."""

    def __init__(self, folder: Path) -> None:
        self.prompt = folder / "prompts" / "clerk.md"
        self.prompt.parent.mkdir()
        self.prompt.write_text("first")
        self.team = Team(
            "shop",
            specialists=(Specialist("clerk", handles="all", prompt="clerk"),),
            prompts=self.prompt.parent,
            home=folder / "home",
            models={"fast": ("scripted",), "strong": ("scripted",)},
        )
        one = ScriptedTransport(lambda _: text_reply("hi"))
        transports = Transports({"scripted": lambda: one})
        settings = Settings.read({})
        self.services: Services = open_services(
            self.team.spec, settings, on_ticket=None, transports=transports
        )

    def release(self, text: str) -> Release:
        """One whose prompt says that."""
        self.prompt.write_text(text)
        parts = behaviour(self.services.spec, self.services.gateway.chains)
        return Release.of("shop", parts, at=NOW, by="ana", notes="")


@pytest.fixture
async def made(tmp_path: Path) -> AsyncGenerator[Made]:
    """The services, closed at the end."""
    one = Made(tmp_path)
    yield one
    await one.services.aclose()


async def test_without_a_release_they_are_the_same(made: Made) -> None:
    """Nothing is made anew."""
    assert await made.services.on("") is made.services


async def test_a_variant_is_made_once(made: Made) -> None:
    """Its nodes serve every later run; store, record and doors are those of all."""
    release = made.release("a way")
    await put(made.services.store, release, to="production")
    one, two = [await on_release(made.services, release.release) for _ in range(2)]
    assert one.nodes is two.nodes
    assert one.store is made.services.store
    assert one.doors is made.services.doors
    assert one.gateway is not made.services.gateway


async def test_no_more_than_some_variants_are_kept(made: Made) -> None:
    """The one used longest ago goes, and is made anew when it is wanted."""
    names: list[str] = []
    for n in range(MOST_KEPT + 1):
        release = made.release(f"way {n}")
        await put(made.services.store, release, to="production")
        names.append(release.release)
    first = await on_release(made.services, names[0])
    for name in names[1:]:
        await on_release(made.services, name)
    assert list(made.services.variants) == names[1:]
    assert (await on_release(made.services, names[0])).nodes is not first.nodes


async def test_a_release_nobody_promoted_is_not_found(made: Made) -> None:
    """The error names the team and what to do."""
    with pytest.raises(NotFound, match="release list"):
        await on_release(made.services, "2020-01-01.00000000")


async def test_a_release_with_other_tiers_is_refused(made: Made, tmp_path: Path) -> None:
    """Its models could not be put in the place of the team's."""
    release = made.release("a way")
    with pytest.raises(InvalidRelease, match="tiers"):
        released_spec(made.team.spec, {"fast": ("a",)}, release, home=tmp_path)


def test_settings_say_how_releases_are_served() -> None:
    """By default production, with a warning where code differs, and no flags."""
    usual = rollout_of(Settings.read({}))
    assert (usual.serves, usual.drift, usual.flags) == ("production", "warn", NoFlags())
    other = rollout_of(
        Settings.read(
            {
                "POINTSMAN_RELEASES": "staging",
                "POINTSMAN_RELEASE_DRIFT": "refuse",
                "POINTSMAN_FLAGS": "flags.yaml",
            }
        )
    )
    assert (other.serves, other.drift, other.flags) == (
        "staging", "refuse", FileFlags(Path("flags.yaml"))
    )  # fmt: skip


@pytest.mark.parametrize("name", ["POINTSMAN_RELEASES", "POINTSMAN_RELEASE_DRIFT"])
def test_a_setting_that_is_none_is_refused(name: str) -> None:
    """With its name."""
    with pytest.raises(Misconfigured, match=name):
        Settings.read({name: "perhaps"})
