"""Commands that run messages: run, chat, resume, cancel."""

from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import FAILED, code_of, drive
from pointsman.views.cli.options import as_json, by_whom, program, user_name
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.views.cli.batch import Batch
    from pointsman.views.cli.session import Ask, Session

_RUN_HELP = """Run TEXT through the team and print the answer. `-` reads the text from stdin.

With --file, run a file of JSON lines: objects with text, and where you like id, thread, tenant and
priority (0 to 9, 0 first). A line that cannot be read is reported and the others run. Exits 0 when
every line ran to a status of its own (waiting is one), 1 when a line could not or all failed.

A line's id that was run before gives the first result; --fresh runs the file anew.

An action that needs a person opens a ticket. In a terminal you are asked at once; with --later, or
without a terminal, the run waits: `pointsman approvals` lists it and `pointsman approve` goes on.

\b
Examples:
  pointsman run "Where is parcel PX-204?" --thread customer-17
  pointsman run --file messages.jsonl --later --json > results.jsonl
  cat mail.txt | pointsman run -
"""


@click.command(help=_RUN_HELP)
@click.argument("text", required=False)
@click.option("--file", metavar="FILE", help="Run every line of this file; `-` is stdin.")
@click.option("--start", type=click.IntRange(1), default=1, help="With --file: begin at this line.")
@click.option("--fresh", is_flag=True, help="With --file: as new messages in new threads.")
@click.option("--thread", help="The conversation it belongs to. Default: a new one.")
@click.option("--tenant", default="default", help="Whose data and limits apply.")
@click.option("--message-id", metavar="ID", help="The same id again is the same run, not a second.")
@click.option("--priority", type=click.IntRange(0, 9), default=5, help="0 is most urgent.")
@click.option("--deadline", type=click.FloatRange(0, min_open=True), help="Seconds it may take.")
@click.option("--budget", type=click.FloatRange(0), metavar="USD", help="Dollars it may cost.")
@click.option("--later", is_flag=True, help="Never ask: leave runs waiting.")
@as_json
@click.pass_obj
def run(  # noqa: D103 - click passes every option by name; help= above
    project: Project,
    text: str | None,
    file: str | None,
    start: int,
    fresh: bool,
    thread: str | None,
    tenant: str,
    message_id: str | None,
    priority: int,
    deadline: float | None,
    budget: float | None,
    later: bool,
    as_json: bool,
) -> int:
    if (text is None) == (file is None):
        raise click.UsageError("Give either TEXT or --file.")
    if file is not None and (thread or message_id):
        raise click.UsageError(
            "--thread and --message-id stand in the file's lines, not beside it."
        )
    from pointsman.nodes.run import Budget
    from pointsman.views.cli.messages import from_argument
    from pointsman.views.cli.session import Ask

    money = None if budget is None else Budget(usd=budget)
    reviewer = _reviewer(later=later or as_json)
    if file is not None:
        common = Ask("", tenant=tenant, priority=priority, deadline=deadline, budget=money)
        return _run_file(project, file, start, common, reviewer, as_json=as_json, fresh=fresh)
    what = Ask(from_argument(text or ""), thread, tenant, message_id, priority, deadline, money)
    return _run_one(project, what, reviewer, as_json=as_json)


def _run_one(project: Project, what: "Ask", reviewer: str, *, as_json: bool) -> int:
    from pointsman.views.cli.outcome import show_result
    from pointsman.views.cli.session import opened

    session: Session | None = None

    async def work() -> int:
        nonlocal session
        async with opened(project, reviewer=reviewer) as session:
            result = await session.run(what)
        show_result(result, as_json=as_json)
        return code_of(result.status)

    return drive(work, kept=lambda: _kept(session))


def _run_file(
    project: Project,
    file: str,
    start: int,
    common: "Ask",
    reviewer: str,
    *,
    as_json: bool,
    fresh: bool,
) -> int:
    from pointsman.views.cli.batch import Batch
    from pointsman.views.cli.foretold import foretell
    from pointsman.views.cli.messages import lines_of, renewed
    from pointsman.views.cli.session import opened

    lines = lines_of(file, start=start)
    if fresh:
        lines = renewed(lines)
    batch: Batch | None = None

    async def work() -> int:
        nonlocal batch
        async with opened(project, total=len(lines), reviewer=reviewer) as session:
            await foretell(project, session.team, lines)
            batch = Batch(session, common, as_json=as_json)
            return await batch.run(lines)

    return drive(work, kept=lambda: _kept_of(batch, file, fresh=fresh))


