"""A request at its place: which step of which run asked it, and how often before."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pointsman.nodes.budgets import Budgets
from pointsman.nodes.digest import digest
from pointsman.nodes.event import Event
from pointsman.nodes.gateway import key
from pointsman.nodes.gateway.parts import in_parts
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.run import Run
from pointsman.nodes.tape import Met


@dataclass(frozen=True)
class Asked:
    """One request of one step, with what the journal knows it by."""

    request: ModelRequest
    run: Run
    content: str
    """`content_digest` of the request."""
    digest: str
    """The request in the journal's key."""
    occurrence: int
    """How often the step asked the same before."""
    budgets: Budgets | None = None
    """The shared budgets that count its calls."""
    aside: list[Event] = field(default_factory=list[Event])
    """What was recorded on the way, beside the answer: what a replay must not forget."""

    @classmethod
    def of(cls, request: ModelRequest, run: Run, budgets: Budgets | None = None) -> "Asked":
        """The request's place. Counted at once, before anything is awaited, so that requests that
        are made at once are numbered as they were made."""
        content = key.content_digest(request)
        asked = key.journal_digest(content, request.tier)
        occurrence = run.occurrences[asked]
        run.occurrences[asked] += 1
        return cls(request, run, content, asked, occurrence, budgets)

    @property
    def call(self) -> str:
        """Its name in the run's record, the same when the step is run again."""
        return digest(self.run.step, self.occurrence, self.digest)[:16]

    @property
    def met(self) -> tuple[Met, Mapping[str, str]]:
        """The request as a tape keeps it, and its parts by digest."""
        whole, parts = in_parts(self.request)
        one = Met(
            kind="model", step=self.run.step, name=self.call, digest=self.digest,
            n=self.occurrence, asked=whole,
        )  # fmt: skip
        return one, parts

    @property
    def names(self) -> Mapping[str, str]:
        """Whose it is, for a cached answer's tags."""
        run = self.run
        return {"team": run.team, "specialist": run.specialist, "tenant": run.tenant}

    def beside(self) -> "Asked":
        """The same, whose run also keeps what it records in `aside`."""
        emit, aside = self.run.emit, self.aside

        def both(event: Event) -> None:
            aside.append(event)
            emit(event)

        return replace(self, run=replace(self.run, emit=both))
