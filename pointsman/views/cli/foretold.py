"""What a batch will come to, said before it begins."""

from collections.abc import Callable, Sequence

from pointsman.teams.forecast import ENDED, LAST, LEVEL, Expected, Forecast, forecast
from pointsman.teams.team import Team
from pointsman.views.cli.costtable import dollars
from pointsman.views.cli.messages import Numbered
from pointsman.views.cli.project import Project
from pointsman.views.cli.screen import console, plain, step
from pointsman.views.cli.wording import Line, seconds


async def foretell(project: Project, team: Team, lines: Sequence[Numbered]) -> None:
    """Print the forecast of a batch on stderr, from the team's newest runs. Raises StoreError."""
    messages = sum(numbered.line is not None for numbered in lines)
    out = console(stderr=True, quiet=project.log_json)
    runs = await team.runs(states=ENDED, limit=LAST) if messages else ()
    found = forecast(runs, messages)
    if found is None:
        why = "no message can be read" if not messages else "no runs yet"
        plain(out, f"no forecast: {why}", "dim")
        return
    plain(out, heading(found), "bold")
    for line in said(found):
        step(out, line)


def heading(found: Forecast) -> str:
    """What the forecast is of, and from what."""
    return (
        f"forecast for {found.messages:,} message{'' if found.messages == 1 else 's'},"
        f" from {found.runs:,} past run{'' if found.runs == 1 else 's'}"
    )


def said(found: Forecast) -> list[Line]:
    """Cost, calls and time, each as one line."""
    unknown = f"{found.unpriced:,} of {found.runs:,} runs have calls whose price is unknown"
    if found.usd is None:
        lines = [Line("cost", f"unknown: {unknown}", "warn")]
    else:
        left_out = f"; {unknown} and are left out" if found.unpriced else ""
        lines = [Line("cost", _said(found.usd, dollars) + left_out)]
    lines.append(Line("calls", _said(found.calls, lambda value: f"{value:,.0f}")))
    lines.append(Line("time", _said(found.seconds, seconds)))
    return lines


def _said(of: Expected, worded: Callable[[float], str]) -> str:
    between = "too few runs for an interval"
    if of.low is not None and of.high is not None:
        between = f"{LEVEL:.0%} between {worded(of.low)} and {worded(of.high)}"
    each = f"a message {worded(of.median)}, 9 in 10 at most {worded(of.p90)}"
    return f"{worded(of.total)} ({between}); {each}"
