"""All that is stored of a run and of those it gave work to: what a record is made of, and what a
replay answers from."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pointsman.nodes.digest import JsonObject, canonical
from pointsman.nodes.event import Recorded
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import EffectRow, RunRow
from pointsman.teams.tape import StepRow
from pointsman.teams.tickets import Ticket

_ENVELOPE = ("id", "correlation_id", "causation_id", "time", "traceparent")
"""What of a message is new each time."""


@dataclass(frozen=True)
class Recording:
    """One run as stored."""

    row: RunRow
    steps: tuple[StepRow, ...]
    events: tuple[Recorded, ...]
    tickets: tuple[Ticket, ...]
    effects: tuple[EffectRow, ...]
    parts: Mapping[str, str]
    children: tuple["Recording", ...] = ()
    groups: Mapping[str, tuple[StepRow, ...]] = field(
        default_factory=dict[str, tuple[StepRow, ...]]
    )
    """The executions of each step, without those that a crash cut short and that were run again."""

    def tree(self) -> Iterator["Recording"]:
        """This one, and all below."""
        yield self
        for child in self.children:
            yield from child.tree()

    def ticket(self, name: str) -> Ticket | None:
        """A ticket of this run."""
        return next((ticket for ticket in self.tickets if ticket.id == name), None)

    @property
    def began(self) -> float:
        """When the run's first event was, in seconds since the epoch; 0 without one."""
        return self.events[0].at if self.events else 0.0


async def load(store: Store, row: RunRow, *, parts: bool = False) -> Recording:
    """A run and all below it, from the store. With the parts of what models were asked where
    `parts`."""
    steps = await store.steps(row.run)
    children = [await load(store, child, parts=parts) for child in await store.children(row.run)]
    return Recording(
        row=row,
        steps=steps,
        events=await store.events(row.run),
        tickets=await store.tickets(row.team, run=row.run, limit=10_000),
        effects=await store.effects(row.run),
        parts=await store.all_parts(row.run) if parts else {},
        children=tuple(children),
        groups=_groups(steps),
    )


def _groups(steps: tuple[StepRow, ...]) -> dict[str, tuple[StepRow, ...]]:
    found: dict[str, list[StepRow]] = defaultdict(list)
    for row in steps:
        same = found[row.step]
        if same and same_given(same[-1], row):
            same[-1] = _joined(same[-1], row)
        else:
            same.append(row)
    return {name: tuple(rows) for name, rows in found.items()}


def _joined(first: StepRow, again: StepRow) -> StepRow:
    """A step that was run again: what it met the second time, and what it met only the first."""
    have = {(m.kind, m.digest, m.n) for m in again.body.met if m.outcome != "cut"}
    kept = [m for m in first.body.met if (m.kind, m.digest, m.n) not in have]
    fresh = list(again.body.met)
    seen = {(m.kind, m.digest, m.n) for m in kept if m.outcome != "cut"}
    fresh = [m for m in fresh if m.outcome != "cut" or (m.kind, m.digest, m.n) not in seen]
    body = again.body.model_copy(update={"met": (*kept, *fresh)})
    return StepRow(again.run, again.n, again.step, again.at, body)


def same_given(one: StepRow, other: StepRow) -> bool:
    """Whether two executions of a step were given the same: the second one is no new step."""
    return one.body.open == other.body.open and content(one.body.given) == content(other.body.given)


def content(message: JsonObject) -> bytes:
    """A message without what is new each time, in its one byte form."""
    return canonical(bare(message))


def bare(message: JsonObject) -> JsonObject:
    """A message without what is new each time."""
    return {name: held for name, held in message.items() if name not in _ENVELOPE}
