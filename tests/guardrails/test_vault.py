"""The vault: placeholders that keep their meaning, and values that only the right tools see."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from pointsman.errors import BadOutput, StoreBroken, ToolFailed
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.guard import guarded
from pointsman.guardrails.sealing import SealedVault, VaultRow
from pointsman.guardrails.vault import RevealGuard, restored, reveal
from pointsman.nodes.event import ToolCalled
from pointsman.nodes.message import Answer, Invocation, Message, Request, Returned, ToolCall
from pointsman.nodes.run import Run
from pointsman.nodes.tool import tool
from pointsman.nodes.toolnode import ToolNode, invocation
from pointsman.nodes.vault import Hidden, MemoryVault, Vault, names_in
from tests.guardrails.bench import Bench, Inner, ask
from tests.guardrails.test_content import KEY, MAIL, SMUGGLED, VALUE, WORDS

OTHER = "bob@shop.example"


@dataclass
class Rows:
    """Rows in memory that lose a race now and then."""

    kept: dict[str, list[VaultRow]] = field(default_factory=dict[str, list[VaultRow]])
    rivals: list[VaultRow] = field(default_factory=list[VaultRow])

    async def vault_add(self, run: str, rows: Sequence[VaultRow]) -> bool:
        """See `VaultRows.vault_add`."""
        there = self.kept.setdefault(run, [])
        if self.rivals:
            there.append(self.rivals.pop())
        taken = {(r.label, r.number) for r in there} | {(r.label, r.mac) for r in there}
        if any({(r.label, r.number), (r.label, r.mac)} & taken for r in rows):
            return False
        there += rows
        return True

    async def vault(self, run: str) -> tuple[VaultRow, ...]:
        """See `VaultRows.vault`."""
        return tuple(self.kept.get(run, ()))


def sealed(rows: Rows, key: bytes = b"k" * 32) -> SealedVault:
    """A vault over rows."""
    return SealedVault(rows, lambda: key)


@pytest.fixture(params=["memory", "sealed"])
def vault(request: pytest.FixtureRequest) -> Vault:
    """Each kind of vault in turn."""
    return MemoryVault() if request.param == "memory" else sealed(Rows())


def hidden(value: str, label: str = "EMAIL") -> Hidden:
    """A value that was redacted."""
    return Hidden(label, value.casefold(), value)


def run_with(vault: Vault, bench: Bench | None = None) -> Run:
    """A run of the bench over this vault."""
    return replace((bench or Bench()).run(), vault=vault)


async def test_numbers_are_given_once_a_run(vault: Vault) -> None:
    """Equal keys share a number, labels count apart, another run begins at one again."""
    first = await vault.hide("r1", [hidden(MAIL), hidden(OTHER), hidden("4111", "CARD")])
    assert list(first.values()) == [1, 2, 1]
    again = await vault.hide("r1", [hidden(OTHER), hidden(MAIL.upper()), hidden("c@d.example")])
    assert list(again.values()) == [2, 1, 3]
    assert await vault.hide("r2", [hidden(OTHER)]) == {("EMAIL", OTHER): 1}
    wanted = {("EMAIL", 1), ("EMAIL", 2), ("EMAIL", 9), ("CARD", 1)}
    assert await vault.values("r1", wanted) == {
        ("EMAIL", 1): MAIL, ("EMAIL", 2): OTHER, ("CARD", 1): "4111",
    }  # fmt: skip


async def test_a_number_that_stands_in_a_text_is_not_given(vault: Vault) -> None:
    """It may mean something from an earlier run; one given before keeps its number."""
    assert await vault.hide("r1", [hidden(MAIL)], {("EMAIL", 1)}) == {("EMAIL", MAIL): 2}
    both = await vault.hide("r1", [hidden(MAIL), hidden(OTHER)], {("EMAIL", 2)})
    assert both == {("EMAIL", MAIL): 2, ("EMAIL", OTHER): 1}


async def test_what_is_stored_does_not_show_the_value() -> None:
    """Neither the value nor its key, nor a plain digest; equal values of two runs differ."""
    rows = Rows()
    await sealed(rows).hide("r1", [hidden(MAIL)])
    await sealed(rows).hide("r2", [hidden(MAIL)])
    (one,), (two,) = rows.kept["r1"], rows.kept["r2"]
    assert MAIL.encode() not in one.sealed
    assert MAIL not in repr(one)
    assert one.mac != two.mac
    assert one.sealed != two.sealed


async def test_another_process_goes_on_with_the_same_numbers() -> None:
    """A vault made anew over the same rows and key knows every value and number."""
    rows = Rows()
    await sealed(rows).hide("r1", [hidden(MAIL)])
    later = sealed(rows)
    assert await later.hide("r1", [hidden(OTHER), hidden(MAIL)]) == {
        ("EMAIL", OTHER): 2, ("EMAIL", MAIL): 1,
    }  # fmt: skip
    assert await later.values("r1", {("EMAIL", 1)}) == {("EMAIL", 1): MAIL}


async def test_a_lost_race_is_run_again() -> None:
    """A number that somebody else took meanwhile is not given twice."""
    rival = VaultRow("EMAIL", 1, "f" * 64, "x", b"")
    rows = Rows(rivals=[rival])
    assert await sealed(rows).hide("r1", [hidden(MAIL)]) == {("EMAIL", MAIL): 2}


async def test_without_the_key_the_placeholder_stays_and_the_error_says_so() -> None:
    """New values are still numbered, none twice; the old ones cannot be opened."""
    rows = Rows()
    await sealed(rows).hide("r1", [hidden(MAIL)])
    other = sealed(rows, b"x" * 32)
    assert await other.hide("r1", [hidden(OTHER)]) == {("EMAIL", OTHER): 2}
    with pytest.raises(StoreBroken, match=r"\[EMAIL_1\] was sealed with another key") as caught:
        await other.values("r1", {("EMAIL", 1)})
    assert "vault.key" in str(caught.value)


@pytest.mark.parametrize("change", [{"number": 2}, {"mac": "0" * 64}, {"sealed": b"short"}])
async def test_a_row_that_was_changed_does_not_open(change: dict[str, object]) -> None:
    """Nor one that was given another's number."""
    rows = Rows()
    await sealed(rows).hide("r1", [hidden(MAIL)])
    (row,) = rows.kept["r1"]
    changed = replace(row, **change)  # pyright: ignore[reportArgumentType]
    rows.kept["r1"] = [changed]
    with pytest.raises(StoreBroken, match="was changed"):
        await sealed(rows).values("r1", {("EMAIL", changed.number)})


