"""A specialist's tool loop: reads run, writes are proposed, answers fit their schema."""

import asyncio
import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from pointsman.errors import BadOutput
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import ToolCalled
from pointsman.nodes.gateway.scripted import Scripted, text_reply, tool_reply
from pointsman.nodes.message import (
    Answer,
    Attachment,
    Failure,
    Handoff,
    Outcome,
    Outcomes,
    Proposal,
    Request,
    ToolCall,
    Turn,
)
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import AnyTool, Free, Specialist, ToolLoop, stays_here
from pointsman.nodes.tool import tool
from pointsman.prompts.library import PromptLibrary
from tests.nodes.bench import Bench, ask


@tool(effect="read")
async def lookup(invoice: str) -> str:
    """Look an invoice up."""
    if invoice == "INV-0":
        raise KeyError(invoice)
    return f"{invoice} is 20.00 USD"


@tool(stakes="high")
def refund(invoice: str, usd: float, reason: str = "none") -> str:
    """Refund an invoice."""
    raise AssertionError("a write never runs inside the loop")


class Verdict(BaseModel):
    """A structured answer."""

    answer: str
    usd: float


def call(call_id: str, name: str, **args: object) -> ToolCall:
    """A call as a model makes it."""
    return ToolCall(id=call_id, name=name, args=args)  # pyright: ignore[reportArgumentType]


def node(prompts: Path | None = None, free: Free = stays_here, **change: object) -> ToolLoop:
    """A billing specialist with a read and a write."""
    given: dict[str, object] = {"tools": (lookup, refund), "hands_off_to": ("tech",), **change}
    specialist = Specialist("billing", handles="money", **given)  # pyright: ignore[reportArgumentType]
    library = PromptLibrary((prompts,) if prompts else ())
    return ToolLoop(
        specialist,
        team="shop",
        prompt=library.get(specialist.prompt or "specialist/default"),
        repair=library.get("specialist/repair"),
        free=free,
    )


async def test_an_answer_in_text() -> None:
    """The answer is the model's, goes back to the sender, and names what it rests on."""
    bench = Bench(["  You owe nothing. "])
    reply = await node()(ask("what do I owe?"), bench.run)
    assert reply.payload == Answer(
        text="You owe nothing.", by="model", evidence=("what do I owe?",)
    )
    assert (reply.sender, reply.receiver, reply.causation_id) == ("billing", "user", "m1")


async def test_the_model_sees_prompt_history_request_and_tools() -> None:
    """System turn first, then the thread, then the request; attachments as references."""
    history = (Turn(role="user", content="earlier"), Turn(role="assistant", content="yes"))
    file = Attachment(uri="s3://b/a.pdf", media_type="application/pdf", name="bill")
    bench = Bench(["ok"])
    await node()(ask("look", history=history, attachments=(file,)), bench.run)
    (request,) = bench.model.requests
    assert [t.role for t in request.turns] == ["system", "user", "assistant", "user"]
    assert "money" in request.turns[0].content
    assert request.turns[-1].content == "look\n[attachment bill: application/pdf, s3://b/a.pdf]"
    assert [t.name for t in request.tools] == ["lookup", "refund", "transfer_to_tech"]
    assert (request.purpose, request.tier) == ("act", "fast")
    assert request.prompt_version.startswith("specialist/default@")


async def test_reads_run_at_once_and_their_results_go_back() -> None:
    """All reads of one answer run together; results keep the order of the calls."""
    both = asyncio.Barrier(2)

    @tool(effect="read")
    async def meet(who: str) -> str:
        await asyncio.wait_for(both.wait(), 20)
        return f"met {who}"

    bench = Bench([tool_reply(call("a", "meet", who="x"), call("b", "meet", who="y")), "done"])
    reply = await node(tools=(meet,))(ask(), bench.run)
    results = [t for t in bench.model.requests[1].turns if t.role == "tool"]
    assert [(t.tool_call_id, t.content) for t in results] == [("a", "met x"), ("b", "met y")]
    assert reply.payload == Answer(text="done", evidence=("hello", "met x", "met y"))
    assert [(e.tool, e.effect, e.ok) for e in bench.events if isinstance(e, ToolCalled)] == [
        ("meet", "read", True),
        ("meet", "read", True),
    ]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (call("c", "lookup", invoice="INV-0"), "KeyError"),
        (call("c", "lookup"), "invoice"),
        (call("c", "look_up", invoice="x"), "no tool named 'look_up'"),
        (call("c", "tech"), "no tool named 'tech'"),
        (call("c", "transfer_to_mars"), "no tool named 'transfer_to_mars'"),
        (call("c", "refund", invoice="x", usd="much"), "usd"),
    ],
    ids=["raises", "arguments", "unknown", "bare name", "hand-off to nobody", "write arguments"],
)
async def test_a_call_that_fails_is_told_to_the_model(bad: ToolCall, said: str) -> None:
    """A failing or impossible call is a result that begins with error:, not the end of the run."""
    bench = Bench([tool_reply(bad), "I could not look it up"])
    reply = await node()(ask(), bench.run)
    turn = bench.model.requests[1].turns[-1]
    assert turn.content.startswith("error:")
    assert said in turn.content
    assert isinstance(reply.payload, Answer)


