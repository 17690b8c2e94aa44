"""Redacted values through a whole run: no model sees them, and the right tools do."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import JsonValue

from pointsman.errors import StoreBroken
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport, text_reply, tool_reply
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import tool
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve
from tests.flow.processes import rows

MAIL = "vera@example.com"
WORK = "vera.work@shop.example"
KEY = "AKIA" + "IOSFODNN7EXAMPLE"
POLICY = ApprovalPolicy(rules=(PolicyRule("reads", "allow", effect="read"),))


@dataclass
class Office:
    """A team with a tool that looks a customer up and one that writes to them."""

    home: Path
    saw: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    models: list[ScriptedTransport] = field(default_factory=list[ScriptedTransport])

    def team(self, *, sends: str = "[EMAIL_2]") -> Team:
        """As a new process makes it, over the same folder."""

        @tool(effect="read", reveals=("email",))
        async def find(mail: str) -> str:
            """Find a customer."""
            self.saw.append(("find", mail))
            return f"{mail} reads {WORK}"

        @tool(effect="write", reveals=("email", "secret"))
        async def send(to: str, text: str) -> str:
            """Send a mail."""
            self.saw.append(("send", to, text))
            return f"sent to {to}"

        def script(request: ModelRequest) -> Scripted:
            said = [turn.content for turn in request.turns]
            done = [turn.name for turn in request.turns if turn.role == "tool"]
            if "find" not in done:
                return _call("find", mail="[EMAIL_1]")
            if "send" not in done:
                return _call("send", to=sends, text="Hello, your key [SECRET_1] is old.")
            return text_reply(f"Done: {said[-1]}")

        model = ScriptedTransport(script)
        self.models.append(model)
        return Team(
            "office",
            specialists=[Specialist("desk", handles="letters", tools=(find, send))],
            policy=POLICY,
            models={"fast": ("scripted",)},
            transports=Transports({"scripted": lambda: model}),
            home=self.home,
        )


def _call(name: str, **args: JsonValue) -> Scripted:
    return tool_reply(ToolCall(id=name, name=name, args=args))


async def test_a_value_comes_back_for_the_tools_that_may_see_it(tmp_path: Path) -> None:
    """A read gets it at once; a write shows the reviewer what will run, but for a credential, and
    runs it days later in another process; the user reads placeholders, and so does every model."""
    office = Office(tmp_path)
    waiting = await office.team().run(f"I am {MAIL}, my key is {KEY}. Write to my work address.")
    assert waiting.status == "waiting"
    assert office.saw == [("find", MAIL)]
    (ticket,) = waiting.tickets
    assert ticket.args == {"to": WORK, "text": "Hello, your key [SECRET_1] is old."}
    await office.team().decide(ticket, Approve(by="ana"))
    result = await office.team().result(waiting.run)
    assert office.saw[1:] == [("send", WORK, f"Hello, your key {KEY} is old.")]
    assert result.answer == "Done: sent to [EMAIL_2]"
    asked = "".join(str(r.turns) for model in office.models for r in model.requests)
    assert "[EMAIL_2]" in asked
    assert not any(value in asked for value in (MAIL, WORK, KEY))


async def test_what_is_kept_of_a_run_does_not_show_what_was_redacted(tmp_path: Path) -> None:
    """Neither the record nor the journal, the vault or the ticket's credential."""
    office = Office(tmp_path)
    waiting = await office.team().run(f"I am {MAIL}, my key is {KEY}. Write to my work address.")
    await office.team().decide(waiting.tickets[0], Approve(by="ana"))
    assert len(rows(tmp_path, "SELECT * FROM vault")) == 3
    kept = "".join(
        str(row)
        for table in ("events", "journal", "vault")
        for row in rows(tmp_path, f"SELECT * FROM {table}")
    )
    assert not any(value in kept for value in (MAIL, WORK, KEY))
    assert KEY not in str(rows(tmp_path, "SELECT ticket FROM tickets"))
    assert (tmp_path / "vault.key").stat().st_mode & 0o777 == 0o600


async def test_a_made_up_placeholder_never_becomes_an_action(tmp_path: Path) -> None:
    """The run fails before anybody is asked."""
    office = Office(tmp_path)
    result = await office.team(sends="[EMAIL_7]").run(f"I am {MAIL}, my key is {KEY}.")
    assert result.status == "failed"
    assert result.tickets == ()
    assert office.saw == [("find", MAIL)]


async def test_a_lost_key_is_said_and_the_run_goes_on_with_it(tmp_path: Path) -> None:
    """The call that needs the value is not made; with the key back the approved action runs."""
    office = Office(tmp_path)
    waiting = await office.team().run(f"I am {MAIL}, my key is {KEY}.")
    key = tmp_path / "vault.key"
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(StoreBroken, match="sealed with another key"):
        await office.team().decide(waiting.tickets[0], Approve(by="ana"))
    assert [name for name, *_ in office.saw] == ["find"]
    key.write_bytes(kept)
    await office.team().resume(waiting.run)
    assert [name for name, *_ in office.saw] == ["find", "send"]