@given(st.lists(st.tuples(WORDS, VALUE, st.booleans()), max_size=6), WORDS)
async def test_redacting_and_restoring_gives_the_text_again(
    parts: list[tuple[str, str, bool]], end: str
) -> None:
    """Among any words; each value plain or in disguise, one spelling a value."""
    spelling: dict[str, str] = {}
    text = ""
    for before, value, smuggled in parts:
        spelling.setdefault(value, value.translate(SMUGGLED) if smuggled else value)
        text += f"{before}\n{spelling[value]}\n"
    text += end
    inner, run = Inner(), run_with(sealed(Rows()))
    await ContentFilter().wrap(inner)(ask(text), run)
    redacted = inner.got[0].payload
    assert isinstance(redacted, Request)
    values = await run.vault.values("r1", names_in(redacted.text))
    assert restored(redacted.text, values) == text


@tool(effect="read", reveals=("email", "secret"))
def find_customer(mail: str, key: str = "") -> str:
    """Find a customer."""
    if mail == OTHER:
        raise ValueError(f"{mail} is locked for {key}")
    return f"{mail} is customer 7 ({key})"


@tool(effect="read")
def search(text: str) -> str:
    """Search."""
    return f"nothing found for {text}"


@tool(effect="write", reveals=("EMAIL", "SECRET"))
def send(to: str, text: str, lines: list[str] = []) -> str:  # noqa: B006 (never called)
    """Send a mail."""
    raise AssertionError("never run here")


async def a_run(bench: Bench | None = None) -> Run:
    """A run in which two addresses and a key were redacted."""
    run = run_with(sealed(Rows()), bench)
    secret = Hidden("SECRET", KEY, KEY)
    await run.vault.hide("r1", [hidden(MAIL), hidden(OTHER), secret])
    return run


async def test_a_read_sees_what_it_declares_and_nothing_stays_of_it() -> None:
    """The tool gets the values; its result comes back with the placeholders."""
    run = await a_run()
    call = ToolCall(id="c", name="find_customer", args={"mail": "[EMAIL_1]", "key": "[SECRET_1]"})
    inner = RevealGuard().wrap(ToolNode(find_customer))
    reply = await inner(invocation(find_customer, call, run), run)
    assert isinstance(reply.payload, Returned)
    assert reply.payload.text == "[EMAIL_1] is customer 7 ([SECRET_1])"


async def test_an_error_that_quotes_a_value_is_told_without_it() -> None:
    """What is raised, and what is recorded of the call."""
    bench = Bench()
    run = await a_run(bench)
    call = ToolCall(id="c", name="find_customer", args={"mail": "[EMAIL_2]", "key": "[SECRET_1]"})
    node = RevealGuard().wrap(ToolNode(find_customer))
    with pytest.raises(ToolFailed, match=r"\[EMAIL_2\] is locked for \[SECRET_1\]") as caught:
        await node(invocation(find_customer, call, run), run)
    assert caught.value.__cause__ is None
    (called,) = [e for e in bench.events if isinstance(e, ToolCalled)]
    assert OTHER not in called.error
    assert KEY not in called.error


