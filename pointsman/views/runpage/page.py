"""A run as one HTML file: figures, the way of its messages, every step, cost, tickets, errors. It
fetches nothing, and works from a disk."""

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib import resources

from pointsman.evals.page.escaped import safe
from pointsman.nodes.event import BoundHit, Event, FellBack, ModelFailed, ToolCalled
from pointsman.teams.replay.record import CallRecord, RunRecord
from pointsman.views.cli.wording import STATUS_WORDS, money, seconds
from pointsman.views.runpage.lanes import lanes
from pointsman.views.runpage.steps import steps
from pointsman.views.runpage.tickets import tickets

HERE = "pointsman.views.runpage"


def page(record: RunRecord) -> str:
    """The page."""
    return "".join(_parts(record))


def _parts(record: RunRecord) -> Iterator[str]:
    style = _asset("pointsman.evals.page", "style.css") + _asset(HERE, "run.css")
    script = _asset(HERE, "run.js")
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash(style)}'; script-src"
        f" 'sha256-{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>Run {safe(record.run)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#steps">To the steps</a>\n<main>\n'
    )
    yield _head(record)
    yield _tiles(record)
    yield _said(record)
    yield _errors(record)
    yield f"<h2>The way of its messages</h2>\n{lanes(record)}\n"
    yield _tickets(record)
    yield _costs(record)
    yield '<h2 id="steps">Steps</h2>\n' + _filters()
    for one in record.tree():
        if one is not record:
            state = _words(one)
            yield (
                f'<h3 class="child">Task {safe(one.task)}: run {safe(one.run)},'
                f" {safe(state)}, {safe(seconds(one.seconds))}</h3>\n"
            )
        yield steps(one)
    yield f"</main>\n<script>{script}</script>\n</body>\n</html>\n"


def _head(record: RunRecord) -> str:
    facts = [f"team {record.team}", f"thread {record.thread}"]
    if record.tenant != "default":
        facts.append(f"tenant {record.tenant}")
    if record.release:
        facts.append(f"release {record.release}")
    if record.attempt > 1:
        facts.append(f"attempt {record.attempt}")
    if record.began is not None:
        facts.append(f"{record.began:%Y-%m-%d %H:%M:%S} UTC")
    told = f'<header><h1>Run {safe(record.run)}</h1><p class="soft">{safe("; ".join(facts))}</p>'
    if record.fork_of:
        how = " Its writes are simulated: nothing was done." if record.simulated else ""
        of = f"A fork of {record.fork_of}, from step {record.fork_at} on.{how}"
        told += f'<p class="banner">{safe(of)}</p>'
    return told + "</header>\n"


def _tiles(record: RunRecord) -> str:
    result = record.result
    words = _words(record)
    tone = {"done": "good", "failed": "bad", "blocked": "bad"}.get(record.state, "")
    shown = [(words, "status", tone), (seconds(record.seconds), "worked on", "")]
    if result is not None:
        tokens = f"{result.input_tokens} + {result.output_tokens}"
        hits = f" ({result.cache_hits} from the cache)" if result.cache_hits else ""
        shown += [
            (money(result.usd), "cost", ""),
            (str(result.model_calls), f"model calls{hits}", ""),
            (tokens, "tokens in + out", ""),
            (result.specialist or "nobody", "had it last", ""),
        ]
    tiles = "".join(
        f'<div class="tile"><b class="{tone}">{safe(value)}</b><span>{safe(label)}</span></div>'
        for value, label, tone in shown
    )
    return f'<div class="tiles">{tiles}</div>\n'


def _words(record: RunRecord) -> str:
    """How the run stands, in words."""
    words: Mapping[str, str] = {**STATUS_WORDS}
    return words.get(record.state, record.state)


def _said(record: RunRecord) -> str:
    payload = record.request.payload.model_dump(mode="json")
    asked = payload.get("text")
    answer = record.result.answer if record.result else ""
    turns = [("asked", "user", str(asked or "")), ("answered", "", answer)]
    return "".join(
        f'<div class="turn {kind}"><div class="who">{who}</div><pre>{safe(text)}</pre></div>\n'
        for who, kind, text in turns
        if text
    )


