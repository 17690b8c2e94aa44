"""Examples of rendering: what they compare, and the snapshots beside a prompt."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import PromptError
from pointsman.prompts.examples import checked, read_snapshots, write_snapshots
from pointsman.prompts.library import PromptLibrary
from pointsman.prompts.prompt import Prompt
from tests.prompts.folder import write


def made(folder: Path, examples: str, body: str = "Hi {{ x }}.") -> Prompt:
    """A prompt with these examples, as YAML."""
    write(folder, "a", f"---\nexamples: {examples}\n---\n{body}")
    return PromptLibrary([folder]).get("a")


@pytest.mark.parametrize(
    ("example", "outcome"),
    [
        ("{values: {x: Ann}, renders: Hi Ann.}", "same"),
        ("{values: {x: Ann}, renders: Hi Ben.}", "differs"),
        ("{values: {x: Ann}, contains: [Ann], lacks: [Ben]}", "same"),
        ("{values: {x: Ann}, contains: [Ben]}", "fails"),
        ("{values: {x: Ann}, lacks: [Ann]}", "fails"),
        ("{values: {}, renders: Hi.}", "fails"),
        ("{values: {x: 3}}", "fails"),
        ("{values: {x: Ann}}", "renders"),
    ],
)
def test_an_example_is_compared(tmp_path: Path, example: str, outcome: str) -> None:
    """With its whole text, with parts it must and must not say, or with nothing."""
    (one,) = checked(made(tmp_path, f"[{example}]"))
    assert one.outcome == outcome
    assert one.passed == (outcome in ("same", "renders"))


def test_worked_examples_are_not_rendered(tmp_path: Path) -> None:
    """What models are shown is apart from what is compared, and the other way round."""
    prompt = made(tmp_path, "[{user: hello, answer: hi}, {name: ann, values: {x: Ann}}]")
    assert [example.user for example in prompt.examples] == ["hello"]
    assert [one.example for one in checked(prompt)] == ["ann"]


def test_without_an_example_each_variable_shows_its_name(tmp_path: Path) -> None:
    """Every prompt is rendered at least once, with a value of each type."""
    front = "---\nvariables: {x: , n: {type: int}, b: {type: bool}, l: {type: 'list[str]'}}\n---\n"
    write(tmp_path, "a", front + "{{ x }} {{ n }} {{ b }} {{ l | join }}")
    (one,) = checked(PromptLibrary([tmp_path]).get("a"))
    assert (one.example, one.text) == ("placeholders", "<x> 1 True <l 1><l 2>")


def test_a_snapshot_is_written_and_compared(tmp_path: Path) -> None:
    """It changes no version; a changed text differs from it; an example's own text needs none."""
    examples = "[{name: ann, values: {x: Ann}}, {name: own, values: {x: Ben}, renders: Hi Ben.}]"
    prompt = made(tmp_path, examples)
    assert write_snapshots(prompt)
    assert not write_snapshots(prompt)
    assert read_snapshots(prompt.path) == {"ann": "Hi Ann."}
    assert PromptLibrary([tmp_path]).get("a").version == prompt.version
    assert [one.outcome for one in checked(prompt)] == ["same", "same"]
    changed = made(tmp_path, examples, "Hello {{ x }}.")
    assert [one.outcome for one in checked(changed)] == ["differs", "differs"]


def test_a_snapshot_of_no_example_fails(tmp_path: Path) -> None:
    """An example that was taken out does not leave its text behind unseen."""
    write_snapshots(made(tmp_path, "[{name: ann, values: {x: Ann}}]"))
    prompt = made(tmp_path, "[{name: ben, values: {x: Ben}}]")
    assert [(one.example, one.passed) for one in checked(prompt)] == [("ben", True), ("ann", False)]
    write_snapshots(prompt)
    assert all(one.passed for one in checked(prompt))


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_comes_back_from_its_snapshot(text: str) -> None:
    """Spaces, line ends and odd characters are kept."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        write(Path(folder), "a", "---\nexamples: [{values: {}}]\n---\nx")
        prompt = PromptLibrary([Path(folder)]).get("a")
        whole = Prompt(
            name="a", description="", variables=("x",), body="{{ x }}", examples=(),
            version="0" * 12, path=prompt.path,
            render_examples=(type(prompt.render_examples[0])("1", {"x": text}),),
        )  # fmt: skip
        write_snapshots(whole)
        assert read_snapshots(prompt.path) == {"1": text}


@pytest.mark.parametrize("content", [b"- a", b"a: 1", b"{", b"\xff", b"a: &x [*x]"])
def test_snapshots_that_cannot_be_read_are_one_error(tmp_path: Path, content: bytes) -> None:
    """The error names the file and how to write it anew."""
    prompt = made(tmp_path, "[{values: {x: Ann}}]")
    (tmp_path / "a.snapshot.yaml").write_bytes(content)
    with pytest.raises(PromptError, match=r"a\.snapshot\.yaml cannot be read"):
        list(checked(prompt))
