"""What a drilled team did, beside what it has on record: effects that were lost or done twice.

Three witnesses: the ledger of effects says what was begun and done, the book counts every write
where it acted, and, where the caller gives one, the system outside lists what happened to it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pointsman.evals.drill.book import Act
from pointsman.teams.store.rows import EffectRow
from pointsman.teams.team import Team
from pointsman.teams.tickets import Ticket

World = Callable[[], Sequence[str]]
"""Lists what happened in the system outside: a line for each effect, equal lines for equal ones."""

_STANDS = ("done", "undone")


@dataclass(frozen=True)
class Ledger:
    """Rows and tickets of the runs of some messages, those of their child runs too."""

    rows: tuple[EffectRow, ...]
    tickets: tuple[Ticket, ...]

    @property
    def done(self) -> Counter[str]:
        """By digest of tool and arguments: how many writes are recorded as done."""
        return Counter(row.digest for row in self.rows if row.state in _STANDS)


async def ledger(team: Team, runs: Iterable[str]) -> Ledger:
    """The ledger of these runs."""
    rows: list[EffectRow] = []
    tickets: list[Ticket] = []
    async with team.sessions.services() as services:
        store = services.store
        for run in runs:
            tree = (run, *(row.run for row in await store.offspring(run)))
            names = {services.spec.name, *services.kin}
            for one in tree:
                rows += await store.effects(one)
                for name in names:
                    tickets += await store.tickets(name, status=None, run=one)
    return Ledger(tuple(rows), tuple(tickets))


def doubled(known: Ledger, acts: Sequence[Act]) -> tuple[str, ...]:
    """Writes that acted more often than the ledger has rows for them, in words.

    A row that failed stands for none; one that was begun and has no result may have acted once.
    """
    open_rows = Counter(row.digest for row in known.rows if row.state == "intended")
    allowed = known.done + open_rows
    acted = Counter(act.digest for act in acts)
    return tuple(
        f"{act.tool} {_args(act)} acted {acted[act.digest]} times; the ledger has"
        f" {allowed[act.digest]}"
        for act in _first_of_each(acts)
        if acted[act.digest] > allowed[act.digest]
    )


def lost(known: Ledger, acts: Sequence[Act]) -> tuple[str, ...]:
    """Writes that were approved and neither done nor recorded as anything else, and writes that are
    recorded as done and never acted; in words."""
    acted = Counter(act.digest for act in acts)
    found = [
        f"{row.tool} (run {row.run}) is recorded as done and acted {acted[row.digest]} of"
        f" {known.done[row.digest]} times"
        for row in known.rows
        if row.state in _STANDS and acted[row.digest] < known.done[row.digest]
    ]
    found += [
        f"{ticket.tool} (ticket {ticket.id}) was approved by {ticket.by}, and nothing came of it"
        for ticket in known.tickets
        if ticket.status == "approved" and ticket.kind == "action" and ticket.settled is None
    ]
    return tuple(dict.fromkeys(found))


def seen_twice(calm: Sequence[str], drilled: Sequence[str]) -> tuple[str, ...]:
    """What the system outside shows more often than in the calm run, and more than once."""
    usual, now = Counter(calm), Counter(drilled)
    return tuple(
        f"outside: {line!r} happened {count} times; {usual[line]} in the calm run"
        for line, count in now.items()
        if count > max(1, usual[line])
    )


def _first_of_each(acts: Sequence[Act]) -> Iterable[Act]:
    return {act.digest: act for act in reversed(acts)}.values()


def _args(act: Act) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in act.args.items())
