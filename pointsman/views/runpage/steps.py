"""The steps of a run, each with its message, calls, reads and events."""

import json

from pydantic import JsonValue

from pointsman.evals.page.escaped import safe
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import RunStarted
from pointsman.teams.replay.record import CallRecord, ReadRecord, RunRecord, StepRecord
from pointsman.views.cli.wording import Line, line_of, money, seconds
from pointsman.views.runpage.given import kind, payload, words
from pointsman.views.visible import visible


def steps(record: RunRecord) -> str:
    """Every step as something that opens."""
    longest = max((step.seconds for step in record.steps), default=0.0)
    whole = max((step.at + step.seconds for step in record.steps), default=0.0)
    if not record.steps:  # a run of an older version: its events are all there is
        lines = "".join(
            _line(line_of(one.event))
            for one in record.before
            if not isinstance(one.event, RunStarted)
        )
        return f'<ul class="events">{lines}</ul>\n'
    return "".join(_step(step, whole, longest) for step in record.steps)


def _step(step: StepRecord, whole: float, longest: float) -> str:
    lines = [line_of(one.event) for one in step.events if not isinstance(one.event, RunStarted)]
    bad = any(line.tone == "bad" for line in lines) or any(c.error for c in step.calls)
    note = any(line.tone in ("note", "warn") for line in lines)
    tone = "fail" if bad else "error" if note else "pass"
    about = "; ".join(f"{line.label} {line.text}" for line in lines[:2])
    usd = [call.usd for call in step.calls]
    paid = money(None if None in usd else sum(u or 0.0 for u in usd)) if usd else ""
    inside = "".join(
        (
            _message(step),
            *(f'<ul class="events">{"".join(map(_line, lines))}</ul>' if lines else "",),
            *map(_call, step.calls),
            *map(_read, step.reads),
        )
    )
    return (
        f'<details class="case {tone}"><summary><span class="at">+{safe(seconds(step.at))}</span>'
        f'<span class="id">{safe(step.name)}</span>{_span(step, whole, longest)}'
        f'<span class="about">{safe(visible(about))}</span>'
        f'<span class="cost">{safe(seconds(step.seconds))} {safe(paid)}</span></summary>'
        f'<div class="inside">{inside}</div></details>\n'
    )


def _span(step: StepRecord, whole: float, longest: float) -> str:
    """Where the step lies in the run's time, by a bar."""
    if not whole or not longest:
        return ""
    at, wide = 100 * step.at / whole, max(100 * step.seconds / whole, 1.0)
    return (
        '<svg class="when" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="6" rx="2"/>'
        f'<rect class="fill" x="{min(at, 99.0):.1f}" width="{wide:.1f}" height="6"/></svg>'
    )


def _line(line: Line) -> str:
    tone = {"bad": "bad", "good": "good", "warn": "warned", "note": "warned"}.get(line.tone, "")
    return (
        f'<li><span class="label">{safe(line.label)}</span>'
        f'<span class="{tone}">{safe(visible(line.text))}</span></li>'
    )


def _message(step: StepRecord) -> str:
    said = payload(step)
    if not said:
        return ""
    whole = f"<details><summary>the whole message</summary><pre>{_json(said)}</pre></details>"
    return (
        f'<div class="turn"><div class="who">{safe(step.sender)} gives: {safe(kind(step))}</div>'
        f"<pre>{safe(words(said))}</pre>{whole}</div>"
    )


def _call(call: CallRecord) -> str:
    figures = [call.model, call.source, f"{call.input_tokens}+{call.output_tokens} tokens"]
    figures += [money(call.usd), seconds(call.seconds)] if not call.error else []
    told = ", ".join(one for one in figures if one)
    turns = call.asked.get("turns")
    prompt = "".join(map(_turn, turns if isinstance(turns, list) else []))
    rest: JsonObject = {k: v for k, v in call.asked.items() if k != "turns" and v not in ([], None)}
    tools = "".join(
        f'<div class="turn call"><div class="who">calls</div><pre>{_json(one)}</pre></div>'
        for one in call.tool_calls
    )
    answer = f"<pre>{safe(call.answer)}</pre>" if call.answer else ""
    error = f'<p class="bad">{safe(call.error)}</p>' if call.error else ""
    return (
        f'<section class="call"><h4>model call: {safe(call.purpose)} ({safe(told)})</h4>'
        f"<details><summary>what it was asked</summary>{prompt}<pre>{_json(rest)}</pre></details>"
        f'<div class="turn output"><div class="who">answer</div>{answer}{error}</div>'
        f"{tools}</section>"
    )


def _turn(turn: JsonValue) -> str:
    if not isinstance(turn, dict):
        return '<div class="turn"><div class="who">a part that is not stored any more</div></div>'
    role, content = str(turn.get("role", "")), str(turn.get("content", ""))
    calls = turn.get("tool_calls")
    more = f"<pre>{_json(calls)}</pre>" if calls else ""
    kind = role if role in ("user", "tool") else ""
    return (
        f'<div class="turn {kind}"><div class="who">{safe(role)}</div>'
        f"<pre>{safe(content)}</pre>{more}</div>"
    )


def _read(read: ReadRecord) -> str:
    args = ", ".join(f"{name}={value!r}" for name, value in read.args.items())
    how = " (a guard held it)" if read.held else ""
    tone = "error" if read.error else ""
    return (
        f'<div class="turn tool {tone}"><div class="who">read: {safe(read.tool)}({safe(args)})'
        f"{how}</div><pre>{safe(read.error or read.text)}</pre></div>"
    )


def _json(value: JsonValue) -> str:
    return safe(json.dumps(value, indent=1, ensure_ascii=False))
