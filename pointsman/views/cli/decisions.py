"""Commands for the people who decide: approvals, approve, edit, reject, respond, escalate."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import code_of, drive
from pointsman.views.cli.options import as_json, by_whom
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.nodes.digest import JsonObject
    from pointsman.teams.result import Result
    from pointsman.teams.tickets import Decision, Ticket


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also those that were decided.")
@click.option("--run", "run_id", metavar="RUN", default="", help="Only those of this run.")
@as_json
@click.pass_obj
def approvals(project: Project, everything: bool, run_id: str, as_json: bool) -> int:  # noqa: FBT001
    """List the tickets that wait for a person: who asks, what for, what it would change.

    \b
    Examples:
      pointsman approvals
      pointsman approvals --json
    """
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

    return drive(work, kept=lambda: "Stopped. Nothing was changed.")


@click.command()
@click.argument("ticket")
@by_whom
@click.option("--reason", default="", help="Why; kept with the decision.")
@as_json
@click.pass_obj
def approve(project: Project, ticket: str, by: str, reason: str, as_json: bool) -> int:  # noqa: FBT001
    """Approve TICKET: its action runs exactly as shown, and the run goes on.

    TICKET is a ticket's id or the beginning of one. Exits as the run does: 3 when it waits again.

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
    as_json: bool,  # noqa: FBT001
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
def reject(project: Project, ticket: str, reason: str, by: str, as_json: bool) -> int:  # noqa: FBT001
    """Reject TICKET: its action does not run, and the specialist goes on with your reason.

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
def respond(project: Project, ticket: str, text: str, by: str, as_json: bool) -> int:  # noqa: FBT001
    """Answer TEXT yourself instead of TICKET's action, which does not run.

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
    as_json: bool,  # noqa: FBT001
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
    from pydantic import ValidationError

    from pointsman.errors import InvalidDecision
    from pointsman.views.cli.outcome import show_result
    from pointsman.views.cli.session import opened, ticket_of

    async def work() -> "Result":
        async with opened(project) as session:
            ticket = await ticket_of(session.team, name)
            try:
                decision = made(ticket)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                field = ".".join(str(part) for part in first["loc"])
                raise InvalidDecision(
                    f"The decision does not fit: {field}: {first['msg']}."
                ) from error
            return await session.decide(ticket, decision)

    result = drive(
        work,
        kept=lambda: (
            "Stopped. A decision that was recorded stands; "
            f"`pointsman approvals --all` shows ticket {name}, `pointsman resume RUN` goes on."
        ),
    )
    show_result(result, as_json=as_json)
    return code_of(result.status)


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
