"""The team's classifier: fitted once, kept, fitted again when the examples change."""

import asyncio
import sys
from pathlib import Path

import pytest

from pointsman.errors import Misconfigured
from pointsman.nodes.routing.classifier import Classifier, Unfitted
from pointsman.nodes.routing.fitted import FittedClassifier
from pointsman.nodes.routing.router import Router
from pointsman.nodes.routing.threshold import Costs
from pointsman.nodes.specialist import Specialist
from pointsman.teams.fitting import FEWEST, FOLDER, TeamClassifier

MONEY = tuple(f"refund my invoice number {n} please" for n in range(FEWEST))
THINGS = tuple(f"the screen of device {n} is black" for n in range(FEWEST))


def team(home: Path, router: Router | None = None, **examples: tuple[str, ...]) -> TeamClassifier:
    """The classifier of a team whose specialists have these examples."""
    given = examples or {"billing": MONEY, "tech": THINGS}
    specialists = [Specialist(name, handles=name, examples=e) for name, e in given.items()]
    return TeamClassifier(router or Router(), specialists, team="the shop", home=home)


def files(home: Path) -> list[Path]:
    """The kept files."""
    return sorted((home / FOLDER).iterdir()) if (home / FOLDER).exists() else []


def seen(made: Classifier | Unfitted, text: str) -> str:
    """Whose a text most likely is."""
    assert not isinstance(made, Unfitted), made.reason
    return made.classify(text).label


async def test_it_is_fitted_once_and_kept(tmp_path: Path) -> None:
    """Messages that come together wait for one fit; another process reads the file."""
    one = team(tmp_path)
    made = await asyncio.gather(*(one() for _ in range(5)))
    assert len({id(m) for m in made}) == 1
    assert seen(made[0], "a refund for my invoice") == "billing"
    (path,) = files(tmp_path)
    assert path.name.startswith("the_shop.")
    stamp = path.stat().st_mtime_ns
    assert seen(await team(tmp_path)(), "black screen") == "tech"
    assert path.stat().st_mtime_ns == stamp


@pytest.mark.parametrize("change", ["example", "costs", "out of scope"])
async def test_what_it_was_fitted_on_changes_the_file(tmp_path: Path, change: str) -> None:
    """New examples or costs make a new file, which takes the old one's place."""
    await team(tmp_path)()
    (before,) = files(tmp_path)
    if change == "example":
        await team(tmp_path, billing=(*MONEY, "one more"), tech=THINGS)()
    elif change == "costs":
        await team(tmp_path, Router(costs=Costs(wrong=50)))()
    else:
        await team(tmp_path, Router(out_of_scope=("weather", "a joke")))()
    (after,) = files(tmp_path)
    assert after.name != before.name


async def test_a_damaged_file_is_fitted_again(tmp_path: Path) -> None:
    """A file that was cut off is not served, and not fatal."""
    await team(tmp_path)()
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert seen(await team(tmp_path)(), "refund my invoice") == "billing"
    assert path.read_bytes() == whole


async def test_without_scikit_learn_a_kept_file_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Serving needs no extra; where there is no file of these examples, the reason names it."""
    await team(tmp_path)()
    for name in [m for m in sys.modules if m.split(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert seen(await team(tmp_path)(), "black screen") == "tech"
    none = await team(tmp_path, billing=(*MONEY, "more"), tech=THINGS)()
    assert isinstance(none, Unfitted)
    assert "needs scikit-learn" in none.reason
    assert "pointsman[classifier]" in none.reason


@pytest.mark.parametrize(
    ("router", "examples", "reason"),
    [
        (Router(classifier="off"), {}, "it is switched off"),
        (Router(), {"billing": MONEY, "tech": ()}, "8 examples of each are needed, and tech has 0"),
        (Router(), {"billing": MONEY, "tech": THINGS[:3] * 5}, "tech has 3"),
        (Router(), {"billing": MONEY}, "there is nothing to tell apart"),
    ],
)
async def test_where_it_cannot_be_fitted_it_says_why(
    tmp_path: Path, router: Router, examples: dict[str, tuple[str, ...]], reason: str
) -> None:
    """And writes nothing. Repeated examples count once."""
    made = await team(tmp_path, router, **examples)()
    assert isinstance(made, Unfitted)
    assert reason in made.reason
    assert files(tmp_path) == []


async def test_a_home_that_cannot_be_written_costs_only_the_keeping(tmp_path: Path) -> None:
    """The classifier serves from memory."""
    (tmp_path / FOLDER).write_text("a file where the folder should be")
    assert seen(await team(tmp_path)(), "refund my invoice") == "billing"


async def test_a_named_file_is_served_as_it_is(tmp_path: Path) -> None:
    """Whatever the examples in the code; but not one that knows strangers, nor one that is none."""
    await team(tmp_path)()
    (path,) = files(tmp_path)
    other = {"billing": ("x",), "tech": (), "more": ()}
    made = await team(tmp_path, Router(classifier=path), **other)()
    assert isinstance(made, FittedClassifier)
    with pytest.raises(Misconfigured, match="'tech', to whom"):
        await team(tmp_path, Router(classifier=path), billing=MONEY, ben=THINGS)()
    with pytest.raises(Misconfigured, match="gone"):
        await team(tmp_path, Router(classifier=tmp_path / "gone.json"))()


def test_costs_are_for_what_is_fitted_here() -> None:
    """A file has its own, so that both is a contradiction."""
    with pytest.raises(Misconfigured, match="costs"):
        Router(classifier=Path("x.json"), costs=Costs())