async def test_a_write_is_proposed_with_all_that_led_to_it() -> None:
    """The write does not run; reads of the same answer do, and the transcript goes along."""
    bench = Bench(
        [
            tool_reply(call("a", "lookup", invoice="INV-1")),
            tool_reply(
                call("b", "lookup", invoice="INV-2"), call("c", "refund", invoice="INV-1", usd=5)
            ),
        ]
    )
    reply = await node()(ask("refund me"), bench.run)
    assert isinstance(reply.payload, Proposal)
    assert [c.id for c in reply.payload.calls] == ["c"]
    assert reply.payload.request == Request(text="refund me")
    roles = [(t.role, t.tool_call_id) for t in reply.payload.transcript]
    assert roles == [
        ("user", None),
        ("assistant", None),
        ("tool", "a"),
        ("assistant", None),
        ("tool", "b"),
    ]


def outcomes(status: str, text: str) -> Outcomes:
    """What became of one refund."""
    made = call("c", "refund", invoice="INV-1", usd=5)
    transcript = (Turn(role="user", content="x"), Turn(role="assistant", tool_calls=(made,)))
    outcome = Outcome.model_validate(
        {"call_id": "c", "tool": "refund", "args": made.args, "status": status, "text": text}
    )
    return Outcomes(request=Request(text="x"), transcript=transcript, outcomes=(outcome,))


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("done", "refunded"),
        ("failed", "failed: refunded"),
        ("rejected", "rejected: refunded"),
        ("refused", "refused: refunded"),
        ("ambiguous", "ambiguous: refunded"),
    ],
)
async def test_it_goes_on_from_what_became_of_its_proposal(status: str, shown: str) -> None:
    """The transcript continues with the outcome as the call's result."""
    bench = Bench(["finished"])
    message = ask().carrying(outcomes(status, "refunded"))
    reply = await node()(message, bench.run)
    turns = bench.model.requests[0].turns
    assert (turns[-1].role, turns[-1].content, turns[-1].tool_call_id) == ("tool", shown, "c")
    assert reply.payload == Answer(text="finished", evidence=("x", shown))


@pytest.mark.parametrize(
    "args",
    [
        {"invoice": "INV-1", "usd": 5},
        {"usd": 5.0, "invoice": "INV-1"},
        {"invoice": "INV-1", "usd": "5"},
        {"invoice": "INV-1", "usd": 5, "reason": "none"},
    ],
    ids=["same", "order and float", "as text", "default spelled out"],
)
async def test_a_write_that_was_settled_is_not_proposed_again(args: dict[str, object]) -> None:
    """The very same write later in the run gets its first result, however its arguments are
    written: neither is a person asked twice nor is it done twice."""
    bench = Bench([tool_reply(call("again", "refund", **args)), "finished"])
    reply = await node()(ask().carrying(outcomes("done", "refunded")), bench.run)
    assert isinstance(reply.payload, Answer)
    assert bench.model.requests[1].turns[-1].content == "refunded"


async def test_other_arguments_are_another_write() -> None:
    """A different amount is a new proposal."""
    bench = Bench([tool_reply(call("again", "refund", invoice="INV-1", usd=6))])
    reply = await node()(ask().carrying(outcomes("done", "refunded")), bench.run)
    assert isinstance(reply.payload, Proposal)


async def test_the_same_write_twice_in_one_answer_is_proposed_once() -> None:
    """A model that repeats itself does not get it done twice."""
    bench = Bench(
        [
            tool_reply(
                call("a", "refund", invoice="INV-1", usd=5),
                call("b", "refund", invoice="INV-1", usd="5"),
                call("c", "refund", invoice="INV-1", usd=7),
            )
        ]
    )
    reply = await node()(ask(), bench.run)
    assert isinstance(reply.payload, Proposal)
    assert [c.id for c in reply.payload.calls] == ["a", "c"]
    settled = reply.payload.transcript[-1]
    assert (settled.role, settled.tool_call_id) == ("tool", "b")


