"""Result: what a run came to."""

from pydantic import Field, JsonValue

from pointsman.nodes.event import Recorded
from pointsman.nodes.message import Frozen, Source, Status
from pointsman.teams.tickets import Ticket


class Timeline(tuple[Recorded, ...]):
    """A run's events, oldest first. In a notebook, its timeline."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        from pointsman.views.notebook.display import timeline_html

        return timeline_html(self)


class Result(Frozen):
    """What a run came to, or where it stands while it waits."""

    run: str
    thread: str
    team: str
    message_id: str = ""
    status: Status
    route: str = ""
    """The specialist the router chose; empty where it found none."""
    route_tier: str = ""
    route_confidence: float | None = None
    specialist: str = ""
    """The specialist that answered: differs from `route` after a hand-off."""
    answer: str = ""
    by: Source | None = None
    """Who wrote the answer."""
    data: JsonValue = None
    """The contract's output, where it has a schema."""
    tickets: tuple[Ticket, ...] = Field(default=())
    """Open tickets."""
    model_calls: int = 0
    """Calls that a model answered: neither cache nor journal."""
    cache_hits: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0
    """Cost of the run in US dollars; None as soon as one call's price is unknown."""
    saved_usd: float = 0.0
    seconds: float = 0.0
    """Time the run was worked on; the wait for people is not in it."""
    saved_seconds: float = 0.0
    error: str = ""
    """Class of the error that ended the run, as in `pointsman.errors`."""

    def _repr_html_(self) -> str:
        from pointsman.views.notebook.display import result_html

        return result_html(self)
