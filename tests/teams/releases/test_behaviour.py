"""A team's behaviour as parts: each change shows in its part, and only there."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pointsman.errors import InvalidRelease
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.gateway.cascade import Cascade, Tier, Try
from pointsman.nodes.gateway.hedge import Hedge
from pointsman.nodes.panel import Panel
from pointsman.nodes.resolve import ByJudge
from pointsman.nodes.routing.router import Router
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import tool
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.releases.behaviour import behaviour, chains_of, with_models
from pointsman.teams.releases.release import Part, Parts, PinnedTier
from pointsman.teams.settings import Settings
from pointsman.teams.spec import TeamSpec
from pointsman.teams.team import Team

CHAINS: dict[str, Tier] = {"fast": ("a", "b"), "strong": ("c",)}


@tool(effect="write")
def refund(invoice: str) -> str:
    """Refund an invoice."""
    return invoice


def spec_in(folder: Path) -> TeamSpec:
    """A team of two with a prompt that includes another."""
    prompts = folder / "prompts"
    (prompts / "partials").mkdir(parents=True, exist_ok=True)
    (prompts / "clerk.md").write_text('Be kind. {% include "partials/tone" %}\n')
    (prompts / "partials" / "tone.md").write_text("Be short.\n")
    (prompts / "unused.md").write_text("Of another team.\n")
    specialists = (
        Specialist("clerk", handles="money", prompt="clerk", tools=(refund,), examples=("pay me",)),
        Specialist("tech", handles="devices", hands_off_to=("clerk",)),
    )
    return Team("shop", specialists=specialists, prompts=prompts).spec


def parts_in(folder: Path, change: Callable[[TeamSpec], TeamSpec] = lambda spec: spec) -> Parts:
    """Its behaviour after a change."""
    return behaviour(change(spec_in(folder)), CHAINS)


def test_it_is_the_same_each_time(tmp_path: Path) -> None:
    """In another folder too: nothing of a machine is in it."""
    first, second = parts_in(tmp_path / "a"), parts_in(tmp_path / "b")
    assert first == second
    assert first.digest == second.digest
    assert str(tmp_path) not in first.model_dump_json()


def test_prompts_are_pinned_whole(tmp_path: Path) -> None:
    """With what they include and the package's own that the team reads, and no other team's."""
    parts = parts_in(tmp_path)
    assert parts.prompts["clerk"].text == 'Be kind. {% include "partials/tone" %}\n'
    assert parts.prompts["partials/tone"].text == "Be short.\n"
    assert {"router/choose", "specialist/default", "specialist/repair"} <= parts.prompts.keys()
    assert "unused" not in parts.prompts
    library = PromptLibrary((tmp_path / "prompts",))
    for name, prompt in parts.prompts.items():
        assert prompt.version == library.get(name).version


def test_work_says_which_prompts_it_reads(tmp_path: Path) -> None:
    """A panel's judge is pinned where there is a panel, and only there."""

    def with_panel(spec: TeamSpec) -> TeamSpec:
        members = spec.specialists
        panel = Specialist("panel", handles="hard ones", does=Panel(members, resolver=ByJudge()))
        return replace(spec, specialists=(*members, panel))

    assert "panel/judge" not in parts_in(tmp_path).prompts
    made = parts_in(tmp_path, with_panel)
    assert "panel/judge" in made.prompts
    assert "does" in made.specialists["panel"]


def with_clerk(**change: object) -> Callable[[TeamSpec], TeamSpec]:
    """Change the clerk."""

    def changed(spec: TeamSpec) -> TeamSpec:
        clerk, *others = spec.specialists
        made = replace(clerk, **change)  # pyright: ignore[reportArgumentType]
        return replace(spec, specialists=(made, *others))

    return changed