async def test_calls_of_one_id_are_told_apart() -> None:
    """A model that gives every call the same id cannot make one ruling or result stand for
    another call."""
    bench = Bench(
        [
            tool_reply(call("x", "lookup", invoice="INV-1")),
            tool_reply(
                call("x", "refund", invoice="INV-1", usd=500),
                call("x", "refund", invoice="INV-1", usd=1),
            ),
        ]
    )
    reply = await node()(ask(), bench.run)
    assert isinstance(reply.payload, Proposal)
    made = [c.id for t in reply.payload.transcript for c in t.tool_calls]
    assert len(set(made)) == 3
    assert [c.id for c in reply.payload.calls] == made[1:]


async def test_a_hand_off_names_the_specialist_and_why() -> None:
    """The call of transfer_to_<name> ends the visit."""
    bench = Bench([tool_reply(call("a", "transfer_to_tech", reason="it is broken"))])
    reply = await node()(ask("help"), bench.run)
    assert reply.payload == Handoff(to="tech", reason="it is broken", request=Request(text="help"))


async def test_a_tool_loop_has_a_bound() -> None:
    """A model that never answers is stopped after max_steps calls."""
    bench = Bench(lambda _: tool_reply(call("a", "lookup", invoice="INV-1")))
    with pytest.raises(BadOutput, match="within 3 model calls"):
        await node(max_steps=3)(ask(), bench.run)
    assert len(bench.model.requests) == 3


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_an_empty_answer_is_bad_output(text: str) -> None:
    """Nothing is not an answer."""
    with pytest.raises(BadOutput, match="empty"):
        await node()(ask(), Bench([text_reply(text)]).run)


GOOD = json.dumps({"answer": "You get 5.", "usd": 5})


async def test_a_structured_answer_is_validated() -> None:
    """Text and data come from the schema's JSON; the request asks for exactly that schema."""
    bench = Bench([GOOD])
    reply = await node(tools=(), hands_off_to=(), output=Verdict)(ask(), bench.run)
    assert isinstance(reply.payload, Answer)
    assert reply.payload.text == "You get 5."
    assert reply.payload.data == {"answer": "You get 5.", "usd": 5.0}
    (request,) = bench.model.requests
    assert request.output_schema == Verdict.model_json_schema()
    assert request.tools == ()


async def test_a_structured_answer_comes_after_the_tools() -> None:
    """With tools the model first works, then gives the JSON; the reads are its evidence."""
    bench = Bench([tool_reply(call("a", "lookup", invoice="INV-1")), "ready", GOOD])
    reply = await node(output=Verdict)(ask(), bench.run)
    assert isinstance(reply.payload, Answer)
    assert "INV-1 is 20.00 USD" in reply.payload.evidence
    assert bench.model.requests[-1].output_schema is not None


@pytest.mark.parametrize("bad", [text_reply("no json"), text_reply('{"answer": "x"}')])
async def test_one_repair_is_tried(bad: Scripted) -> None:
    """The fault is shown to the model once; a good second answer counts."""
    bench = Bench([bad, GOOD])
    reply = await node(tools=(), hands_off_to=(), output=Verdict)(ask(), bench.run)
    assert isinstance(reply.payload, Answer)
    assert len(bench.model.requests) == 2
    assert "Verdict" in bench.model.requests[1].turns[-1].content


async def test_an_output_that_never_validates_is_bad_output() -> None:
    """Two bad answers are a typed failure, and the model is not asked a third time."""
    bench = Bench([text_reply("nonsense"), text_reply("[]"), GOOD])
    with pytest.raises(BadOutput, match=r"twice.*Verdict"):
        await node(tools=(), hands_off_to=(), output=Verdict)(ask(), bench.run)
    assert len(bench.model.requests) == 2


async def test_a_specialist_takes_requests_and_outcomes_only() -> None:
    """Anything else in its mailbox is a fault of the program."""
    with pytest.raises(TypeError, match="failure"):
        await node()(ask().carrying(Failure(error="X", text="y")), Bench().run)


async def test_the_prompt_file_is_its_own(tmp_path: Path) -> None:
    """Variables are filled, and worked examples go along as transcripts."""
    (tmp_path / "mine.md").write_text(
        "---\n"
        "description: A test.\n"
        "variables:\n  name: who\n  shop: where\n"
        "examples:\n"
        "  - user: what do I owe\n"
        "    calls:\n"
        "      - tool: lookup\n        args: {invoice: INV-7}\n        result: '5.00'\n"
        "    answer: You owe 5.00.\n"
        "---\n"
        "You are {{ name }} of {{ shop }}.\n"
    )
    bench = Bench(["ok"])
    await node(tmp_path, prompt="mine", variables={"shop": "Acme"})(ask(), bench.run)
    (request,) = bench.model.requests
    assert request.turns[0].content.strip() == "You are billing of Acme."
    ((user, called, result, answered),) = request.examples
    assert (user.content, answered.content) == ("what do I owe", "You owe 5.00.")
    assert called.tool_calls[0].id == result.tool_call_id


