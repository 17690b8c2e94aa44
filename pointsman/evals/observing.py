"""What happened in a trial of a team: from its record, its ledger and what models were asked."""

from collections.abc import Iterable, Iterator, Sequence

from pointsman.evals.record import EffectSeen, Step, TicketSeen, Verdict
from pointsman.evals.tap import Exchange, Heard
from pointsman.evals.trial import Observed
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.event import BoundHit, Event, FellBack, Judged, Routed, ToolCalled
from pointsman.nodes.message import ToolCall, Turn
from pointsman.teams.result import Result
from pointsman.teams.services import Services
from pointsman.teams.store.rows import EffectRow
from pointsman.teams.team import Team
from pointsman.teams.tickets import Ticket

ACTS = ("act", "merge", "plan")
"""Purposes of calls that are a specialist's own work."""


async def observe(
    team: Team, said: Sequence[str], results: Sequence[Result], heard: Heard
) -> Observed:
    """Everything that the runs of one trial did, in order, the runs they gave work to included."""
    events: list[Event] = []
    tickets: list[Ticket] = []
    effects: list[EffectRow] = []
    async with team.sessions.services() as services:
        for result in results:
            for run, name in await _family(services, result):
                events += [one.event for one in await services.store.events(run)]
                tickets += await services.store.tickets(name, status=None, run=run)
                effects += await services.store.effects(run)
    last = results[-1]
    usd = [result.usd for result in results]
    args = {ticket.id: ticket.runs for ticket in tickets}
    return Observed(
        output=last.answer if last.data is None else last.data,
        result=last,
        usd=None if None in usd else sum(one for one in usd if one is not None),
        eval_usd=heard.eval_usd,
        tokens=sum(r.input_tokens + r.output_tokens for r in results),
        model_calls=sum(r.model_calls for r in results),
        cache_hits=sum(r.cache_hits for r in results),
        route=results[0].route,
        tickets=tuple(_ticket(ticket) for ticket in tickets if _asked(ticket)),
        effects=tuple(
            EffectSeen(tool=e.tool, args=args.get(e.ticket, {}), state=e.state, result=e.result)
            for e in effects
        ),
        trajectory=tuple(_steps(events, heard.exchanges, tickets)),
        verdicts=tuple(
            Verdict(guard=e.guard, verdict=e.verdict, rule=e.rule, stage=e.stage)
            for e in events
            if isinstance(e, Judged) and not e.shadow
        ),
        transcript=tuple(_transcript(said, results, heard)),
    )


async def _family(services: Services, result: Result) -> list[tuple[str, str]]:
    """The run and all that worked for it, each with its team."""
    rows = await services.store.offspring(result.run)
    return [(result.run, result.team), *((row.run, row.team) for row in rows)]


def _asked(ticket: Ticket) -> bool:
    """Whether anybody was asked: what the policy or a grant lets pass has a ticket, too."""
    return not ticket.grant and not ticket.by.startswith("policy:")


def _ticket(ticket: Ticket) -> TicketSeen:
    return TicketSeen(
        tool=ticket.tool, kind=ticket.kind, specialist=ticket.specialist, args=ticket.runs,
        status=ticket.status, decision=ticket.decision, by=ticket.by, rule=ticket.policy_rule,
    )  # fmt: skip


def _steps(
    events: Iterable[Event], exchanges: Sequence[Exchange], tickets: Sequence[Ticket]
) -> Iterator[Step]:
    """The way through the team. A tool's arguments are recorded as a digest only: they are found
    among what the models called, or else what tickets froze."""
    called = [call for one in exchanges for call in one.reply.tool_calls]
    known: dict[str, JsonObject] = {digest(call.name, call.args): call.args for call in called}
    known |= {digest(ticket.tool, ticket.runs): ticket.runs for ticket in tickets}
    for event in events:
        match event:
            case Routed():
                kind = "handoff" if event.tier == "handoff" else "route"
                yield Step(kind=kind, name=event.to, by=event.tier)
            case ToolCalled():
                args = known.get(event.args_digest) or _by_name(called, event.tool)
                yield Step(
                    kind="tool", name=event.tool, by=event.specialist, args=args, ok=event.ok
                )
            case FellBack():
                yield Step(kind="fallback", name=event.specialist, by=event.error, ok=False)
            case BoundHit():
                yield Step(kind="bound", name=event.bound, by=event.then, ok=False)
            case Judged(verdict="block", shadow=False):
                name = f"{event.guard}:{event.rule}"
                yield Step(kind="blocked", name=name, by=event.specialist, ok=False)
            case _:
                pass


def _by_name(called: Sequence[ToolCall], tool: str) -> JsonObject | None:
    """Where a redacted value stands in the arguments the digest is another one: one call of that
    name is the one; of several nobody knows which."""
    named = [call.args for call in called if call.name == tool]
    return named[0] if len(named) == 1 else None


def _transcript(said: Sequence[str], results: Sequence[Result], heard: Heard) -> Iterator[Turn]:
    """What was said: the user's turns, the tools' and the answers. What models were asked beside
    that (to route, to judge) is not in it."""
    begun = 0
    for text, result, ended in zip(said, results, heard.ends, strict=True):
        yield Turn(role="user", content=text)
        shown: set[str] = set()
        for one in heard.exchanges[begun:ended]:
            if one.request.purpose in ACTS:
                yield from _new_turns(one, shown)
        begun = ended
        if result.answer:
            yield Turn(role="assistant", content=result.answer)


def _new_turns(act: Exchange, shown: set[str]) -> Iterator[Turn]:
    for turn in act.request.turns:
        if turn.role == "tool" and (turn.tool_call_id or "") not in shown:
            shown.add(turn.tool_call_id or "")
            yield turn
    if act.reply.tool_calls:
        yield Turn(role="assistant", content=act.reply.text, tool_calls=act.reply.tool_calls)
