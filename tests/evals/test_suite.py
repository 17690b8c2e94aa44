"""Suites and cases: what their files may hold, and what is said of a wrong one."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BadInput
from pointsman.evals.casefile import cases_of
from pointsman.evals.suite import ApproverSpec, Case, Expected, ExpectedCall, ScorerSpec, Suite
from pointsman.evals.suitefile import schemas
from pointsman.nodes.message import Turn


def write(path: Path, *rows: object) -> Path:
    """A JSONL file of these rows."""
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return path


def test_a_suite_is_read_line_by_line(tmp_path: Path) -> None:
    """Each line is a case; an empty line is none."""
    path = write(tmp_path / "s.jsonl", {"id": "a", "text": "hi"}, {"id": "b", "text": "ho"})
    suite = Suite.load(path)
    assert suite.name == "s"
    assert [c.id for c in suite.cases] == ["a", "b"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"id": "a"}], "1 is no case: line: neither text nor input"),
        ([{"id": "a", "text": "x", "wrong": 1}], "wrong"),
        ([{"id": "a", "text": "x"}, {"id": "a", "text": "y"}], "two cases with the id 'a'"),
        ([], "has no case"),
        ([[1]], "1 is no case: line"),
    ],
)
def test_a_wrong_suite_says_where(tmp_path: Path, rows: list[object], said: str) -> None:
    """The error names the file, the line and the field."""
    with pytest.raises(BadInput, match=said):
        Suite.load(write(tmp_path / "s.jsonl", *rows))


def test_a_suite_is_read_from_csv(tmp_path: Path) -> None:
    """Empty fields are left out, `|` separates several values, a text may have several lines."""
    path = tmp_path / "s.csv"
    path.write_text(
        'id,text,route,contains\na,"one,\ntwo",billing,INV-1|20.00\nb,three,,\n', "utf-8"
    )
    assert Suite.load(path).cases == (
        Case(
            id="a",
            text="one,\ntwo",
            expected=Expected(route="billing", contains=("INV-1", "20.00")),
        ),
        Case(id="b", text="three"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,text,colour\na,x,red\n", "1 has columns that no case has: colour"),
        ('id,text\na,"x\ny"\nb\n', "4 has not as many fields"),
        ("id,text\na,x,y\n", "2 has not as many fields"),
        ('id,text\na,"x\n', "2 is no CSV"),
        ("id,text,status\na,x,finished\n", "2 is no case: expected.status"),
        ("id,text\n", "has no case"),
        ("", "has no case"),
    ],
)
def test_a_wrong_csv_says_where(tmp_path: Path, text: str, said: str) -> None:
    """The error names the line on which the case begins."""
    path = tmp_path / "s.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(BadInput, match=said):
        Suite.load(path)


def test_bytes_and_broken_json_are_located(tmp_path: Path) -> None:
    """A file that is no text, and a line that is no JSON, are one clear error each."""
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="cannot be read"):
        Suite.load(path)
    path.write_text('{"id": "a", "text": "x\u2028y"}\n{"id": \n', "utf-8")
    with pytest.raises(BadInput, match="2 is no JSON"):
        Suite.load(path)


YAML = """
name: refunds
target: evals.target:team
scorers:
  - route
  - contains: {case: exact}
  - {name: judge, options: {rubric: kind}}
epochs: 3
budget: 0.5
approver: oracle
user: {turns: 2}
tags: [nightly]
gate: {rules: [{metric: route, at_least: 0.9}]}
cases:
  - id: a
    input: refund me
    history: [{role: user, content: hi}, {role: assistant, content: hello}]
    expected:
      effects: [refund, {tool: mail, args: {to: ana}}]
  - {id: b, input: {amount: 5}, tags: [hard], weight: 2, metadata: {from: mail}}
