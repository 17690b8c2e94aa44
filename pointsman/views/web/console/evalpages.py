"""The page Evals: records of evaluations in the project, and two of them compared."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from starlette.responses import Response

from pointsman.errors import BadInput, NotFound
from pointsman.evals.change import Change
from pointsman.evals.compare import Moved, compare
from pointsman.evals.figures import figure_of, passing
from pointsman.evals.metrics import Run, read
from pointsman.nodes.digest import digest
from pointsman.views.web.console import teamshapes
from pointsman.views.web.guarded import Asked
from pointsman.views.web.problems import answer

log = logging.getLogger("pointsman.views")

SHOWN = 100
LARGEST = 200_000_000
"""Bytes of a record that is read for a page."""


@dataclass(frozen=True, slots=True)
class Evals:
    """`GET /console/evals` and `/console/evals/compare`. A record is named by a digest of its path:
    no path comes from a request."""

    folders: Sequence[Path]
    """Where records are looked for, with all folders below."""
    known: dict[tuple[Path, int, int], teamshapes.EvalRun] = field(
        default_factory=dict[tuple[Path, int, int], teamshapes.EvalRun]
    )
    """What was read, by path, time and size: a record is read once."""

    async def show(self, asked: Asked) -> Response:
        """All records."""
        runs, trouble = await asyncio.to_thread(self._read, whole=not asked.session.token.tenant)
        return answer(
            teamshapes.EvalsPage(
                runs=runs, folder=", ".join(f.name for f in self.folders), trouble=trouble
            )
        )

    async def compare(self, asked: Asked) -> Response:
        """Two of them."""
        query = asked.request.query_params
        if asked.session.token.tenant:
            raise NotFound("There is no such record.", hint="Records are of all tenants.")
        return answer(
            await asyncio.to_thread(self._compare, query.get("run", ""), query.get("baseline", ""))
        )

    def _read(self, *, whole: bool) -> tuple[tuple[teamshapes.EvalRun, ...], str]:
        if not whole:
            return (), ""
        runs: list[teamshapes.EvalRun] = []
        broken = 0
        for path in self._paths()[:SHOWN]:
            try:
                runs.append(self._line(path))
            except (BadInput, OSError) as error:
                broken += 1
                log.info("a record of an evaluation is left out: %s", error)
        trouble = f"{broken} files are no records, or have no sample yet." if broken else ""
        return tuple(sorted(runs, key=lambda run: -run.at)), trouble

    def _line(self, path: Path) -> teamshapes.EvalRun:
        stat = path.stat()
        key = (path, stat.st_mtime_ns, stat.st_size)
        if key not in self.known:
            if stat.st_size > LARGEST:
                raise BadInput(f"{path.name} is too large for a page.")
            self.known[key] = _shown(path, read(path), round(stat.st_mtime * 1000))
        return self.known[key]

    def _compare(self, run: str, baseline: str) -> teamshapes.EvalComparison:
        there = {_id(path): path for path in self._paths()}
        for name in (run, baseline):
            if name not in there:
                raise NotFound(f"There is no record {name[:40]!r}.", hint="Load the list anew.")
        one, other = read(there[run]), read(there[baseline])
        found = compare(one, other)
        return teamshapes.EvalComparison(
            run=self._line(there[run]), baseline=self._line(there[baseline]),
            changes=tuple(_change(change) for change in found.changes),
            regressed=tuple(map(_moved, found.regressed)),
            improved=tuple(map(_moved, found.improved)), pairs=found.pairs,
            words=_words(len(found.gone), len(found.new), len(found.changed)),
        )  # fmt: skip

    def _paths(self) -> list[Path]:
        """Records, the newest first."""
        found = {path: path.stat().st_mtime for path in self._found()}
        return sorted(found, key=lambda path: (-found[path], str(path)))

    def _found(self) -> Iterator[Path]:
        for folder in self.folders:
            if folder.is_dir():
                root = folder.resolve()
                for path in folder.rglob("*.jsonl"):
                    # A link must not lead out of the folder.
                    if path.is_file() and path.resolve().is_relative_to(root) and _is_record(path):
                        yield path


def _is_record(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(40).startswith(b'{"schema_version":"pointsman.')
    except OSError:
        return False


def _shown(path: Path, run: Run, changed: int) -> teamshapes.EvalRun:
    rows = list(run.rows.values())
    usd = [row.known.get("usd") for row in rows]
    figures = {"passed": passing(rows).value}
    figures |= {
        name: figure_of(metric, rows).value
        for name, metric in run.metrics.items()
        if metric.kind != "label"
    }
    return teamshapes.EvalRun(
        id=_id(path), suite=run.head.suite if run.head else path.parent.name,
        target=run.head.target if run.head else "", version=run.head.version if run.head else "",
        at=round(run.head.started.timestamp() * 1000) if run.head else changed,
        samples=len(rows), errors=sum(bool(row.error) for row in rows), partial=run.partial,
        metrics=figures, usd=None if None in usd else sum(u for u in usd if u is not None),
        baseline="baselines" in path.parts,
    )  # fmt: skip


def _change(change: Change) -> teamshapes.MetricChange:
    return teamshapes.MetricChange(
        metric=change.metric, run=change.now, baseline=change.before, low=change.low,
        high=change.high, p=change.p, verdict=change.verdict, words=change.why,
    )  # fmt: skip


def _moved(moved: Moved) -> str:
    epoch = f" (epoch {moved.epoch})" if moved.epoch > 1 else ""
    return f"{moved.case}{epoch}: {moved.error or ', '.join(moved.metrics)}"


def _words(gone: int, new: int, changed: int) -> str:
    parts = ((gone, "only in the baseline"), (new, "only in the run"), (changed, "changed"))
    return ", ".join(f"{count} samples {what}" for count, what in parts if count)


def _id(path: Path) -> str:
    return digest("record", str(path.resolve()))[:16]