def _reviewer(*, later: bool) -> str:
    """Who can be asked now: the user at the terminal, or nobody (empty)."""
    from pointsman.views.cli.ask import can_ask

    return user_name() if not later and can_ask() else ""


def _kept(session: "Session | None") -> str:
    if session is None or not session.underway:
        return "Stopped. Nothing was begun."
    if session.asking:
        again = f"{program()} approve {session.asking}"
        return f"Stopped. Nothing was decided and the run waits; go on with `{again}`."
    run = session.underway
    return f"Stopped. The run is kept as far as it got; go on with `{program()} resume {run}`."


def _kept_of(batch: "Batch | None", file: str, *, fresh: bool) -> str:
    if batch is None:
        return "Stopped. Nothing was begun."
    return batch.kept(file, fresh=fresh)


@click.command()
@click.option("--thread", help="Go on with this conversation. Default: a new one.")
@click.option("--tenant", default="default", help="Whose data and limits apply.")
@click.option("--later", is_flag=True, help="Never ask about actions: leave runs waiting.")
@as_json
@click.pass_obj
def chat(
    project: Project,
    thread: str | None,
    tenant: str,
    later: bool,
    as_json: bool,
) -> int:
    """Talk with the team: one message a line, all in one thread. Ctrl-D or /quit ends it.

    \b
    Example:
      pointsman chat --thread customer-17
    """
    from pointsman.nodes.message import new_id
    from pointsman.views.cli.chat import converse
    from pointsman.views.cli.session import Ask, Session, opened

    session: Session | None = None
    frame = Ask("", thread=thread or f"chat-{new_id()[:12]}", tenant=tenant)

    async def work() -> int:
        nonlocal session
        async with opened(project, reviewer=_reviewer(later=later or as_json)) as session:
            await converse(session, frame, as_json=as_json)
        return 0

    def kept() -> str:
        done = _kept(session) if session and session.underway else "Stopped."
        return f"{done} Go on with `{program()} chat --thread {frame.thread}`."

    return drive(work, kept=kept)


@click.command()
@click.argument("run")
@click.option("--later", is_flag=True, help="Never ask: leave the run waiting.")
@as_json
@click.pass_obj
def resume(project: Project, run: str, later: bool, as_json: bool) -> int:
    """Go on with RUN where it stopped: after Ctrl-C, a crash, or a decision. Nothing runs twice.

    RUN is a run's id or the beginning of one.

    \b
    Example:
      pointsman resume 3fa2c1d0
    """
    from pointsman.views.cli.outcome import show_result
    from pointsman.views.cli.session import Session, opened, run_of

    session: Session | None = None

    async def work() -> int:
        nonlocal session
        async with opened(project, reviewer=_reviewer(later=later or as_json)) as session:
            result = await session.resume(await run_of(session.team, run))
        show_result(result, as_json=as_json)
        return code_of(result.status)

    return drive(work, kept=lambda: _kept(session))


@click.command()
@click.argument("run")
@by_whom
@click.option("--reason", default="", help="Why; kept with the run.")
@as_json
@click.pass_obj
def cancel(project: Project, run: str, by: str, reason: str, as_json: bool) -> int:
    """Cancel RUN and its open tickets. What it did already stays done.

    Exits 0 when the run is cancelled.

    \b
    Example:
      pointsman cancel 3fa2c1d0 --by ana --reason "customer called"
    """
    from pointsman.views.cli.outcome import show_result
    from pointsman.views.cli.session import opened, run_of

    async def work() -> int:
        async with opened(project) as session:
            name = await run_of(session.team, run)
            result = await session.team.cancel(name, by=by, reason=reason)
        show_result(result, as_json=as_json)
        return 0 if result.status == "cancelled" else FAILED

    return drive(work, kept=lambda: f"Stopped. `{program()} show {run}` says how the run stands.")
