"""Variable: values of each type, and how text is read as one."""

import pytest

from pointsman.prompts.variable import Variable


@pytest.mark.parametrize(
    ("type_", "given", "read"),
    [
        ("str", "3", "3"),
        ("str", '{"a": 1}', '{"a": 1}'),
        ("int", 3, 3),
        ("int", "3", 3),
        ("float", 3, 3.0),
        ("float", "0.5", 0.5),
        ("bool", True, True),
        ("bool", "false", False),
        ("list[str]", ["a"], ("a",)),
        ("list[str]", '["a", "b"]', ("a", "b")),
        ("list[str]", "[]", ()),
    ],
)
def test_a_value_is_read_as_its_type(type_: str, given: object, read: object) -> None:
    """A value of the type stays; text is JSON where the type is not text."""
    made = Variable("x", type_).read(given)  # pyright: ignore[reportArgumentType]
    assert (made, type(made)) == (read, type(read))


@pytest.mark.parametrize(
    ("type_", "given"),
    [
        ("str", 3),
        ("str", None),
        ("int", True),
        ("int", 3.0),
        ("int", "three"),
        ("int", "3.5"),
        ("float", "NaN"),
        ("float", "1e999"),
        ("bool", 1),
        ("bool", "yes"),
        ("list[str]", [1]),
        ("list[str]", "a, b"),
        ("list[str]", {"a": 1}),
        ("list[str]", "[" * 100_000),
    ],
)
def test_what_is_no_such_value_is_refused(type_: str, given: object) -> None:
    """The error names the variable and the type, and not the whole value."""
    with pytest.raises(ValueError, match=r"'x' takes ") as caught:
        Variable("x", type_).read(given)  # pyright: ignore[reportArgumentType]
    assert len(str(caught.value)) < 100
