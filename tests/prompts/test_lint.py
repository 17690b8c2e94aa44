"""lint: every fault of a library, with its rule; and none in what ships."""

from pathlib import Path

import pytest

from pointsman.errors import PromptError
from pointsman.prompts.library import SHIPPED, PromptLibrary
from pointsman.prompts.lint import RULES, lint
from tests.prompts.folder import write

ROOT = Path(__file__).parents[2]
GOOD = "---\ndescription: a\n---\n"


@pytest.mark.parametrize("example", ["", "support", "research", "banking77"])
def test_what_ships_has_no_fault(example: str) -> None:
    """The package's prompts and those of the examples are clean."""
    folders = [ROOT / "examples" / example / "prompts"] if example else []
    assert lint(PromptLibrary(folders)) == ()


@pytest.mark.parametrize(
    ("rule", "files"),
    [
        ("unreadable", {"a": b"\xff"}),
        ("too-large", {"a": "x" * 300_000}),
        ("front-matter", {"a": "---\ncolour: red\n---\nx"}),
        ("empty", {"a": ""}),
        ("template-syntax", {"a": "{{ x"}),
        ("include", {"a": "{% include 'b' %}"}),
        ("partial-missing", {"a": "{% include 'partials/b' %}"}),
        ("partial-cycle", {"a": GOOD + "x", "partials/b": "{% include 'partials/b' %}"}),
        ("partial-extras", {"a": "{% include 'partials/b' %}",
                            "partials/b": "---\ndescription: b\nmodel: {tier: x}\n---\nx"}),
        ("attribute", {"a": "{{ x.nothing }}"}),
        ("variable-name", {"a": "---\nvariables: {a-b: c}\n---\nx"}),
        ("variable-undeclared", {"a": "---\nvariables: {}\n---\n{{ x }}"}),
        ("variable-unused", {"a": "---\nvariables: {x: y}\n---\nx"}),
        ("variable-type", {"a": "---\nvariables: {x: {type: int, default: y}}\n---\n{{ x }}"}),
        ("example", {"a": "---\nexamples: [{name: b, values: {}}, {name: b, values: {}}]\n---\nx"}),
        ("example-fails", {"a": GOOD[:-4] + "examples: [{values: {}, renders: y}]\n---\nx"}),
        ("example-fails", {"a": "---\ndescription: a\nexamples: [{values: {y: z}}]\n---\nx"}),
        ("no-description", {"a": "x"}),
        ("variable-undescribed", {"a": "---\ndescription: a\nvariables: {x: }\n---\n{{ x }}"}),
        ("partial-unused", {"partials/b": GOOD + "x"}),
        ("override-lacks", {"router/choose": GOOD + "x"}),
        ("override-adds", {"panel/judge": "---\ndescription: a\nvariables: {x: y}\n---\n{{ x }}"}),
        ("override-same", {"panel/judge": (SHIPPED / "panel/judge.md").read_bytes()}),
        ("name", {"my prompt": "x"}),
    ],
)  # fmt: skip
def test_each_rule_finds_its_fault(
    tmp_path: Path, rule: str, files: dict[str, str | bytes]
) -> None:
    """A file with one fault gives one finding, of that rule, that names the file and a fix."""
    for name, text in files.items():
        write(tmp_path, name, text)
    found = lint(PromptLibrary([tmp_path]))
    faults = {fault.rule: fault for fault in found}
    assert rule in faults
    assert rule in RULES
    assert all(fault.fix and fault.path.is_relative_to(tmp_path) for fault in found)
    assert len(found) == 1 or rule in ("partial-cycle", "partial-extras", "partial-unused")


def test_a_link_out_of_the_folder_is_found(tmp_path: Path) -> None:
    """A link that leaves the folder is a finding as well as an error."""
    outside = write(tmp_path / "outside", "secret", "text")
    inside = tmp_path / "prompts"
    inside.mkdir()
    (inside / "a.md").symlink_to(outside)
    assert [fault.rule for fault in lint(PromptLibrary([inside]))] == ["link"]


def test_broken_snapshots_are_found(tmp_path: Path) -> None:
    """A file of snapshots that is no mapping of texts is told."""
    write(tmp_path, "a", GOOD + "x")
    (tmp_path / "a.snapshot.yaml").write_text("- 1")
    assert [fault.rule for fault in lint(PromptLibrary([tmp_path]))] == ["snapshot"]


def test_the_line_is_the_files_own(tmp_path: Path) -> None:
    """A fault in the body counts the lines of the front matter, and empty lines before it."""
    write(tmp_path, "a", "---\ndescription: a\n---\n\nfirst\n{{ x.nothing }}\n")
    (fault,) = lint(PromptLibrary([tmp_path]))
    assert fault.line == 6


def test_only_those_named_are_told(tmp_path: Path) -> None:
    """Names choose; one that is not there is an error with near names."""
    write(tmp_path, "a", "")
    write(tmp_path, "b", "")
    library = PromptLibrary([tmp_path])
    assert [fault.prompt for fault in lint(library, ("b",))] == ["b"]
    with pytest.raises(PromptError, match="There is no prompt 'c'"):
        lint(library, ("c",))


def test_every_rule_stands_in_the_documents() -> None:
    """docs/prompts.md has each rule with what it finds."""
    page = (ROOT / "docs" / "prompts.md").read_text(encoding="utf-8")
    for rule, finds in RULES.items():
        assert f"| `{rule}` | {finds} |" in page
