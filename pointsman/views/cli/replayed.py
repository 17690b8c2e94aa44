"""What a replay came to, on stdout."""

from rich.console import Console
from rich.text import Text

from pointsman.nodes.digest import JsonObject
from pointsman.teams.replay.compare import Divergence
from pointsman.teams.replay.replay import Replay
from pointsman.views.cli.screen import console, plain, step
from pointsman.views.cli.wording import Line
from pointsman.views.visible import visible

MOST = 10
"""Differences that are shown in full; those after the first ones mostly follow from them."""


def of_replay(came: Replay) -> JsonObject:
    """A replay as JSON: the run, whether it is the same, and every difference."""
    return {
        "run": came.then.row.run,
        "same": not came.divergences,
        "steps": sum(len(one.steps) for one in came.now.tree()),
        "divergences": [one.model_dump(mode="json") for one in came.divergences],
    }


def show_replay(came: Replay) -> None:
    """Each difference with its place and a diff, the first one first."""
    out = console(stderr=False)
    plain(out, f"run {came.then.row.run}", "bold")
    runs = [*came.now.tree()]
    steps = sum(len(one.steps) for one in runs)
    more = f" of {len(runs)} runs" if len(runs) > 1 else ""
    step(out, Line("played", f"{steps} steps{more}, no model asked, nothing written"))
    if not came.divergences:
        step(out, Line("same", "Nothing differs from the record.", "good"))
        return
    for number, one in enumerate(came.divergences[:MOST], 1):
        _show(out, number, one, came)
    left = len(came.divergences) - MOST
    if left > 0:
        step(out, Line("", f"and {left} more that follow; --json has all", "dim"))


def _show(out: Console, number: int, one: Divergence, came: Replay) -> None:
    where = one.step or "the run as a whole"
    whose = f", {one.specialist}" if one.specialist and one.specialist not in where else ""
    of = f" of run {one.run}" if one.run != came.then.row.run else ""
    tone = "bad" if number == 1 else "warn"
    step(out, Line("differs" if number == 1 else "then", f"{where}{whose}{of}: {one.text}", tone))
    for said in one.diff[2:] if one.diff[:1] == ("--- then",) else one.diff:
        text = visible(said)
        if not out.is_terminal:
            plain(out, f"            {text}")
            continue
        style = {"-": "red", "+": "green", "@": "dim"}.get(text[:1], "")
        out.print(Text(f"            {text}", style))
