"""The gate's result as JUnit XML and as Markdown."""

from pathlib import Path
from xml.etree import ElementTree

from pointsman.evals.gate import Check, Gated, judge
from pointsman.evals.junit import junit
from pointsman.evals.markdown import markdown, plain
from pointsman.evals.metrics import read
from pointsman.evals.rules import gate_of
from tests.evals.records import many, sample, write

NASTY = "<b>|x`*_[a](http://e.org)@ana #12 www.e.org \x07\ud800\u202e"


def failed(folder: Path) -> Gated:
    """A gate that fails, over cases and errors with nasty names."""
    now = [sample(f"{NASTY[:40]}{n}", error=f"Bad: {NASTY[:-2]}") for n in range(8)]
    before = [sample(f"{NASTY[:40]}{n}") for n in range(8)]
    more = many("p" * 20)
    run = read(write(folder / "a.jsonl", [*now, *more]))
    return judge(gate_of(None, "s"), run, read(write(folder / "b.jsonl", [*before, *more])))


def test_junit_has_a_test_for_each_check(tmp_path: Path) -> None:
    """Failures are counted and worded; lost cases are there and fail nothing by themselves."""
    found = failed(tmp_path)
    suite = ElementTree.fromstring(junit(found))[0]
    tests = suite.findall("testcase")
    assert suite.get("tests") == str(len(tests))
    assert suite.get("failures") == str(len(found.failed)) == str(len(suite.findall(".//failure")))
    assert len(found.failed) == 2
    assert suite.get("skipped") == "8"
    lost = [test.get("name") for test in tests if test.get("classname") == "regressed"]
    assert lost[0] == f"{NASTY[:40]}0 (epoch 1)"


def test_no_text_breaks_the_xml() -> None:
    """Characters that XML does not have are replaced, markup is escaped."""
    check = Check(metric=NASTY[:-2] + "\x07", bound="]]>&", passed=False, why=NASTY[:-2])
    found = Gated(suite="<s>\x00", checks=(check,))
    root = ElementTree.fromstring(junit(found))
    assert root[0].get("name") == "gate of <s>�"


def test_markdown_says_what_failed(tmp_path: Path) -> None:
    """The verdict, each check, the comparison and the lost cases."""
    text = markdown(failed(tmp_path))
    assert text.startswith("## ❌ Gate of support: failed\n")
    assert "28 samples, 8 errors" in text
    assert "| ❌ | completed: no worse than the baseline" in text
    assert "| completed | 100.0% | 71.4% | -28.6 points |" in text
    assert "<summary>8 samples no longer pass</summary>" in text


def test_no_text_becomes_markup_a_link_or_a_mention() -> None:
    """Each character that GitHub reads is escaped, or parted by a comment that shows nothing."""
    shown = plain(NASTY[:-2])
    for bare in ("<b>", "[a]", "@ana", "#12", "http://", "www.e"):
        assert bare not in shown
    assert plain("a|b\nc") == "a\\|b c"
    assert plain("1. one") == "1\\. one"
    assert plain("- one") == "\\- one"


def test_a_passed_gate_is_short(tmp_path: Path) -> None:
    """No list of cases where none was lost."""
    run = read(write(tmp_path / "a.jsonl", many("p" * 20)))
    text = markdown(judge(gate_of(None, "s"), run, run, name="main"))
    assert text.startswith("## ✅ Gate of support: passed")
    assert "baseline main" in text
    assert "no longer pass" not in text
