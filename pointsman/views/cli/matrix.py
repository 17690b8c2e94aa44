"""A team as tables: who may do what, who may follow whom, what is wrong, which models answer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue
from rich.table import Table
from rich.text import Text

from pointsman.nodes.digest import JsonObject
from pointsman.views.cli.screen import console, plain, table
from pointsman.views.cli.wording import seconds
from pointsman.views.models import ModelState

if TYPE_CHECKING:
    from pointsman.nodes.specialist import Specialist
    from pointsman.teams.check.finding import Finding
    from pointsman.teams.check.overlaps import Overlaps
    from pointsman.teams.team import Team


def as_record(team: "Team", findings: "Sequence[Finding]") -> JsonObject:
    """The check as JSON: team, specialists, transitions, findings."""
    specialists: list[JsonValue] = [_role(s) for s in team.spec.specialists]
    faults: list[JsonValue] = [
        {
            "severity": f.severity,
            "rule": f.rule,
            "place": f.place,
            "message": f.message,
            "fix": f.fix,
        }
        for f in findings
    ]
    return {
        "team": team.name,
        "specialists": specialists,
        "transitions": {name: list(targets) for name, targets in team.spec.transitions.items()},
        "findings": faults,
    }


def _role(specialist: "Specialist") -> JsonObject:
    tools: list[JsonValue] = [
        {"name": t.name, "effect": t.effect, "stakes": t.stakes} for t in specialist.tools
    ]
    return {
        "name": specialist.name,
        "handles": specialist.handles,
        "tools": tools,
        "hands_off_to": list(specialist.hands_off_to),
        "input": specialist.input.__name__ if specialist.input else None,
        "output": specialist.output.__name__ if specialist.output else None,
        "fallback": specialist.fallback is not None,
        "tier": specialist.tier,
        "timeout": specialist.timeout,
        "max_steps": specialist.max_steps,
    }


def show_team(team: "Team", findings: "Sequence[Finding]") -> None:
    """Print the matrix, the transition table and the findings."""
    out = console(stderr=False)
    out.print(_roles(team))
    out.print()
    out.print(_actions(team))
    out.print()
    moves = table("from", "may go on to", title="Who may follow whom")
    for name, targets in team.spec.transitions.items():
        moves.add_row(Text(name, "bold"), ", ".join(targets))
    out.print(moves)
    out.print()
    if not findings:
        plain(out, "No faults found.", "green")
    for finding in findings:
        tone = "red" if finding.severity == "error" else "yellow"
        plain(out, f"{finding.severity}: {finding.place}: {finding.message}", tone)
        plain(out, f"  {finding.fix} [{finding.rule}]")


def show_overlaps(measured: "Overlaps | None", note: str) -> None:
    """Print whose examples are taken for whose, or why that is not known."""
    out = console(stderr=False)
    if note:
        out.print()
        plain(out, note, "dim")
    if measured is None:
        return
    shares = f"{measured.accuracy:.0%} of the examples found their specialist unseen"
    grid = table("examples of", *measured.names, title=f"Who is taken for whom: {shares}")
    for name, row in zip(measured.names, measured.counts, strict=True):
        cells = (
            Text(str(count), "green" if column == name else "yellow" if count else "dim")
            for column, count in zip(measured.names, row, strict=True)
        )
        grid.add_row(Text(name, "bold"), *cells)
    out.print()
    out.print(grid)
    if measured.left_out:
        plain(out, f"Too few examples: {', '.join(measured.left_out)}.", "dim")


def _roles(team: "Team") -> Table:
    roles = table(
        "specialist",
        "handles",
        "answer",
        "fallback",
        "at most",
        title=f"Team {team.name}: who handles what",
    )
    for specialist in team.spec.specialists:
        roles.add_row(
            Text(specialist.name, "bold"),
            specialist.handles,
            specialist.output.__name__ if specialist.output else "text",
            "rules" if specialist.fallback else "none",
            seconds(specialist.timeout),
        )
    return roles


def _actions(team: "Team") -> Table:
    """Every tool, reads first, with who may use it and whether a person is asked."""
    users: dict[tuple[str, str], list[str]] = {}
    for specialist in team.spec.specialists:
        for tool in specialist.tools:
            ask = tool.stakes == "high"
            kind = "read" if tool.effect == "read" else "asks a person" if ask else "write"
            users.setdefault((kind, tool.name), []).append(specialist.name)
    actions = table("action", "kind", "by", title="Who may do what")
    order = ("read", "write", "asks a person")
    for (kind, name), names in sorted(users.items(), key=lambda item: order.index(item[0][0])):
        actions.add_row(Text(name, "bold"), kind, ", ".join(names))
    return actions


def show_models(states: Sequence[ModelState]) -> None:
    """Print the tiers' chains."""
    out = console(stderr=False)
    chains = table("tier", "", "model", "set up", "")
    before = ""
    for state in states:
        mark = {True: ("yes", "green"), False: ("no", "red"), None: ("cannot tell", "yellow")}
        words, style = mark[state.ready]
        tier = "" if state.tier == before else state.tier
        before = state.tier
        chains.add_row(
            Text(tier, "bold"), str(state.place), state.model, Text(words, style), state.note
        )
    out.print(chains)
