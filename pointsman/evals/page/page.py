"""A run as one HTML file: figures, plots, filters and every transcript; it fetches nothing."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pointsman.evals.compare import Comparison
from pointsman.evals.metrics import Row, Run
from pointsman.evals.page.cases import case
from pointsman.evals.page.escaped import safe
from pointsman.evals.page.sections import changes, figures, plots, tiles
from pointsman.evals.said import picked

MOST = 2_000
"""Samples that are shown with their transcripts."""


@dataclass(frozen=True)
class Shown:
    """What a page is about. With a baseline, both it and the comparison."""

    run: Run
    baseline: Run | None = None
    comparison: Comparison | None = None
    most: int = MOST
    seed: int = 0


def write(shown: Shown, path: Path) -> int:
    """Write the page; gives how many samples it shows with their transcripts."""
    listed = _listed(shown)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        out.writelines(_parts(shown, listed))
    return len(listed)


def _listed(shown: Shown) -> list[tuple[str, int]]:
    """What is shown in full, in this order: what got worse, errors, fails, the rest."""
    worse = set[tuple[str, int]]()
    if shown.comparison is not None:
        worse = {(m.case, m.epoch) for m in shown.comparison.regressed}

    def rank(row: Row) -> int:
        if row.key in worse:
            return 0
        return 1 if row.error else 2 if row.passed is False else 3

    rows = sorted(shown.run.rows.values(), key=rank)
    return [row.key for row in rows[: shown.most]]


def _parts(shown: Shown, listed: Sequence[tuple[str, int]]) -> Iterator[str]:
    run = shown.run
    style, script = _asset("style.css"), _asset("filters.js")
    name = "a suite" if run.head is None else run.head.suite
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash(style)}';"
        f" script-src 'sha256-{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{safe(name)}: evaluation</title>\n<style>{style}</style>\n</head>\n"
        "<body>\n<main>\n"
    )
    yield _head(shown, name)
    yield tiles(run, shown.baseline)
    if shown.comparison is not None:
        yield changes(shown.comparison)
    else:
        yield figures(run, shown.seed)
    yield plots(run, shown.baseline, shown.seed)
    yield from _cases(shown, listed)
    yield f"</main>\n<script>{script}</script>\n</body>\n</html>\n"


def _head(shown: Shown, name: str) -> str:
    head = shown.run.head
    parts = [f"<header><h1>{safe(name)}</h1>"]
    if head is not None:
        version = f", version {safe(head.version[:12])}" if head.version else ""
        epochs = f", {head.epochs} epochs" if head.epochs > 1 else ""
        replayed = f", replayed from {safe(head.replayed)}" if head.replayed else ""
        parts.append(
            f'<p class="soft">{safe(head.target)}{version}; {len(shown.run.rows)} samples{epochs};'
            f" {head.started:%Y-%m-%d %H:%M} UTC{replayed}</p>"
        )
    for what, run in (("This run", shown.run), ("The baseline", shown.baseline)):
        if run is not None and run.partial:
            parts.append(f'<p class="banner">{what} is partial: {safe(run.partial)}</p>')
    return "".join(parts) + "</header>\n"


def _cases(shown: Shown, listed: Sequence[tuple[str, int]]) -> Iterator[str]:
    run, found = shown.run, shown.comparison
    names = sorted({tag for row in run.rows.values() for tag in row.tags})
    tags = {tag: number for number, tag in enumerate(names)}
    lost = {} if found is None else {(m.case, m.epoch): m for m in found.regressed}
    won = {} if found is None else {(m.case, m.epoch): m for m in found.improved}
    yield "<h2>Samples</h2>\n" + _filters(run, tags, compared=found is not None)
    if len(listed) < len(run.rows):
        yield (
            f'<p class="note">{len(listed)} of {len(run.rows)} samples are shown: those that got'
            " worse first, then errors and fails. The record has all.</p>\n"
        )
    old = {}
    if shown.baseline is not None:
        old = picked(shown.baseline.path, [key for key in listed if key in lost or key in won])
    # In the order of the list, in bounded memory: the record is read once per thousand samples.
    for begin in range(0, len(listed), 1_000):
        part = listed[begin : begin + 1_000]
        held = picked(run.path, part)
        for key in part:
            yield case(held[key], tags, lost=lost.get(key), won=won.get(key), before=old.get(key))
            yield "\n"


def _filters(run: Run, tags: dict[str, int], *, compared: bool) -> str:
    counts = Counter(tag for row in run.rows.values() for tag in row.tags)
    choices = "".join(
        f'<option value="{number}">{safe(tag)} ({counts[tag]})</option>'
        for tag, number in tags.items()
    )
    states = [
        ("bad", "failed or error"),
        ("fail", "failed"),
        ("error", "error"),
        ("pass", "passed"),
    ]
    if compared:
        states += [("worse", "worse than before"), ("better", "better than before")]
    verdicts = "".join(f'<option value="{value}">{word}</option>' for value, word in states)
    return (
        '<div class="filters"><input id="words" type="search" placeholder="Search text"'
        ' aria-label="Search text"><select id="tag" aria-label="Tag"><option value="">all tags'
        f'</option>{choices}</select><select id="state" aria-label="Verdict"><option value="">all'
        f' verdicts</option>{verdicts}</select><span id="count" class="soft" role="status"></span>'
        "</div>\n"
    )


def _asset(name: str) -> str:
    return resources.files("pointsman.evals.page").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
