"""Commands for the audit log: verify, export, head."""

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from pointsman.views.cli.exits import DONE, FAILED, drive
from pointsman.views.cli.options import as_json, program
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic import BaseModel

    from pointsman.teams.approvals.audit import AuditRow, Check, Fault, Head

    M = TypeVar("M", bound=BaseModel)
    See = Callable[[AuditRow], object]
    Skip = Callable[[int, str], object]

PAGE = 1000
BEGINNING = -(2**63)
"""The log's numbers begin at 1: a lower one is a fault, and must be seen."""
UNCHANGED = "Stopped. Nothing was changed."
EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def audit() -> None:
    """The log of every decision: who, when, what, in one chain of hashes.

    `verify` finds a row that was changed, removed or moved, and says where. Rows cut off the end
    show only against a head that was exported before and is kept elsewhere.

    \b
    Example:
      pointsman audit verify --head yesterday.json
    """


@audit.command()
@click.option("--head", type=EXISTING, help="A head exported before: finds rows cut off the end.")
@click.option("--file", type=EXISTING, help="Verify an exported JSONL file, not the store.")
@as_json
@click.pass_obj
def verify(project: Project, head: Path | None, file: Path | None, as_json: bool) -> int:
    """Check the whole log. Exits 0 when it is whole, 1 when it was tampered with.

    \b
    Examples:
      pointsman audit verify
      pointsman audit verify --head yesterday.json
      pointsman audit verify --file audit.jsonl --json
    """
    from pointsman.teams.approvals.audit import Check, Fault, Head
    from pointsman.views.cli.record import put

    known = None
    if head is not None:
        known = _parsed(Head, head.read_text("utf-8", errors="replace"), str(head))
    check, unread = Check(known), list[Fault]()

    def skip(row: int, why: str) -> None:
        unread.append(Fault(row or check.last.seq + 1, why))

    if file is not None:
        _lines(file, check.see, skip)
    else:
        _rows(project, check.see, skip, kept=UNCHANGED)
    # A row that cannot be read is there: the chain alone would call it missing.
    there = {f"row {f.seq} missing" for f in unread}
    found = sorted([f for f in check.faults() if f.what not in there] + unread, key=_place)
    if as_json:
        put({"rows": check.rows, "faults": [{"row": f.seq, "what": f.what} for f in found]})
    else:
        _say(check, found=found, known=known)
    return FAILED if found else DONE


def _place(fault: "Fault") -> int:
    return fault.seq


def _say(check: "Check", *, found: "Sequence[Fault]", known: "Head | None") -> None:
    from pointsman.views.visible import one_line

    rows = f"{check.rows:,} row{'' if check.rows == 1 else 's'}"
    if not found:
        against = f", and holds row {known.seq:,} of the exported head" if known else ""
        click.echo(f"The audit log is whole: {rows} in one chain{against}.")
        return
    for fault in found:
        click.echo(f"row {fault.seq}: {one_line(fault.what)}", err=True)
    click.echo(
        f"The audit log was tampered with: {len(found)} fault{'' if len(found) == 1 else 's'} in"
        f" {rows}. Keep the file as it is, and compare it with a backup or an export.",
        err=True,
    )


@audit.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Default: stdout.")
@click.pass_obj
def export(project: Project, out: Path | None) -> int:
    """Write every row as one line of JSON, oldest first.

    Exits 1, with every other row written, when a row cannot be read.

    \b
    Example:
      pointsman audit export --out audit.jsonl
    """
    unread: list[str] = []

    def to(write: "Callable[[str], object]", kept: str) -> int:
        return _rows(
            project,
            lambda row: write(row.model_dump_json() + "\n"),
            lambda _row, why: unread.append(why),
            kept=kept,
        )

    if out is None:
        to(lambda line: click.echo(line, nl=False), UNCHANGED)
    else:
        with out.open("w", encoding="utf-8") as file:
            count = to(file.write, f"Stopped. {out} holds only the first rows.")
        click.echo(f"{count:,} rows in {out}.", err=True)
    for why in unread:
        click.echo(f"Left out: {why}", err=True)
    return FAILED if unread else DONE


@audit.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Default: stdout.")
@click.pass_obj
def head(project: Project, out: Path | None) -> int:
    """Write the log's end: its last row's number and hash. Keep it where nobody can change it.

    Exits 1, with the head written, when the log was tampered with before.

    \b
    Example:
      pointsman audit head --out yesterday.json
    """
    from pointsman.teams.approvals.audit import Check

    check, unread = Check(), list[int]()
    _rows(project, check.see, lambda row, _why: unread.append(row), kept=UNCHANGED)
    text = check.last.model_dump_json()
    if out is None:
        click.echo(text)
    else:
        out.write_text(text + "\n", encoding="utf-8")
        click.echo(f"Row {check.last.seq:,} in {out}.", err=True)
    if unread or check.faults():
        where = f"`{program()} audit verify` says where."
        click.echo(f"The log before it was tampered with. {where}", err=True)
        return FAILED
    return DONE


def _rows(project: Project, see: "See", skip: "Skip", *, kept: str) -> int:
    """Show every row of the store's log to `see`, a page at a time, and the number of every row
    that cannot be read, and why, to `skip`; how many were seen."""
    from pointsman.errors import StoreBroken

    team = project.load()

    async def work() -> int:
        after, count = BEGINNING, 0
        while True:
            try:
                rows = await team.audit(after=after, limit=PAGE)
            except StoreBroken as error:
                if not error.row:
                    raise
                after = error.row
                skip(after, error.message)
                continue
            if not rows:
                return count
            for row in rows:
                see(row)
            after, count = rows[-1].seq, count + len(rows)

    return drive(work, kept=lambda: kept)


def _lines(file: Path, see: "See", skip: "Skip") -> None:
    """Show every row of an exported file to `see`, and every line that is none to `skip`."""
    from pointsman.errors import BadInput
    from pointsman.teams.approvals.audit import AuditRow

    with file.open(encoding="utf-8", errors="replace") as lines:
        for n, line in enumerate(lines, start=1):
            try:
                row = _parsed(AuditRow, line, f"{file}, line {n}")
            except BadInput as error:
                skip(0, error.message)
            else:
                see(row)


def _parsed(kind: "type[M]", text: str, where: str) -> "M":
    from pydantic import ValidationError

    from pointsman.errors import BadInput

    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise BadInput(
            f"{where} is no {kind.__name__} of an audit log: {error.error_count()} faults.",
            hint="Give a file that `pointsman audit export` or `pointsman audit head` wrote.",
        ) from error
