"""Commands for the people who decide: approvals, approve, edit, reject, respond, escalate."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import DONE, FAILED, USAGE, WAITING, code_of, drive
from pointsman.views.cli.options import as_json, by_whom, user_name
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.nodes.digest import JsonObject
    from pointsman.teams.team import Team
    from pointsman.teams.tickets import Decision, Ticket
    from pointsman.views.cli.session import Decided

UNCHANGED = "Stopped. Nothing was changed."


class Refused(click.ClickException):
    """A decision that does not fit its ticket: exit 2, and nothing was changed."""

    exit_code = USAGE


@contextmanager
def refusals() -> Generator[None]:
    """What is wrong with a decision or a grant is the caller's to mend: exit 2."""
    from pointsman.errors import InvalidDecision
    from pointsman.views.visible import visible

    try:
        yield
    except InvalidDecision as error:
        raise Refused(visible(str(error))) from error


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also those that were decided.")
@click.option("--run", "run_id", metavar="RUN", default="", help="Only those of this run.")
@click.option("--watch", is_flag=True, help="A live table: decide with the keyboard.")
@click.option("--by", metavar="NAME", help="With --watch: who decides. Default: your user name.")
@as_json
@click.pass_obj
def approvals(
    project: Project,
    everything: bool,
    run_id: str,
    watch: bool,
    by: str | None,
    as_json: bool,
) -> int:
    """List the tickets that wait for a person: who asks, what for, what it would change.

    What time has decided is applied first: expiries, the next reviewer, reminders.

    With --watch the list is live and decides: new tickets appear by themselves, a key approves,
    edits, rejects, answers or escalates, and their runs go on in the background. `?` shows the
    keys. It needs a terminal.

    \b
    Examples:
      pointsman approvals
      pointsman approvals --watch --by ana
      pointsman approvals --json
    """
    if watch:
        if as_json or everything or project.log_json:
            raise click.UsageError("--watch goes without --json, --all and --log-json.")
        return _watch(project, run_id, by or user_name())
    from pointsman.views.cli.listing import show_tickets
    from pointsman.views.cli.record import of_ticket, put
    from pointsman.views.cli.session import opened, run_of

    async def work() -> int:
        async with opened(project) as session:
            run = await run_of(session.team, run_id) if run_id else ""
            found = await session.team.tickets(status=None if everything else "pending", run=run)
        if as_json:
            put([of_ticket(ticket) for ticket in found])
        else:
            show_tickets(found)
        return 0

    return drive(work, kept=lambda: UNCHANGED)


def _watch(project: Project, run_id: str, by: str) -> int:
    from pointsman.views.cli.session import opened, run_of
    from pointsman.views.cli.terminal import needs_terminal
    from pointsman.views.cli.watch import Watch

    needs_terminal("Use `pointsman approvals`, or `pointsman approvals --json`.")
    watching: Watch | None = None

    async def work() -> int:
        nonlocal watching
        async with opened(project) as session:
            run = await run_of(session.team, run_id) if run_id else ""
            watching = Watch(session.team, by=by, run=run)
            return await watching.run()

    return drive(work, kept=lambda: watching.kept() if watching else UNCHANGED)


@click.command()
@click.argument("ticket")
@by_whom
@click.option("--reason", default="", help="Why; kept with the decision.")
@as_json
@click.pass_obj
def approve(project: Project, ticket: str, by: str, reason: str, as_json: bool) -> int:
    """Approve TICKET: its action runs exactly as shown, and the run goes on.

    TICKET is a ticket's id or the beginning of one. Exits as the run does: 3 when it waits again,
    also for another person's approval; 2 when you may not decide it or have approved it already.

    A ticket that asks whether a write happened: it did not happen, do it now. One that offers to
    undo a write: undo it.

    \b
    Example:
      pointsman approve 7d1f --by ana
    """
    from pointsman.teams.tickets import Approve

    return _decide(project, ticket, lambda _: Approve(by=by, reason=reason), as_json=as_json)


@click.command()
@click.argument("ticket")
@click.option(
    "--set",
    "changes",
    metavar="NAME=VALUE",
    multiple=True,
    required=True,
    help="An argument's new value, JSON or text. May be repeated.",
)
@by_whom
@click.option("--reason", default="", help="Why; kept with the decision.")
@as_json
@click.pass_obj
def edit(
    project: Project,
    ticket: str,
    changes: tuple[str, ...],
    by: str,
    reason: str,
    as_json: bool,
) -> int:
    """Approve TICKET with other arguments. They must fit the action's schema.

    \b
    Example:
      pointsman edit 7d1f --set usd=10 --set note="half, as agreed"
    """
    from pointsman.teams.tickets import Edit

    pairs = _pairs(changes)
    return _decide(
        project,
        ticket,
        lambda found: Edit(by=by, reason=reason, args=_typed(pairs, found)),
        as_json=as_json,
    )


