"""Asking a team's router without a run."""

from collections.abc import Sequence
from pathlib import Path

from pointsman import Router, Rule, Specialist, Team
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport, choice_reply
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.routing.router import Route
from pointsman.teams.deciding import deciding


def shop(
    home: Path, answers: Sequence[Scripted] = (), router: Router | None = None
) -> tuple[Team, ScriptedTransport]:
    """A team of two on a scripted model."""
    model = ScriptedTransport(answers)
    team = Team(
        "shop",
        specialists=(Specialist("billing", handles="money"), Specialist("tech", handles="things")),
        router=router,
        home=home,
        models={"fast": ("scripted",), "strong": ("scripted",)},
        transports=Transports({"scripted": lambda: model}),
    )
    return team, model


async def asked(team: Team, text: str, *, ask_model: bool = True, after: str = "") -> Route:
    """One decision."""
    async with deciding(team, ask_model=ask_model, after=after) as decide:
        return await decide(text)


async def test_it_decides_as_a_run_would_and_makes_none(tmp_path: Path) -> None:
    """The model sees the text past the team's filters; no run is recorded; the next run of the
    same text has the route from the cache."""
    team, model = shop(tmp_path, [choice_reply("tech"), choice_reply("tech")])
    route = await asked(team, "Mail ann@example.org about the screen")
    assert (route.to, route.tier) == ("tech", "model")
    assert "ann@example.org" not in model.requests[0].turns[-1].content
    assert await team.runs() == ()
    again = await asked(team, "Mail ann@example.org about the screen")
    assert (again.to, again.calls, len(model.requests)) == ("tech", 0, 1)


async def test_it_can_stop_before_the_model_and_go_on_with_a_thread(tmp_path: Path) -> None:
    """`after` makes the sticky tier see a thread."""
    team, model = shop(tmp_path)
    assert (await asked(team, "and that?", ask_model=False)).to == ""
    assert (await asked(team, "and that?", ask_model=False, after="tech")).tier == "sticky"
    assert model.requests == []


async def test_tiers_only_leaves_out_what_follows_them(tmp_path: Path) -> None:
    """`otherwise` is no decision of a tier."""
    router = Router(
        rules=(Rule("r", "billing", "refund"),), min_confidence=0.9, otherwise="billing"
    )
    unsure = choice_reply("tech", probabilities=[("tech", 0.5)])
    team, _ = shop(tmp_path, [unsure], router)
    assert (await asked(team, "hm")).to == "billing"
    async with deciding(team, tiers_only=True) as decide:
        assert (await decide("hm")).to == ""
        assert (await decide("refund")).to == "billing"