async def test_a_tool_that_declares_nothing_gets_the_placeholder() -> None:
    """As the model wrote it."""
    run = await a_run()
    call = ToolCall(id="c", name="search", args={"text": "[EMAIL_1] and [TABLE_1]"})
    reply = await RevealGuard().wrap(ToolNode(search))(invocation(search, call, run), run)
    assert isinstance(reply.payload, Returned)
    assert reply.payload.text == "nothing found for [EMAIL_1] and [TABLE_1]"


async def test_a_placeholder_that_stands_for_nothing_is_refused() -> None:
    """A tool that may see it would otherwise act on a made-up name."""
    run = await a_run()
    call = ToolCall(id="c", name="find_customer", args={"mail": "[EMAIL_9]"})
    with pytest.raises(BadOutput, match=r"\[EMAIL_9\], which stands for nothing"):
        await RevealGuard().wrap(Inner())(invocation(find_customer, call, run), run)


async def test_the_whole_door_shows_the_tool_the_value_and_the_model_the_placeholder() -> None:
    """With the content filter further out: the same placeholder comes back, credentials pass."""
    run = await a_run()
    call = ToolCall(id="c", name="find_customer", args={"mail": "[EMAIL_1]"})
    node = guarded(ToolNode(find_customer), [ContentFilter(), RevealGuard()])
    reply = await node(invocation(find_customer, call, run), run)
    assert isinstance(reply.payload, Returned)
    assert reply.payload.text == "[EMAIL_1] is customer 7 ()"


async def test_a_frozen_write_gets_credentials_only() -> None:
    """What else it may see stands in its ticket already, where a person saw it."""
    run = await a_run()
    inner = Inner(Returned(call_id="c", tool="send", text="sent"))
    args: dict[str, JsonValue] = {"to": MAIL, "text": "[SECRET_1] [EMAIL_2]"}
    body = Invocation(
        call=ToolCall(id="c", name="send", args=args), effect="write", reveals=("EMAIL", "SECRET")
    )
    await RevealGuard().wrap(inner)(ask(body), run)
    got = inner.got[0].payload
    assert isinstance(got, Invocation)
    assert got.call.args == {"to": MAIL, "text": f"{KEY} [EMAIL_2]"}


async def test_a_proposed_call_shows_the_reviewer_what_will_run() -> None:
    """Personal data however deep; a credential stays a placeholder; other brackets stay."""
    run = await a_run()
    args: dict[str, JsonValue] = {
        "to": "[EMAIL_1]", "text": "[SECRET_1], see [TABLE_1]", "lines": ["a [EMAIL_2]"],
    }  # fmt: skip
    assert await reveal(args, send, run) == {
        "to": MAIL, "text": "[SECRET_1], see [TABLE_1]", "lines": [f"a {OTHER}"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why"),
    [("[CARD_1]", "in place of a value"), ("[EMAIL_9]", "stands for nothing"),
     ("[SECRET_2]", "stands for nothing")],
)  # fmt: skip
async def test_a_proposed_call_with_what_it_may_not_see_is_refused(text: str, why: str) -> None:
    """The error names the placeholder and the tool."""
    with pytest.raises(BadOutput, match=why) as caught:
        await reveal({"to": text, "text": ""}, send, await a_run())
    assert "send" in str(caught.value)
    assert text in str(caught.value)


async def test_many_visits_at_once_agree(vault: Vault) -> None:
    """Twelve texts with the same and with other values, filtered at the same time."""
    run = run_with(vault)

    async def one(n: int) -> str:
        inner = Inner()
        await ContentFilter().wrap(inner)(ask(f"{MAIL} and u{n}@shop.example"), run)
        payload = inner.got[0].payload
        assert isinstance(payload, Request)
        return payload.text

    texts = await asyncio.gather(*(one(n) for n in range(12)))
    assert len({text.split(" and ")[0] for text in texts}) == 1
    assert len({text.split(" and ")[1] for text in texts}) == 12


async def test_an_answer_has_the_numbers_of_the_visits_before() -> None:
    """A value that another visit redacted has its placeholder in every later one."""
    run = run_with(sealed(Rows()))
    guard = ContentFilter()
    await guard.wrap(Inner())(ask(f"{OTHER} {MAIL}"), run)
    reply: Message = await guard.wrap(Inner(Answer(text=f"to {MAIL}")))(ask("go on"), run)
    assert isinstance(reply.payload, Answer)
    assert reply.payload.text == "to [EMAIL_2]"
