"""The plan by rules: which sections of which documents a question is about, and what to do with
them. A strong model can plan instead, see `teams/research.py`."""

import re
from collections.abc import Sequence

from pointsman.nodes.message import Answer, Delivered, Request, Task, TaskResult

from nodes.archive import Archive, Entry, Section
from nodes.fallbacks import asked_for

MOST = 8
RANK = "rank"
WORDS: dict[Section, str] = {
    "cost": r"\bcosts?\b|\bprice|\bcheap|\bexpensive|\bcrowns\b|\bpay\b",
    "yield": r"\byields?\b|\bpower\b|\benergy\b|\bMWh\b|\bgives?\b|\bsaves?\b|\bproduc",
    "time": r"\btime\b|\bhow long\b|\bmonths?\b|\bwhen\b|\bquick|\bfast|\bpermit",
    "noise": r"\bnois|\bloud|\bquiet|\bdB\b|\bheard?\b",
    "risk": r"\brisks?\b|\bdangers?\b|\bgo wrong\b|\bproblems?\b|\bdown ?sides?\b",
}
COMPARES = re.compile(
    r"\bcompare|\bwhich\b|\b(cheap|quiet|quick|fast)est\b|\bleast\b|\bmost\b|\brank", re.IGNORECASE
)


def planned(archive: Archive, request: Request) -> tuple[Task, ...]:
    """A reading task for each section asked about, and a ranking one where they are compared. None
    where the question names nothing of the archive."""
    text = request.text
    sections = [s for s, words in WORDS.items() if re.search(words, text, re.IGNORECASE)]
    entries = [entry for entry in archive.index if _named(entry, text)]
    compares = COMPARES.search(text) is not None
    if compares and sections and len(entries) < 2:
        entries = [*archive.index]
    if not entries:
        return ()
    tasks = [
        _reading(f"{entry.name}-{section}", entry.number, section)
        for section in sections or ["summary"]
        for entry in entries
    ][: MOST - 1]
    if compares and len(tasks) > 1:
        needs = tuple(task.id for task in tasks)
        tasks.append(Task(id=RANK, to="ranking", text="Put these in order.", needs=needs))
    return tuple(tasks)


def planned_again(archive: Archive, delivered: Delivered) -> tuple[Task, ...]:
    """What failed once more from the edition before, where there was one; and the ranking of all
    that is there then."""
    before = {entry.number: entry.before for entry in archive.index if entry.before}
    texts = {task.id: task.text for task in delivered.delegation.tasks}
    done = [r.task for r in delivered.results if r.status == "done"]
    tasks: list[Task] = []
    for result in delivered.results:
        number, section = asked_for(texts[result.task])
        if result.status != "done" and number in before:
            tasks.append(_reading(result.task, before[number], section))
    ids = [*done, *(task.id for task in tasks)]
    if RANK in texts and RANK not in done and len(ids) > 1:
        tasks.append(Task(id=RANK, to="ranking", text="Put these in order.", needs=tuple(ids)))
    return tuple(tasks)


def merged(request: Request, results: Sequence[TaskResult]) -> Answer:
    """The results in their order, the ranking first, each with the id of its task; a reading also
    names its document."""
    good = [r for r in results if r.status == "done"]
    good.sort(key=lambda r: r.task != RANK)
    lines = [f"{r.text} [{r.task}]" for r in good]
    return Answer(text="\n".join(lines), by="rules")


def _named(entry: Entry, text: str) -> bool:
    return any(re.search(rf"\b{re.escape(w)}\b", text, re.IGNORECASE) for w in entry.words)


def _reading(name: str, number: str, section: str) -> Task:
    return Task(id=name, to="reader", text=f"What does {number} say about {section}?")