"""


def test_a_suite_says_how_it_is_run(tmp_path: Path) -> None:
    """Names alone stand for scorers, approvers and tools without options."""
    path = tmp_path / "suite.yaml"
    path.write_text(YAML, "utf-8")
    suite = Suite.load(path)
    assert (suite.name, suite.target, suite.folder) == ("refunds", "evals.target:team", tmp_path)
    assert suite.scorers == (
        ScorerSpec(name="route"),
        ScorerSpec(name="contains", options={"case": "exact"}),
        ScorerSpec(name="judge", options={"rubric": "kind"}),
    )
    assert (suite.options.epochs, suite.options.budget) == (3, 0.5)
    assert suite.approver == ApproverSpec(policy="oracle")
    assert suite.user is not None
    assert suite.gate == {"rules": [{"metric": "route", "at_least": 0.9}]}
    first, second = suite.cases
    assert (first.text, first.input) == ("refund me", None)
    assert first.history == (
        Turn(role="user", content="hi"),
        Turn(role="assistant", content="hello"),
    )
    assert first.expected.effects == (
        ExpectedCall(tool="refund"),
        ExpectedCall(tool="mail", args={"to": "ana"}),
    )
    assert (second.text, second.input, second.weight) == ("", {"amount": 5}, 2.0)
    assert (first.tags, second.tags) == (("nightly",), ("hard", "nightly"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cases: 5", "is no suite: cases"),
        ("cases: [{id: a}]", "cases.*neither text nor input"),
        ("cases: file:none.jsonl", "none.jsonl cannot be read"),
        ("cases: python:no_such_module:x", "cannot be loaded"),
        ("cases: elsewhere", "neither a file nor a function"),
        ("cases: [{id: a, text: x}]\nepoch: 2", "epoch: Extra inputs"),
        ("cases: [{id: a, text: x}]\nepochs: 0", "epochs"),
        ("cases: [{id: a, text: x}]\nbudget: .nan", "budget"),
        ("cases: [{id: a, text: x}, {id: a, text: y}]", "two cases with the id 'a'"),
        ("cases: [", "is no YAML"),
        ("a: !!python/object/apply:os.getcwd []", "is no YAML"),
        ("[]", "has no case"),
    ],
)
def test_a_wrong_yaml_says_what(tmp_path: Path, text: str, said: str) -> None:
    """The error names the file and the field; nothing of the file is run."""
    path = tmp_path / "suite.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(BadInput, match=said):
        Suite.load(path)


def test_cases_may_lie_beside_the_suite_or_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of any kind, or a function of the suite's folder."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    write(tmp_path / "c.jsonl", {"id": "a", "text": "hi"})
    (tmp_path / "made_cases_e1.py").write_text(
        "from pointsman.evals.suite import Case\n"
        "def cases():\n    yield Case(id='p', text='x')\n    yield {'id': 'q', 'input': 'y'}\n",
        "utf-8",
    )
    path = tmp_path / "suite.yaml"
    path.write_text("cases: file:c.jsonl", "utf-8")
    assert [case.id for case in Suite.load(path).cases] == ["a"]
    path.write_text("cases: python:made_cases_e1:cases", "utf-8")
    assert [case.id for case in Suite.load(path).cases] == ["p", "q"]


def test_a_case_takes_a_list_of_objects() -> None:
    """What is no list of cases is refused by its place."""
    assert cases_of("here", [{"id": "a", "text": "x"}])[0].id == "a"
    with pytest.raises(BadInput, match="here holds no list"):
        cases_of("here", {"id": "a"})
    with pytest.raises(BadInput, match="here:case 2 is no case"):
        cases_of("here", [{"id": "a", "text": "x"}, {"text": "y"}])


def test_tags_limit_and_threads_choose_cases() -> None:
    """A conversation keeps what was said before a case that is kept."""
    suite = Suite(
        "s",
        (
            Case(id="1", text="x", thread="t"),
            Case(id="2", text="x", thread="t", tags=("hard",)),
            Case(id="3", text="x", thread="t"),
            Case(id="4", text="x", tags=("hard", "slow")),
        ),
    )
    assert [c.id for c in suite.only(tags=("hard",)).cases] == ["1", "2", "4"]
    assert [c.id for c in suite.only(tags=("slow",)).cases] == ["4"]
    assert [c.id for c in suite.only(limit=2).cases] == ["1", "2"]
    with pytest.raises(BadInput, match="No case of suite 's' has a tag of easy"):
        suite.only(tags=("easy",))


@given(tags=st.lists(st.text(max_size=3), max_size=3), weight=st.floats(0.1, 9))
def test_a_digest_is_of_what_is_asked_and_expected(tags: list[str], weight: float) -> None:
    """How a case is sorted and weighed leaves its samples valid; what it expects does not."""
    plain = Case(id="a", text="x", expected=Expected(route="b"))
    sorted_ = Case(
        id="a", text="x", expected=Expected(route="b"), tags=tuple(tags), weight=weight,
        metadata={"n": weight},
    )  # fmt: skip
    assert plain.digest == sorted_.digest
    assert plain.digest != Case(id="a", text="x", expected=Expected(route="c")).digest
    assert plain.digest != Case(id="a", text="y", expected=Expected(route="b")).digest


def test_editors_get_schemas() -> None:
    """Both files have one, and it names the fields."""
    made = schemas()
    assert "gate" in str(made["suite.schema.json"]["properties"])
    assert "expected" in str(made["case.schema.json"]["properties"])
