"""Commands for the audit log: verify, export, head."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from pointsman.views.cli.exits import DONE, FAILED, drive
from pointsman.views.cli.options import as_json
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pointsman.teams.approvals.audit import AuditRow, Check, Head

    M = TypeVar("M", bound=BaseModel)

PAGE = 1000
UNCHANGED = "Stopped. Nothing was changed."
EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def audit() -> None:
    """The log of every decision: who, when, what, in one chain of hashes.

    `verify` finds a row that was changed, removed or moved, and says where. Rows cut off the end
    show only against a head that was exported before and is kept elsewhere.
    """


@audit.command()
@click.option("--head", type=EXISTING, help="A head exported before: finds rows cut off the end.")
@click.option("--file", type=EXISTING, help="Verify an exported JSONL file, not the store.")
@as_json
@click.pass_obj
def verify(project: Project, head: Path | None, file: Path | None, as_json: bool) -> int:  # noqa: FBT001
    """Check the whole log. Exits 0 when it is whole, 1 when it was tampered with.

    \b
    Examples:
      pointsman audit verify
      pointsman audit verify --head yesterday.json
    """
    from pointsman.teams.approvals.audit import AuditRow, Check, Head
    from pointsman.views.cli.record import put

    known = None if head is None else _parsed(Head, head.read_text("utf-8"), str(head))
    check = Check(known)
    if file is not None:
        with file.open(encoding="utf-8") as lines:
            for n, line in enumerate(lines, start=1):
                check.see(_parsed(AuditRow, line, f"{file}, line {n}"))
    else:
        _read(project, check.see)
    found = check.faults()
    if as_json:
        put({"rows": check.rows, "faults": [{"row": f.seq, "what": f.what} for f in found]})
    else:
        _say(check, found=[f"row {f.seq}: {f.what}" for f in found], known=known)
    return FAILED if found else DONE


def _say(check: "Check", *, found: list[str], known: "Head | None") -> None:
    if not found:
        against = f", and holds row {known.seq:,} of the exported head" if known else ""
        click.echo(f"The audit log is whole: {check.rows:,} rows in one chain{against}.")
        return
    for line in found:
        click.echo(line, err=True)
    click.echo(
        f"The audit log was tampered with: {len(found)} faults in {check.rows:,} rows. Keep the"
        " file as it is, and compare it with a backup or an export.",
        err=True,
    )


@audit.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Default: stdout.")
@click.pass_obj
def export(project: Project, out: Path | None) -> int:
    """Write every row as one line of JSON, oldest first.

    \b
    Example:
      pointsman audit export --out audit.jsonl
    """
    if out is None:
        _read(project, lambda row: click.echo(row.model_dump_json()))
        return DONE
    with out.open("w", encoding="utf-8") as file:
        count = _read(project, lambda row: file.write(row.model_dump_json() + "\n"))
    click.echo(f"{count:,} rows in {out}.", err=True)
    return DONE


@audit.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Default: stdout.")
@click.pass_obj
def head(project: Project, out: Path | None) -> int:
    """Write the log's end: its last row's number and hash. Keep it where nobody can change it.

    \b
    Example:
      pointsman audit head --out yesterday.json
    """
    from pointsman.teams.approvals.audit import Check

    check = Check()
    _read(project, check.see)
    text = check.last.model_dump_json()
    if out is None:
        click.echo(text)
    else:
        out.write_text(text + "\n", encoding="utf-8")
        click.echo(f"Row {check.last.seq:,} in {out}.", err=True)
    return DONE


def _read(project: Project, see: "Callable[[AuditRow], object]") -> int:
    """Show every row of the store's log to `see`, a page at a time; how many there were."""
    team = project.load()

    async def pages() -> "AsyncGenerator[tuple[AuditRow, ...]]":
        after = 0
        while rows := await team.audit(after=after, limit=PAGE):
            yield rows
            after = rows[-1].seq

    async def work() -> int:
        count = 0
        async for rows in pages():
            for row in rows:
                see(row)
            count += len(rows)
        return count

    return drive(work, kept=lambda: UNCHANGED)


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
