"""How teams and results look in a notebook. Everything from messages and models is escaped."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from pointsman.nodes.event import Recorded
from pointsman.teams.result import Result
from pointsman.views.cli.wording import line_of, seconds
from pointsman.views.picture import picture_of
from pointsman.views.svg import svg
from pointsman.views.visible import visible

if TYPE_CHECKING:
    from pointsman.teams.team import Team

_TONES = {"done": "#15803d", "partial": "#a16207", "waiting": "#1d4ed8"}
_BAD = "#b91c1c"
_CELL = "text-align:left;padding:2px 14px 2px 0;vertical-align:top"


def team_html(team: "Team") -> str:
    """The team's picture."""
    return f'<div style="max-width:980px;overflow-x:auto">{svg(picture_of(team))}</div>'


def result_html(result: Result) -> str:
    """Status, answer, way and cost of a run, and what it waits for."""
    tone = _TONES.get(result.status, _BAD)
    who = f" by {_text(result.specialist)} ({result.by})" if result.by else ""
    head = f'<b style="color:{tone}">{result.status}</b>{who}'
    if result.error:
        head += f' <span style="color:{_BAD}">{_text(result.error)}</span>'
    answer = f'<p style="white-space:pre-wrap">{_text(result.answer)}</p>' if result.answer else ""
    facts = _table(_facts(result))
    return f'<div style="font-family:system-ui,sans-serif">{head}{answer}{facts}</div>'


def timeline_html(events: Sequence[Recorded]) -> str:
    """A run's steps, with the time since it began."""
    began = events[0].at if events else 0.0
    rows = "".join(
        f'<tr><td style="{_CELL};opacity:.7">+{seconds(e.at - began)}</td>'
        f'<td style="{_CELL}"><b>{line.label}</b></td>'
        f'<td style="{_CELL}">{_text(line.text)}</td></tr>'
        for e, line in ((e, line_of(e.event)) for e in events)
    )
    return f'<table style="font:13px system-ui,sans-serif">{rows}</table>'


def _facts(result: Result) -> Sequence[tuple[str, str]]:
    sure = f", {result.route_confidence:.0%} sure" if result.route_confidence is not None else ""
    cost = "unknown" if result.usd is None else f"${result.usd:.4f}"
    calls = f"{result.model_calls} model calls, {result.cache_hits} from the cache"
    tokens = f"{result.input_tokens}+{result.output_tokens} tokens"
    facts = [
        ("run", f"{result.run}, thread {result.thread}"),
        ("route", f"{result.route or 'nobody'} by {result.route_tier}{sure}"),
        ("cost", f"{cost}, {calls}, {tokens}, {result.seconds:.1f} s of work"),
    ]
    facts += [
        ("waits for", f"{t.id[:8]}: {t.tool} ({', '.join(map(str, t.runs.values()))}): {t.reason}")
        for t in result.tickets
    ]
    return facts


def _table(facts: Sequence[tuple[str, str]]) -> str:
    rows = "".join(
        f'<tr><td style="{_CELL};opacity:.7">{label}</td>'
        f'<td style="{_CELL}">{_text(value)}</td></tr>'
        for label, value in facts
    )
    return f'<table style="font-size:13px">{rows}</table>'


def _text(value: str) -> str:
    return escape(visible(value))
