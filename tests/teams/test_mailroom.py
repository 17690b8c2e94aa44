"""Envelopes that come into a team, and what of it goes out: without a broker."""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from pointsman.errors import Conflict, NotFound
from pointsman.nodes.cloudevent import dataref, read_event
from pointsman.nodes.digest import JsonObject, canonical
from pointsman.nodes.gateway.scripted import ScriptedTransport, text_reply
from pointsman.nodes.signing import Signer, new_secret
from pointsman.nodes.specialist import Specialist
from pointsman.teams.keyfiles import sender_line
from pointsman.teams.settings import Settings
from pointsman.teams.team import Team
from tests.flow.shop import shop_team


class Order(BaseModel):
    """What billing takes."""

    item: str
    count: int


def a_request(**change: object) -> JsonObject:
    """A request as another system sends it."""
    event: dict[str, object] = {
        "specversion": "1.0", "id": "e1", "source": "person", "type": "pointsman.request",
        "time": "2026-01-01T00:00:00Z", "dataschema": "pointsman.request@1",
        "correlationid": "case-7", "data": {"kind": "request", "text": "lookup INV-1"},
    }  # fmt: skip
    return event | change  # pyright: ignore[reportReturnType]


async def accepted(team: Team, event: JsonObject) -> str:
    """The run of an event that must be taken in."""
    taken = await team.accept(json.dumps(event).encode(), came="in")
    assert (taken.letter, taken.why) == ("", "")
    return taken.run


async def test_a_request_is_stored_before_it_is_worked_on(tmp_path: Path) -> None:
    """Its run waits for `resume`; its result is awaited until it is published."""
    async with shop_team(tmp_path) as team:
        run = await accepted(team, a_request(priority=2))
        assert await accepted(team, a_request(priority=2)) == run
        row = await team.run_row(run)
        assert (row.state, row.request.priority) == ("running", 2)
        assert row.request.sender == "user"  # no source outside is a person of the team
        assert [one.run for one in await team.awaited("running")] == [run]
        assert (await team.resume(run)).status == "done"
        (out,) = await team.awaited("ended")
        first, second = await team.result_event(out), await team.result_event(out)
        assert (first[0]["id"], first[1]) == (second[0]["id"], 1)
        event = read_event(first[0])
        assert (event.correlationid, event.causationid, event.subject) == ("case-7", "e1", run)
        await team.published(run, sent=first[1])
        assert await team.awaited("ended") == ()


async def test_events_of_a_run_go_out_once_noted(tmp_path: Path) -> None:
    """Each with its own id, in order, after what was published."""
    async with shop_team(tmp_path) as team:
        run = await accepted(team, a_request())
        await team.resume(run)
        (out,) = await team.awaited("ended")
        events = [pair async for pair in team.run_events(out)]
        assert [seq for seq, _ in events] == sorted({seq for seq, _ in events})
        assert len({event["id"] for _, event in events}) == len(events) > 3
        await team.published(run, told=events[1][0])
        (out,) = await team.awaited("ended")
        assert [pair[0] async for pair in team.run_events(out)] == [s for s, _ in events[2:]]


async def test_a_typed_input_goes_to_its_specialist(tmp_path: Path) -> None:
    """No router is asked, and it reads the data."""
    asked: list[str] = []

    def script(request: object) -> object:
        asked.append(str(request))
        return text_reply("done")

    def two(_: object) -> list[Specialist]:
        return [
            Specialist("billing", handles="money", input=Order),
            Specialist("tech", handles="devices"),
        ]

    model = ScriptedTransport(script)  # pyright: ignore[reportArgumentType]
    async with shop_team(tmp_path, model=model, specialists=two) as team:
        order = a_request(dataschema="shop.billing@1", data={"item": "pen", "count": 2})
        result = await team.resume(await accepted(team, order))
    assert (result.status, result.specialist) == ("done", "billing")
    assert len(asked) == 1
    assert "pen" in asked[0]


async def test_a_deadline_that_has_passed_ends_the_run(tmp_path: Path) -> None:
    """It is on record: nothing that was accepted is silently left out."""
    async with shop_team(tmp_path) as team:
        run = await accepted(team, a_request(deadline="2026-01-01T00:00:01Z"))
        assert (await team.resume(run)).error == "DeadlineExceeded"


async def test_large_data_comes_by_reference(tmp_path: Path) -> None:
    """From the team's store, checked against its digest; without it the event is a letter."""
    data: JsonObject = {"kind": "request", "text": "lookup INV-1"}
    event = a_request(dataref=dataref(data))
    del event["data"]
    async with shop_team(tmp_path) as team:
        missing = await team.accept(json.dumps(event).encode(), came="in")
        assert "is not here" in missing.why
        async with team._sessions.services() as services:
            await services.store.put_payload(dataref(data), canonical(data).decode())
        assert await team.payload(dataref(data)) == data
        again = await team.redrive_letter(missing.letter, by="ana")
        assert (await team.resume(again.run)).status == "done"
        assert await team.letters() == ()
        with pytest.raises(NotFound):
            await team.payload("digest:0")


async def test_a_letter_is_taken_again_once_its_sender_is_listed(tmp_path: Path) -> None:
    """Refused again it stays; taken or dropped it is ended, with who, and only once."""
    signer, listed = Signer("crm", new_secret()), tmp_path / "senders.toml"
    listed.write_text("[senders]\n")
    team = shop_team(tmp_path)
    there = Settings.read({"POINTSMAN_SENDERS": str(listed)})
    team._sessions.settings = lambda: there
    async with team:
        body = json.dumps(signer.signed(a_request())).encode()
        letter = (await team.accept(body, came="in")).letter
        forged = (await team.accept(json.dumps(a_request()).encode(), came="in")).letter
        assert (await team.redrive_letter(letter, by="ana")).letter == letter
        listed.write_text(f"[senders]\n{sender_line(signer)}\n")
        taken = await team.redrive_letter(letter[:8], by="ana", reason="listed")
        assert (await team.resume(taken.run)).status == "done"
        await team.drop_letter(forged, by="bo", reason="spam")
        for again in (letter, forged):
            with pytest.raises(Conflict):
                await team.redrive_letter(again, by="cy")
        with pytest.raises(NotFound):
            await team.drop_letter("no such letter", by="cy", reason="")
        ended = {x.id: (x.state, x.by, x.reason) for x in await team.letters(state=None)}
    assert ended == {letter: ("redriven", "ana", "listed"), forged: ("dropped", "bo", "spam")}


async def test_nothing_is_taken_for_a_broken_envelope(tmp_path: Path) -> None:
    """It is a letter with its body; no run was begun."""
    async with shop_team(tmp_path) as team:
        taken = await team.accept(b"\xff\x00", came="in")
        assert taken.run == ""
        (letter,) = await team.letters()
        assert (letter.why, letter.body) == ("InvalidMessage", "\ufffd\x00")
        assert await team.runs() == ()
        assert (await team.redrive_letter(letter.id, by="ana")).run == ""
