"""Cassettes: recorded once, replayed for nothing, drift named."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BadInput, ModelOverloaded
from pointsman.evals import cassette
from pointsman.evals.cassette import Recording, Replay, differences
from pointsman.evals.record import Sample
from pointsman.evals.runner import run
from pointsman.evals.suite import ApproverSpec, Case, Expected, Suite
from pointsman.evals.tap import Deck
from pointsman.evals.teamtarget import team_target
from pointsman.nodes.gateway.scripted import Script, ScriptedTransport, text_reply
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from tests.evals.till import scripted, till

SECRET = "AKIA" + "IOSFODNN7" + "ABCDEFG"
CASES = (
    Case(id="pays", text="pay 5", expected=Expected.model_validate({"effects": ["pay"]})),
    Case(id="talks", text="hello"),
)


async def samples(
    folder: Path, deck: Deck, *cases: Case, script: Script | None = None, prompt: str = "",
    epochs: int = 1,
) -> tuple[list[Sample], list[ModelRequest], list[float]]:  # fmt: skip
    """The samples of a run with this deck, what the model was asked, and what was paid."""
    model, paid = ScriptedTransport(script or scripted), list[float]()
    target = team_target(
        till(folder / "own", paid, model=model, prompt=prompt), home=folder / "state",
        approver=ApproverSpec(policy="oracle"), deck=deck,
    )  # fmt: skip
    ran = await run(Suite("s", cases or CASES), target, record=folder / "r.jsonl", epochs=epochs)
    return list(ran), model.requests, paid


async def recorded(folder: Path, *cases: Case, script: Script | None = None) -> Path:
    """A cassette of these cases."""
    tape = Recording(folder / "tape.jsonl")
    await samples(folder / "first", tape, *cases, script=script)
    tape.close()
    return folder / "tape.jsonl"


async def test_a_replay_asks_nobody_and_comes_to_the_same(tmp_path: Path) -> None:
    """Answers, routes, costs and writes are those of the recorded run; no model is asked."""
    tape = Recording(tmp_path / "tape.jsonl")
    first, asked, _ = await samples(tmp_path / "a", tape, epochs=2)
    tape.close()
    assert len(asked) == 6
    again, asked, paid = await samples(tmp_path / "b", Replay(tape.path), epochs=2)
    assert (asked, paid) == ([], [5.0, 5.0])
    assert [(s.output, s.usd, s.tokens, s.trajectory, s.transcript) for s in again] == [
        (s.output, s.usd, s.tokens, s.trajectory, s.transcript) for s in first
    ]


async def test_two_recordings_are_the_same_file(tmp_path: Path) -> None:
    """Lines are canonical and sorted, whatever ended first."""
    one = await recorded(tmp_path / "one")
    two = await recorded(tmp_path / "two")
    assert one.read_bytes() == two.read_bytes()
    places = [(take.case, take.epoch, take.call) for _, take in cassette.takes(one)]
    assert places == [("pays", 1, 0), ("pays", 1, 1), ("talks", 1, 0)]


async def test_a_changed_request_is_named_and_an_error(tmp_path: Path) -> None:
    """Which case, which call, what differs; the others are answered."""
    tape = await recorded(tmp_path)
    changed = (CASES[0], replace_text(CASES[1], "hello there"))
    paying, talking = (await samples(tmp_path / "b", Replay(tape), *changed))[0]
    assert paying.error == ""
    assert talking.error.startswith("BadOutput: The cassette has no answer: case 'talks', epoch 1,")
    assert "call 1 (act)" in talking.error
    assert "'hello' is 'hello there' now" in talking.error


async def test_a_changed_prompt_is_named(tmp_path: Path) -> None:
    """What comes from files is told apart by its digest."""
    tape = await recorded(tmp_path)
    changed = (await samples(tmp_path / "b", Replay(tape), prompt="other things"))[0]
    assert all("turns.0.content: " in sample.error for sample in changed)


async def test_a_case_that_was_not_recorded_is_an_error(tmp_path: Path) -> None:
    """There is nothing to compare it with."""
    tape = await recorded(tmp_path)
    [sample] = (await samples(tmp_path / "b", Replay(tape), Case(id="new", text="hi")))[0]
    assert "case 'new', epoch 1, call 1 (act) was not recorded" in sample.error


async def test_errors_of_models_are_replayed(tmp_path: Path) -> None:
    """A try that failed fails again, and what was answered then is answered."""
    tries: list[int] = []

    def overloaded_once(request: ModelRequest) -> ModelReply | str | Exception:
        tries.append(1)
        return ModelOverloaded("full") if len(tries) == 1 else scripted(request)

    tape = await recorded(tmp_path, CASES[1], script=overloaded_once)
    assert [take.error for _, take in cassette.takes(tape)] == ["ModelOverloaded", ""]
    [sample] = (await samples(tmp_path / "b", Replay(tape), CASES[1]))[0]
    assert (sample.error, sample.output) == ("", "You said: hello")


async def test_no_credential_and_no_person_is_in_a_cassette(tmp_path: Path) -> None:
    """What users and models say is redacted before it is kept, and a replay still finds it."""
    text = f"my mail is jane.doe@example.com and my key {SECRET}"
    case = Case(id="c", text=text)

    def loose(_: ModelRequest) -> ModelReply:
        return text_reply(f"write to max@example.org with {SECRET}")

    tape = await recorded(tmp_path, case, script=loose)
    kept = tape.read_text("utf-8")
    for secret in (SECRET, "jane.doe@example.com", "max@example.org"):
        assert secret not in kept
    assert "write to (redacted email)" in kept
    [sample] = (await samples(tmp_path / "b", Replay(tape), case))[0]
    assert sample.error == ""


async def test_a_recording_goes_on(tmp_path: Path) -> None:
    """Calls of other cases are added to a file that is there; a half line is dropped."""
    tape = await recorded(tmp_path, CASES[0])
    tape.write_bytes(tape.read_bytes() + b'{"asked":{"cho')
    deck = Recording(tape)
    await samples(tmp_path / "more", deck, CASES[1])
    deck.close()
    deck.close()
    assert [take.case for _, take in cassette.takes(tape)] == ["pays", "pays", "talks"]


@pytest.mark.parametrize("deck", [Recording, Replay])
def test_what_is_no_cassette_is_refused(tmp_path: Path, deck: Callable[[Path], object]) -> None:
    """The file is named with the line, and left alone."""
    path = tmp_path / "tape.jsonl"
    path.write_bytes(b"{}\n")
    with pytest.raises(BadInput, match=r"tape\.jsonl:1 is no line of a cassette"):
        deck(path)
    assert path.read_bytes() == b"{}\n"
    if deck is Replay:
        path.write_bytes(b"")
        with pytest.raises(BadInput, match="is empty"):
            deck(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(one=JSON, other=JSON)
def test_differences_are_said_exactly_where_there_are_some(one: object, other: object) -> None:
    """Equal values have none; others at least one."""
    told = differences(one, other)  # type: ignore[arg-type]
    assert bool(told) is (one != other)


def replace_text(case: Case, text: str) -> Case:
    """The case with another text."""
    return case.model_copy(update={"text": text})