def test_the_contract_is_what_was_declared() -> None:
    """Guards check a specialist against its own description."""
    specialist = Specialist(
        "billing", handles="money", tools=(lookup, refund), hands_off_to=("tech",), output=Verdict
    )
    contract = specialist.contract
    assert contract.role == "billing"
    assert contract.actions == {"lookup", "refund"}
    assert contract.hands_off_to == {"tech"}
    assert (contract.input, contract.output) == (None, Verdict)


RAN: list[str] = []


@tool(effect="read")
def fetch(url: str, depth: int = 1) -> str:
    """Read a page."""
    RAN.append(url)
    return f"page {url}"


@tool(effect="read", egress=True)
def rates(currency: str) -> str:
    """Ask the bank."""
    RAN.append(currency)
    return f"rate of {currency}"


@pytest.mark.parametrize(
    ("name", "args", "free"),
    [
        ("fetch", {"url": "intranet"}, True),
        ("fetch", {"url": "https://x.org/?leak=1"}, False),
        ("fetch", {"url": "ana@x.org"}, False),
        ("rates", {"currency": "usd"}, False),
    ],
)
async def test_a_read_that_leaves_the_machine_is_proposed(
    name: str, args: dict[str, object], free: bool
) -> None:
    """Before it runs: one that a tool declares, or with a URL or an address among its arguments."""
    RAN.clear()
    bench = Bench([tool_reply(call("a", name, **args)), "done"])
    reply = await node(tools=(fetch, rates))(ask(), bench.run)
    assert isinstance(reply.payload, Answer if free else Proposal)
    assert bool(RAN) == free


async def test_what_is_free_is_asked_of_the_policy_with_all_that_it_needs() -> None:
    """Tool, frozen arguments, request, the transcript so far and the run; only for reads."""
    seen: list[tuple[str, JsonObject, str, list[str], str]] = []

    def free(
        made: AnyTool, args: JsonObject, request: Request, turns: tuple[Turn, ...], run: Run
    ) -> bool:
        seen.append((made.name, args, request.text, [t.role for t in turns], run.id))
        return args["invoice"] == "INV-1"

    bench = Bench(
        [
            tool_reply(
                call("a", "lookup", invoice="INV-1"),
                call("b", "lookup", invoice="INV-2"),
                call("c", "refund", invoice="INV-1", usd="5"),
            )
        ]
    )
    reply = await node(free=free)(ask("look"), bench.run)
    assert isinstance(reply.payload, Proposal)
    assert [c.id for c in reply.payload.calls] == ["b", "c"]
    assert [t.tool_call_id for t in reply.payload.transcript if t.role == "tool"] == ["a"]
    roles = ["user", "assistant"]
    assert seen == [("lookup", {"invoice": i}, "look", roles, "r1") for i in ("INV-1", "INV-2")]


async def test_a_write_is_proposed_whatever_is_free() -> None:
    """Nothing that decides on reads can let a write run inside the loop."""
    bench = Bench([tool_reply(call("a", "refund", invoice="INV-1", usd=5))])
    reply = await node(free=lambda *_: True)(ask(), bench.run)
    assert isinstance(reply.payload, Proposal)


async def test_the_same_read_twice_is_proposed_once() -> None:
    """In one answer, and in a later one: then it gets what became of the first."""
    RAN.clear()
    first, same = (
        call("a", "fetch", url="https://x.org"),
        call("b", "fetch", url="https://x.org", depth="1"),
    )
    bench = Bench([tool_reply(first, same)])
    reply = await node(tools=(fetch,))(ask(), bench.run)
    assert isinstance(reply.payload, Proposal)
    assert [c.id for c in reply.payload.calls] == ["a"]
    outcome = Outcome(call_id="a", tool="fetch", args=first.args, status="rejected", text="no")
    came = Outcomes(
        request=Request(text="x"), transcript=reply.payload.transcript, outcomes=(outcome,)
    )
    bench = Bench([tool_reply(call("c", "fetch", url="https://x.org")), "finished"])
    reply = await node(tools=(fetch,))(ask().carrying(came), bench.run)
    assert isinstance(reply.payload, Answer)
    assert bench.model.requests[1].turns[-1].content == "rejected: no"
    assert RAN == []
