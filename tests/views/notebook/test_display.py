"""Teams, results and runs as a notebook shows them."""

from pathlib import Path

from pointsman.teams.result import Result
from tests.flow.shop import shop_team


async def test_a_team_is_its_picture(tmp_path: Path) -> None:
    """The specialists stand in an SVG."""
    html = shop_team(tmp_path)._repr_html_()
    assert "<svg" in html
    assert "billing" in html


async def test_a_result_shows_what_it_came_to_and_what_it_waits_for(tmp_path: Path) -> None:
    """Status, way, cost, open tickets; whatever a model wrote is text."""
    team = shop_team(tmp_path)
    waiting = await team.run("refund <img/onerror=x 5")
    html = waiting._repr_html_()
    assert "waiting" in html
    assert "2 model calls" in html
    assert "refund is a high-stakes write" in html
    assert "<img" not in html
    assert "&lt;img/onerror=x" in html
    failed = Result(
        run="r", thread="t", team="x", status="failed", answer="<i>no</i>", error="NoModel",
        usd=None,
    )  # fmt: skip
    assert "&lt;i&gt;no&lt;/i&gt;" in failed._repr_html_()
    assert "cost</td>" in failed._repr_html_()
    assert "unknown" in failed._repr_html_()


async def test_a_run_is_its_timeline(tmp_path: Path) -> None:
    """One row a step, with the time since it began."""
    team = shop_team(tmp_path)
    result = await team.run("lookup INV-1")
    events = await team.events(result.run)
    html = events._repr_html_()
    assert html.count("<tr>") == len(events)
    assert "lookup (read" in html