CHANGES: list[tuple[Callable[[TeamSpec], TeamSpec], set[Part]]] = [
    (with_clerk(handles="everything"), {"specialists"}),
    (with_clerk(examples=("pay me", "money back")), {"specialists"}),
    (with_clerk(max_tokens=9), {"specialists"}),
    (with_clerk(tools=(replace(refund, stakes="high"),)), {"tools"}),
    (with_clerk(tools=(replace(refund, timeout=1.0),)), {"tools"}),
    (with_clerk(tools=(replace(refund, description="x"),)), {"tools"}),
    (with_clerk(tools=(replace(refund, fn=test_it_is_the_same_each_time),)), {"tools"}),
    (with_clerk(tools=()), {"tools"}),
    (with_clerk(guards=(ContentFilter(),)), {"guards"}),
    (lambda spec: replace(spec, guards=()), {"guards"}),
    (lambda spec: replace(spec, router=Router(sticky=False)), {"router"}),
    (lambda spec: replace(spec, transitions={"route": ("clerk",)}), {"transitions"}),
    (lambda spec: replace(spec, max_hops=2), {"limits"}),
    (lambda spec: replace(spec, no_route="Sorry."), {"limits"}),
    (
        lambda spec: replace(spec, policy=ApprovalPolicy((PolicyRule("all", then="ask"),))),
        {"policy"},
    ),
    (lambda spec: replace(spec, why={"max_hops": "for luck"}), set()),
    (lambda spec: replace(spec, home=Path("elsewhere")), set()),
]  # fmt: skip


@pytest.mark.parametrize(("change", "shows"), CHANGES)
def test_each_change_shows_in_its_part(
    tmp_path: Path, change: Callable[[TeamSpec], TeamSpec], shows: set[Part]
) -> None:
    """And in no other. What changes no behaviour shows nowhere."""
    before, after = parts_in(tmp_path), parts_in(tmp_path, change)
    assert set(before.differs(after)) == shows
    assert (before.digest == after.digest) is (not shows)


def test_a_changed_partial_shows_in_both(tmp_path: Path) -> None:
    """Itself, and the version of what includes it."""
    before = parts_in(tmp_path)
    spec = spec_in(tmp_path)
    (tmp_path / "prompts" / "partials" / "tone.md").write_text("Be long.\n")
    after = behaviour(spec, CHAINS)
    assert before.differs(after) == ("prompts",)
    changed = {n for n in after.prompts if after.prompts[n] != before.prompts[n]}
    assert changed == {"clerk", "partials/tone"}


def test_models_are_the_teams_or_the_environments(tmp_path: Path) -> None:
    """Where the team names none, those of the environment are pinned."""
    spec = spec_in(tmp_path)
    settings = Settings.read({"POINTSMAN_FAST": "x,y"})
    assert chains_of(spec, settings) == {"fast": ("x", "y"), "strong": ("x", "y")}
    assert behaviour(spec, chains_of(spec, settings)).models["fast"].models == ("x", "y")


CASCADE = Cascade(weak=("a", Try("b", temperature=0.7)), strong=("c",))


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (("a",), ("x", "y")),
        (CASCADE, Cascade(weak=("x", Try("y", temperature=0.7)), strong=("z", "w"))),
        (Hedge(("a", "b")), Hedge(("x", "y"))),
    ],
)
def test_a_tier_takes_the_models_of_a_release(mine: Tier, other: Tier) -> None:
    """And keeps all else."""
    spec = Team("t", specialists=(Specialist("a", handles="all"),)).spec
    pinned = behaviour(spec, {"fast": other}).models["fast"]
    made = with_models(mine, pinned)
    assert behaviour(spec, {"fast": made}).models["fast"] == pinned
    assert with_models(mine, behaviour(spec, {"fast": mine}).models["fast"]) == mine


@pytest.mark.parametrize("mine", [("a",), CASCADE, Hedge(("a", "b"))])
def test_a_tier_of_another_kind_is_refused(mine: Tier) -> None:
    """A chain, a cascade and a hedge are not each other."""
    others = [
        PinnedTier(models=("x",)),
        PinnedTier(models=("x", "y"), strong=("z",), how={"is": "?"}),
        PinnedTier(models=("x", "y"), how={"is": "Hedge"}),
    ]
    refused = 0
    for other in others:
        try:
            with_models(mine, other)
        except InvalidRelease:
            refused += 1
    assert refused == 2
