"""The part of a Team where envelopes come in and go out: from brokers, and to them."""

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import JsonValue

from pointsman.errors import BadInput, NotFound
from pointsman.nodes.cloudevent import (
    PREFIX,
    CloudEvent,
    parsed,
    read_event,
    referred,
    written,
)
from pointsman.nodes.digest import JsonObject, canonical, digest
from pointsman.nodes.event import Recorded
from pointsman.teams.keyfiles import Keys
from pointsman.teams.letters import end_letter, find_letter, keep_letter
from pointsman.teams.releases.releasing import Releasing
from pointsman.teams.releases.rollout import assigned
from pointsman.teams.request import new_run
from pointsman.teams.schemas import RESULT, taken, team_schemas
from pointsman.teams.services import Services
from pointsman.teams.store.crossings import LetterRow, LetterState, Outgoing, Stands
from pointsman.teams.store.rows import RunRow
from pointsman.teams.summary import known_run, result_of

EVENT = f"{PREFIX}event"
SOON = 0.001
"""Seconds that a message whose deadline has passed is given: its run ends by it, on record."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an envelope. One of both is empty."""

    run: str
    """Its run, which is stored."""
    letter: str
    """The letter that it was kept as."""
    why: str = ""
    """Why it was refused."""


class Mailroom(Releasing):
    """Takes CloudEvents in, and words what came of them as CloudEvents."""

    async def accept(self, body: bytes, *, came: str) -> Accepted:
        """Take a request in that came as a CloudEvent: its run is stored when this returns, and
        moves once `resume` is called, or on a worker. The same event again is the same run.

        One that is forged, has no known schema or does not fit is kept as a letter. `came` says by
        which way. Raises StoreError; then nothing was taken.
        """
        async with self._sessions.engine(recover=False) as engine:
            services = engine.services
            try:
                row, event = await self._read(services, body)
            except BadInput as error:
                letter = await keep_letter(services, body, came=came, error=error)
                return Accepted("", letter, str(error))
            row = await assigned(services, row)
            await services.store.add_run(row)
            await services.store.add_outgoing(
                Outgoing(row.run, row.team, sender=event.source, event=event.id)
            )
            if engine.elsewhere:
                await engine.post(row)
            return Accepted(row.run, "")

    @property
    def elsewhere(self) -> bool:
        """Whether workers move its runs: then `accept` is all there is to do here."""
        return bool(self._sessions.settings().temporal)

    async def letters(
        self, *, state: LetterState | None = "open", limit: int = 500
    ) -> tuple[LetterRow, ...]:
        """Envelopes that were refused, oldest first."""
        async with self._sessions.services() as services:
            return await services.store.letters(self.name, state=state, limit=limit)

    async def redrive_letter(self, letter: str, *, by: str, reason: str = "") -> Accepted:
        """Take a refused envelope again, as it came: after its sender was listed, or a version that
        reads it was deployed. Refused again, it stays. Raises NotFound and Conflict."""
        async with self._sessions.services() as services:
            row = await find_letter(services, letter)
            if row.came == "temporal":
                raise BadInput(
                    f"Letter {row.id} is about a run that is stored: give the run to the team"
                    " again with `pointsman resume`, or drop the letter."
                )
            if row.state != "open":
                await end_letter(services, row.id, "redriven", by=by, reason=reason)  # says why not
        accepted = await self.accept(row.body.encode(), came=row.came)
        if accepted.run:
            async with self._sessions.services() as services:
                await end_letter(services, row.id, "redriven", by=by, reason=reason)
        return accepted

    async def drop_letter(self, letter: str, *, by: str, reason: str) -> LetterRow:
        """Give a letter up; it stays on record. Raises NotFound and Conflict."""
        async with self._sessions.services() as services:
            return await end_letter(services, letter, "dropped", by=by, reason=reason)

    async def awaited(self, state: Stands, *, limit: int = 500) -> tuple[Outgoing, ...]:
        """Runs that came in with `accept`: those that are running, that wait, or that have ended
        and whose result was not published since."""
        async with self._sessions.services() as services:
            return await services.store.outgoing(self.name, state, limit=limit)

    async def published(
        self, run: str, *, told: int | None = None, sent: int | None = None
    ) -> None:
        """Note how far a run's events (`told`) and results (`sent`) were published."""
        async with self._sessions.services() as services:
            await services.store.published(run, told=told, sent=sent)

    async def result_event(self, row: Outgoing) -> tuple[JsonObject, int]:
        """A run's result as a CloudEvent whose id is the same each time, and its attempt."""
        async with self._sessions.services() as services:
            run = await known_run(services, row.run)
            result = (await result_of(services, row.run)).model_copy(update={"tickets": ()})
            event = self._event(
                run, row, type_=RESULT, schema=team_schemas(self.spec).newest(RESULT),
                name=("result", run.attempt), data=result.model_dump(mode="json"),
            )  # fmt: skip
            return await self._sent(services, event), run.attempt

    async def run_events(self, row: Outgoing) -> AsyncGenerator[tuple[int, JsonObject]]:
        """A run's events that were not published yet as CloudEvents, each with its place."""
        async with self._sessions.services() as services:
            run = await known_run(services, row.run)
            for one in _after(await services.store.events(row.run), row.told):
                event = self._event(
                    run, row, type_=f"{EVENT}.{one.event.kind}", schema=f"{EVENT}@1",
                    name=("event", one.seq), data=one.model_dump(mode="json"),
                )  # fmt: skip
                yield one.seq, await self._sent(services, event)

    async def payload(self, ref: str) -> JsonValue:
        """The data that an event refers to with `dataref`. Raises NotFound."""
        async with self._sessions.services() as services:
            body = await services.store.payload(ref)
            if body is None:
                raise NotFound(f"Nothing is kept as {ref!r}.")
            data: JsonValue = json.loads(body)
            return data

    async def _read(self, services: Services, body: bytes) -> tuple[RunRow, CloudEvent]:
        """The run of an envelope. Raises Forged, UnknownSchema and InvalidMessage."""
        given, keys = parsed(body), Keys.read(self._sessions.settings())
        if keys.senders is not None:
            keys.senders.check(given)
        event = read_event(given)
        data = event.data
        if event.dataref:
            data = referred(event, await services.store.payload(event.dataref))
        message, to = taken(self.spec, team_schemas(self.spec), event, data)
        request = message.payload
        assert request.kind == "request"  # noqa: S101 (`taken` gives requests)
        # Ids are unique for a sender: two may use the same one.
        name = digest("event", event.source, event.id)
        left = None
        if event.deadline is not None:
            left = max(event.deadline.timestamp() - services.clock(), SOON)
        row = new_run(
            self.spec, request.text, thread=event.thread or f"e{name[:11]}", tenant=event.tenant,
            message_id=f"e{name[:31]}", priority=event.priority, deadline=left, budget=None,
            attachments=request.attachments,
        )  # fmt: skip
        # Not its source: nobody outside may be called as the team calls a person or a specialist.
        update = {"id": row.request.id, "correlation_id": event.correlationid, "sender": "user"}
        message = message.model_copy(update=update)
        return replace(row, request=message, pinned=to), event

    def _event(
        self, run: RunRow, row: Outgoing, *, type_: str, schema: str,
        name: tuple[str, int], data: JsonValue,
    ) -> CloudEvent:  # fmt: skip
        return CloudEvent(
            id=digest(run.run, *name)[:32], source=self.name, type=type_, subject=run.run,
            time=datetime.now(UTC), dataschema=schema, data=data,
            correlationid=run.request.correlation_id or row.event, causationid=row.event,
            traceparent=run.request.traceparent, tenant=run.tenant, thread=run.thread,
            priority=run.request.priority,
        )  # fmt: skip

    async def _sent(self, services: Services, event: CloudEvent) -> JsonObject:
        given, data = written(event)
        if data is not None:
            await services.store.put_payload(str(given["dataref"]), canonical(data).decode())
        signer = Keys.read(self._sessions.settings()).signer
        return signer.signed(given) if signer else given


def _after(events: Sequence[Recorded], told: int) -> list[Recorded]:
    return [one for one in events if one.seq > told]
