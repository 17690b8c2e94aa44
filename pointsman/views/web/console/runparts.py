"""The parts of one run's page: calls, verdicts, tools, effects."""

from collections.abc import Sequence

from pointsman.nodes.digest import digest
from pointsman.nodes.event import Judged, ModelCalled, Recorded, ToolCalled
from pointsman.teams.replay.record import RunRecord
from pointsman.teams.store.rows import EffectRow
from pointsman.teams.tickets import action_digest
from pointsman.views.web.console import runshapes
from pointsman.views.web.console.runmessages import LONGEST


def calls(events: Sequence[Recorded], record: RunRecord) -> tuple[runshapes.CallShown, ...]:
    """Every model call that gave an answer; the answer and whether its prompt is there, where they
    are on record."""
    known = {call.call: call for step in record.steps for call in step.calls if call.call}
    shown: list[runshapes.CallShown] = []
    for n, event in enumerate(recorded.event for recorded in events):
        if isinstance(event, ModelCalled):
            kept = known.get(event.call)
            shown.append(
                runshapes.CallShown(
                    call=event.call or str(n), step=n, specialist=event.specialist,
                    purpose=event.purpose, model=event.model, source=event.source,
                    input_tokens=event.input_tokens, cached_tokens=event.cached_tokens,
                    output_tokens=event.output_tokens, usd=event.usd, saved_usd=event.saved_usd,
                    seconds=event.seconds, text=kept.answer if kept else "",
                    tools=[*kept.tool_calls] or None if kept else None,
                    prompt=bool(kept and kept.asked.get("turns")),
                )
            )  # fmt: skip
    return tuple(shown)


def verdicts(events: Sequence[Recorded]) -> tuple[runshapes.VerdictShown, ...]:
    """What guards said."""
    return tuple(
        runshapes.VerdictShown(
            step=n, guard=e.guard, specialist=e.specialist, stage=e.stage, verdict=e.verdict,
            rule=e.rule, count=e.count, confidence=e.confidence, shadow=e.shadow,
        )
        for n, e in enumerate(recorded.event for recorded in events)
        if isinstance(e, Judged)
    )  # fmt: skip


def tools(events: Sequence[Recorded], record: RunRecord) -> tuple[runshapes.ToolShown, ...]:
    """Every tool call; what it was given and gave, where that is stored."""
    known = {action_digest(t.tool, t.runs): (t.runs, t.outcome) for t in record.tickets}
    known |= {
        digest(read.tool, read.args): (read.args, read.text)
        for step in record.steps
        for read in step.reads
    }
    shown: list[runshapes.ToolShown] = []
    for n, event in enumerate(recorded.event for recorded in events):
        if isinstance(event, ToolCalled):
            args, text = known.get(event.args_digest, (None, ""))
            shown.append(
                runshapes.ToolShown(
                    step=n, tool=event.tool, specialist=event.specialist, effect=event.effect,
                    ok=event.ok, error=event.error, seconds=event.seconds, args=args,
                    text=text[:LONGEST],
                )
            )  # fmt: skip
    return tuple(shown)


def effect(row: EffectRow) -> runshapes.EffectShown:
    """A write of the ledger."""
    return runshapes.EffectShown(
        key=row.key, ticket=row.ticket, tool=row.tool, state=row.state, result=row.result,
        attempt=row.attempt, intended=round(row.intended * 1000) if row.intended else None,
    )  # fmt: skip