def _errors(record: RunRecord) -> str:
    found: list[tuple[str, str]] = []
    for one in record.tree():
        if one.result is not None and one.result.error:
            found.append((f"run {one.run}", f"{one.result.error}: {one.result.answer}"))
        for step in one.steps:
            found += [(step.name, f"{c.purpose}: {c.error}") for c in step.calls if c.error]
            found += [(step.name, f"{r.tool}: {r.error}") for r in step.reads if r.error]
            told = (_trouble(recorded.event) for recorded in step.events)
            found += [(step.name, text) for text in told if text]
    if not found:
        return ""
    rows = "".join(
        f'<tr><td>{safe(where)}</td><td class="why bad">{safe(text)}</td></tr>'
        for where, text in found
    )
    return f'<h2>What went wrong</h2>\n<div class="wide" tabindex="0"><table>{rows}</table></div>\n'


def _trouble(event: Event) -> str:
    match event:
        case ModelFailed():
            return f"{event.model}: {event.error}: {event.message}"
        case FellBack():
            return f"{event.specialist} fell back on rules: {event.error}: {event.message}"
        case BoundHit():
            return event.reason
        case ToolCalled(ok=False):
            return f"{event.tool}: {event.error}"
        case _:
            return ""


def _tickets(record: RunRecord) -> str:
    shown = "".join(tickets(one) for one in record.tree())
    return f"<h2>Tickets and effects</h2>\n{shown}" if shown else ""


def _costs(record: RunRecord) -> str:
    by: defaultdict[tuple[str, str], list[CallRecord]] = defaultdict(list)
    for one in record.tree():
        for step in one.steps:
            for call in step.calls:
                by[step.specialist or step.name.partition(":")[2], call.model].append(call)
    if not by:
        return ""
    most = max((_usd(calls) for calls in by.values()), default=0.0)
    rows = "".join(_cost(who, model, calls, most) for (who, model), calls in sorted(by.items()))
    return (
        '<h2>Cost</h2>\n<div class="wide" tabindex="0"><table><thead><tr><th>Who</th><th>Model</th>'
        '<th class="n">Calls</th><th class="n">Tokens in</th><th class="n">out</th>'
        '<th class="n">Seconds</th><th class="n">Cost</th><th><span class="off">Share</span></th>'
        f"</tr></thead><tbody>{rows}</tbody></table></div>\n"
    )


def _cost(who: str, model: str, calls: list[CallRecord], most: float) -> str:
    usd = _usd(calls)
    unknown = any(call.usd is None for call in calls)
    share = 100 * usd / most if most else 0
    bar = (
        '<svg class="bar" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="14" rx="3"/>'
        f'<rect class="fill" width="{share:.1f}" height="14" rx="3"/></svg>'
    )
    took = sum(call.seconds for call in calls)
    ins, outs = sum(c.input_tokens for c in calls), sum(c.output_tokens for c in calls)
    paid = money(None if unknown and not usd else usd)
    return (
        f'<tr><td>{safe(who)}</td><td>{safe(model)}</td><td class="n">{len(calls)}</td>'
        f'<td class="n">{ins}</td><td class="n">{outs}</td><td class="n">{took:.2f}</td>'
        f'<td class="n">{paid}</td><td class="share">{bar}</td></tr>'
    )


def _usd(calls: list[CallRecord]) -> float:
    return sum(call.usd or 0.0 for call in calls)


def _filters() -> str:
    return (
        '<div class="filters"><input id="words" type="search" placeholder="Search the steps"'
        ' aria-label="Search the steps"><button id="all" type="button">Open all</button>'
        '<span id="count" class="soft" role="status"></span>'
        '<span class="soft keys"><kbd>j</kbd> <kbd>k</kbd> next, previous; <kbd>o</kbd> open;'
        " <kbd>/</kbd> search</span></div>\n"
    )


def _asset(package: str, name: str) -> str:
    return resources.files(package).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
