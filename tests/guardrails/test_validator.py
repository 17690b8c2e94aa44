"""Guardrails AI's validators as guards. The package is not installed here: the validators are small
real ones with the same call and the same results."""

import threading
from dataclasses import dataclass, field

import pytest
from pydantic import JsonValue

from pointsman.errors import Misconfigured
from pointsman.guardrails.validator import GuardrailsAIValidator
from pointsman.nodes.event import Judged
from pointsman.nodes.message import Answer, Escalation, Message, Refusal
from tests.guardrails.bench import Bench, Inner, ask


class Untouched:
    """What stands for no override, as in the package."""


@dataclass(frozen=True)
class Pass:
    """As PassResult."""

    outcome: str = "pass"
    value_override: object = Untouched


@dataclass(frozen=True)
class ErrorSpan:
    """As ErrorSpan."""

    start: int
    end: int
    reason: str = ""


@dataclass(frozen=True)
class Fail:
    """As FailResult."""

    error_message: str
    fix_value: object = None
    error_spans: list[ErrorSpan] | None = None
    outcome: str = "fail"


@dataclass
class NoSwearing:
    """A validator that finds `damn` and knows what to say instead."""

    rail_alias: str = "guardrails/no swearing"
    fixes: bool = True
    override_value_on_pass: bool = False
    got: list[dict[str, JsonValue]] = field(default_factory=list[dict[str, JsonValue]])

    def validate(self, value: str, metadata: dict[str, JsonValue]) -> Pass | Fail:
        """Pass or fail."""
        assert threading.current_thread() is not threading.main_thread()
        self.got.append(dict(metadata))
        metadata["written"] = True
        at = value.find("damn")
        if at < 0:
            return Pass(value_override=value.strip())
        fixed = value.replace("damn", "****") if self.fixes else None
        return Fail(f"{value} swears", fixed, [ErrorSpan(at, at + 4), ErrorSpan(90, 99)])


async def reply_to(
    guard: GuardrailsAIValidator, answer: Answer, bench: Bench | None = None
) -> Message:
    """What leaves of an answer."""
    return await guard.wrap(Inner(answer))(ask(), (bench or Bench()).run())


async def test_an_answer_that_fails_is_blocked_and_recorded() -> None:
    """A failure refuses the answer; rule, spans and version are recorded, the message is not."""
    bench, guard = Bench(), GuardrailsAIValidator(NoSwearing())
    reply = await reply_to(guard, Answer(text="Well, damn."), bench)
    assert isinstance(reply.payload, Refusal)
    assert "damn" not in reply.payload.text
    [judged] = [e for e in bench.events if isinstance(e, Judged)]
    assert (judged.verdict, judged.rule) == ("block", "guardrails/no-swearing")
    assert [(s.at, s.start, s.end) for s in judged.spans] == [("answer.text", 6, 10)]
    assert judged.policy_version == guard.version
    assert "damn" not in judged.model_dump_json()


async def test_a_request_is_not_read() -> None:
    """The guard is for answers: what comes in passes unseen."""
    validator = NoSwearing()
    reply = await GuardrailsAIValidator(validator).wrap(Inner())(ask("damn"), Bench().run())
    assert isinstance(reply.payload, Answer)
    assert len(validator.got) == 1


async def test_fix_takes_the_validators_text() -> None:
    """`fix` sends the fixed text, in the data too where that is the same text."""
    guard, bench = GuardrailsAIValidator(NoSwearing(), action="fix"), Bench()
    reply = await reply_to(guard, Answer(text="Well, damn.", data="Well, damn."), bench)
    assert isinstance(reply.payload, Answer)
    assert (reply.payload.text, reply.payload.data) == ("Well, ****.", "Well, ****.")
    assert bench.judged == [("redact", "guardrails/no-swearing", 1)]


@pytest.mark.parametrize(
    ("fixes", "answer"),
    [
        (False, Answer(text="damn")),
        (True, Answer(text="Fine.", data={"note": "damn"})),
        (True, Answer(text="damn", data={"note": "damn too"})),
    ],
)
async def test_what_cannot_be_fixed_is_blocked(fixes: bool, answer: Answer) -> None:
    """Without a fix, and where the data fails, `fix` blocks."""
    reply = await reply_to(GuardrailsAIValidator(NoSwearing(fixes=fixes), action="fix"), answer)
    assert isinstance(reply.payload, Refusal)


async def test_escalate_record_and_shadow() -> None:
    """A person can be asked; recorded or on trial, the answer leaves as it is."""
    answer = Answer(text="damn")
    reply = await reply_to(GuardrailsAIValidator(NoSwearing(), action="escalate"), answer)
    assert isinstance(reply.payload, Escalation)
    for guard in (
        GuardrailsAIValidator(NoSwearing(), action="record"),
        GuardrailsAIValidator(NoSwearing(), action="fix", shadow=True),
    ):
        bench = Bench()
        assert (await reply_to(guard, answer, bench)).payload == answer
        assert len(bench.judged) == 1


@pytest.mark.parametrize(("overrides", "text"), [(True, "Fine."), (False, "  Fine. ")])
async def test_an_override_counts_only_where_the_validator_says_so(
    overrides: bool, text: str
) -> None:
    """A validator that may change what passes does; any other does not."""
    guard = GuardrailsAIValidator(NoSwearing(override_value_on_pass=overrides))
    reply = await reply_to(guard, Answer(text="  Fine. "))
    assert isinstance(reply.payload, Answer)
    assert reply.payload.text == text


async def test_every_call_gets_its_own_metadata() -> None:
    """What a validator writes into its metadata is gone at the next call."""
    validator = NoSwearing()
    guard = GuardrailsAIValidator(validator, metadata={"threshold": 0.5})
    for _ in range(2):
        await reply_to(guard, Answer(text="Fine."))
    assert validator.got == [{"threshold": 0.5}, {"threshold": 0.5}]


class Odd:
    """A validator that gives what is no result."""

    def validate(self, value: str, metadata: dict[str, JsonValue]) -> Pass:
        """Neither pass nor fail."""
        return Pass(outcome="perhaps")


async def test_a_result_that_is_none_fails_closed() -> None:
    """An outcome other than pass and fail blocks."""
    reply = await reply_to(GuardrailsAIValidator(Odd()), Answer(text="x"))
    assert isinstance(reply.payload, Refusal)
    assert reply.payload.rule == "guard-error"


async def test_one_that_hangs_fails_closed() -> None:
    """No result in time refuses the answer."""
    release = threading.Event()

    class Hangs:
        def validate(self, value: str, metadata: dict[str, JsonValue]) -> Pass:
            release.wait(60)
            return Pass()

    try:
        reply = await reply_to(GuardrailsAIValidator(Hangs(), timeout=0.01), Answer(text="x"))
    finally:
        release.set()
    assert isinstance(reply.payload, Refusal)
    assert reply.payload.rule == "unjudged"


def test_settings_that_cannot_be_are_refused() -> None:
    """A wrong action and a time-out that is none are said when the guard is made."""
    with pytest.raises(Misconfigured, match="reask"):
        GuardrailsAIValidator(NoSwearing(), action="reask")  # pyright: ignore[reportArgumentType]
    with pytest.raises(Misconfigured, match="time-out"):
        GuardrailsAIValidator(NoSwearing(), timeout=0)
