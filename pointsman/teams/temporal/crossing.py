"""What a run carries across Temporal: a signed CloudEvent that refers to its request by digest.

It proves that one who holds a listed key asked for this run of this thread as it stands in the
store. Others who can write to Temporal can so neither begin a run nor have it taken on.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue

from pointsman.errors import Forged, PointsmanError
from pointsman.nodes.cloudevent import CloudEvent, dataref, read_event, written
from pointsman.nodes.digest import JsonObject, canonical
from pointsman.teams.keyfiles import Keys
from pointsman.teams.letters import keep_letter
from pointsman.teams.schemas import REQUEST
from pointsman.teams.services import Services
from pointsman.teams.store.rows import RunRow

TYPE = "pointsman.run"
WAY = "temporal"
UNSIGNED = (
    "runs from Temporal are believed whoever sent them: set POINTSMAN_SENDERS, and"
    " POINTSMAN_SIGNING_KEY on every sender"
)
"""What a worker says once when it starts without keys."""


@dataclass(frozen=True)
class Refused:
    """Why a run was not taken on: the letter that says so."""

    letter: str


def sealed(row: RunRow, keys: Keys) -> dict[str, str]:
    """The event of a run on its way to the workers, signed where there is a key."""
    event = CloudEvent(
        id=row.run, source=keys.signer.source if keys.signer else "unsigned", type=TYPE,
        subject=row.run, time=datetime.now(UTC), dataschema=f"{REQUEST}@1",
        dataref=_request(row), correlationid=row.request.correlation_id or row.request.id,
        causationid=row.request.id, traceparent=row.request.traceparent, tenant=row.tenant,
        thread=row.thread,
    )  # fmt: skip
    given, _ = written(event)
    signed = keys.signer.signed(given) if keys.signer else given
    return {name: str(value) for name, value in signed.items()}


async def checked(
    services: Services, row: RunRow, event: dict[str, str], keys: Keys
) -> Refused | None:
    """Whether a run may be taken on: None. With keys of senders, one whose event none of them
    signed, or that says something else than the run as it is stored, is refused; its event is kept
    as a letter. Raises StoreError."""
    if keys.senders is None:
        return None
    given: JsonObject = dict(event)
    try:
        keys.senders.check(given)
        read = read_event(given)
        said: JsonValue = [read.type, read.subject, read.tenant, read.thread, read.dataref]
        stands: JsonValue = [TYPE, row.run, row.tenant, row.thread, _request(row)]
        if said != stands:
            raise Forged(
                f"The envelope of run {row.run} says something else than what is stored.",
                hint="The run stands still. Drop it, or give its message to the team again.",
            )
    except PointsmanError as error:
        body = canonical({"run": row.run, "event": given})
        return Refused(await keep_letter(services, body, came=WAY, error=error))
    return None


def _request(row: RunRow) -> str:
    return dataref(row.request.model_dump(mode="json"))
