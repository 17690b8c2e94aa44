"""Errors on tape, and the tape that keeps nothing."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman import errors
from pointsman.errors import Attempt, BadInput, Diverged, NoModel, PointsmanError
from pointsman.nodes.tape import Met, NoTape, packed, unpacked

PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False)
)
KINDS = sorted(
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, PointsmanError)
)


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(KINDS), text=st.text(max_size=12), hint=st.text(max_size=12),
    values=st.dictionaries(st.text("ab", max_size=3), PLAIN, max_size=3),
)  # fmt: skip
def test_an_error_comes_back_as_it_was(
    name: str, text: str, hint: str, values: dict[str, object]
) -> None:
    """Of its class, with its sentence and every plain value, also through JSON."""
    kind = getattr(errors, name)
    error = kind.__new__(kind, text)
    vars(error).update(values, message=text, hint=hint)
    met = Met(kind="read", step="s", name="n", digest="d", outcome="error", error=packed(error))
    again = unpacked(Met.model_validate_json(met.model_dump_json()).error)
    assert type(again) is kind
    assert str(again) == str(error)
    assert {name: vars(again)[name] for name in values} == values
    assert packed(again) == packed(error)


def test_the_models_that_were_tried_come_back() -> None:
    """An error that names attempts names them again; what is no plain value is left out."""
    tried = (Attempt("big", "ModelTimeout", "late"), Attempt("small", "ModelAuth", "key"))
    error = NoModel("none", attempts=tried, transient=True)
    error.hint = "Wait."
    again = unpacked(packed(error))
    assert isinstance(again, NoModel)
    assert (again.attempts, again.transient, again.hint) == (tried, True, "Wait.")
    assert str(again) == str(error)


def test_what_to_do_next_is_said_once() -> None:
    """The sentence with its hint is the same again, however often it went to tape."""
    error = BadInput("No.", hint="Say yes.")
    again = unpacked(packed(unpacked(packed(error))))
    assert (str(again), again.hint) == (str(error), "Say yes.")  # pyright: ignore[reportAttributeAccessIssue] (a BadInput)


def test_anybody_elses_error_comes_back_by_its_name() -> None:
    """Its class is not imported: a class of that name stands for it."""

    class Broken(Exception):
        pass

    again = unpacked(packed(Broken("no")))
    assert (type(again).__name__, str(again)) == ("Broken", "no")
    assert not isinstance(again, PointsmanError)
    impostor = unpacked(packed(type("Attempt", (Exception,), {})("x")))
    assert isinstance(impostor, Exception)
    assert not isinstance(impostor, PointsmanError)


async def test_no_tape_keeps_and_plays_nothing() -> None:
    """A node outside a team meets the world itself."""
    tape, met = NoTape(), Met(kind="model", step="s", name="n", digest="d")
    tape.keep(met, {"p": "x"})
    assert (tape.keeps, tape.plays, tape.played(met), tape.wrote("k", "t")) == (
        False, False, None, None,
    )  # fmt: skip
    assert tape.cancelled("ana") == "ana"
    with pytest.raises(TimeoutError):
        async with tape.timeout(0):
            await asyncio.Event().wait()
    with pytest.raises(Diverged):
        await tape.cut()