@click.command()
@click.argument("ticket")
@click.option("--reason", required=True, help="Why; the specialist sees it.")
@by_whom
@as_json
@click.pass_obj
def reject(project: Project, ticket: str, reason: str, by: str, as_json: bool) -> int:
    """Reject TICKET: its action does not run, and the specialist goes on with your reason.

    A ticket that asks whether a write happened: it did not happen, leave it. One that offers to
    undo a write: leave it done.

    \b
    Example:
      pointsman reject 7d1f --reason "already refunded on Monday"
    """
    from pointsman.teams.tickets import Reject

    return _decide(project, ticket, lambda _: Reject(by=by, reason=reason), as_json=as_json)


@click.command()
@click.argument("ticket")
@click.argument("text")
@by_whom
@as_json
@click.pass_obj
def respond(project: Project, ticket: str, text: str, by: str, as_json: bool) -> int:
    """Answer TEXT yourself instead of TICKET's action, which does not run.

    A ticket that asks whether a write happened: it happened, and TEXT is its result.

    \b
    Example:
      pointsman respond 7d1f "A colleague will call you today."
    """
    from pointsman.teams.tickets import Respond
    from pointsman.views.cli.messages import from_argument

    answer = from_argument(text)
    return _decide(project, ticket, lambda _: Respond(by=by, text=answer), as_json=as_json)


@click.command()
@click.argument("ticket")
@click.option("--to", required=True, metavar="NAME", help="Who shall decide instead.")
@by_whom
@click.option("--reason", default="", help="Why; kept with the decision.")
@as_json
@click.pass_obj
def escalate(
    project: Project,
    ticket: str,
    to: str,
    by: str,
    reason: str,
    as_json: bool,
) -> int:
    """Pass TICKET to another reviewer. It stays open, so this exits 3.

    \b
    Example:
      pointsman escalate 7d1f --to lead --reason "over my limit"
    """
    from pointsman.teams.tickets import Escalate

    return _decide(
        project, ticket, lambda _: Escalate(by=by, to=to, reason=reason), as_json=as_json
    )


def _decide(
    project: Project, name: str, made: "Callable[[Ticket], Decision]", *, as_json: bool
) -> int:
    from pointsman.views.cli.ask import fitting
    from pointsman.views.cli.outcome import show_result
    from pointsman.views.cli.session import opened, ticket_of

    async def work() -> "tuple[Decided, Ticket | None]":
        async with opened(project) as session:
            ticket = await ticket_of(session.team, name)
            with fitting():
                decision = made(ticket)
            decided = await session.decide(ticket, decision)
            return decided, await undoing(session.team, decided.ticket)

    with refusals():
        decided, undone = drive(
            work,
            kept=lambda: (
                "Stopped. A decision that was recorded stands; `pointsman approvals --all` shows"
                f" ticket {name}, `pointsman resume RUN` goes on."
            ),
        )
    if undone is None:
        show_result(decided.result, as_json=as_json)
        return code_of(decided.result.status)
    if as_json:
        show_result(decided.result, as_json=True)
    return _after_undoing(undone, quiet=as_json)


async def undoing(team: "Team", ticket: "Ticket") -> "Ticket | None":
    """The ticket that undoes a write, when this one is it or asks about it. Its run has ended
    before, so what the decision came to stands on the ticket and not in the run."""
    if ticket.kind == "compensate":
        return ticket
    if ticket.kind != "ambiguous":
        return None
    about = await team.ticket(ticket.about)
    if about.kind != "compensate":
        return None
    return ticket if ticket.open else about


def _after_undoing(ticket: "Ticket", *, quiet: bool) -> int:
    """Say what came of undoing, and give its exit code."""
    from pointsman.views.cli.wording import short
    from pointsman.views.visible import visible

    what, outcome = f"{ticket.tool} of ticket {short(ticket.about)}", visible(ticket.outcome)
    words, code = {
        "executed": (f"Undone: {what}. {outcome}", DONE),
        "rejected": (f"Left done: {what}.", DONE),
        "expired": (f"Left done: {what}. Nobody decided in time.", DONE),
        "pending": (f"Ticket {short(ticket.id)} waits for a person.", WAITING),
        "ambiguous": (f"Nobody knows whether it was undone: {what}. {outcome}", WAITING),
    }.get(ticket.status, (f"Not undone: {what}. {outcome}", FAILED))
    if not quiet:
        click.echo(words.strip(), err=code == FAILED)
    return code


def _pairs(changes: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"{change!r} is not NAME=VALUE.", param_hint="--set")
        if name.strip() in pairs:
            raise click.BadParameter(f"{name.strip()!r} is set twice.", param_hint="--set")
        pairs[name.strip()] = value
    return pairs


def _typed(pairs: dict[str, str], ticket: "Ticket") -> "JsonObject":
    from pointsman.views.cli.ask import parsed

    return {name: parsed(value, ticket.runs.get(name)) for name, value in pairs.items()}
