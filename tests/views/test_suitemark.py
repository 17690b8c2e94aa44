"""The pytest plugin: a marked test runs its suite and fails with its gate."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SUITE = """
target: marked_target:answer
scorers: [contains]
gate:
  - {metric: contains, at_least: 0.9}
cases:
  - {id: a, text: hello, expected: {contains: [echo]}}
  - {id: b, text: WORD, expected: {contains: [echo]}}
"""
TARGET = """
async def answer(text):
    return "no" if text == "bad" else f"echo {text}"
"""
TEST = """
import pytest

@pytest.mark.pointsman_suite("evals/s.yaml")
def test_ships(pointsman_gated):
    assert pointsman_gated.samples == 2
    assert pointsman_gated.checks[0].value == 1.0

@pytest.mark.pointsman_suite("evals/s.yaml")
async def test_ships_too():
    pass
"""
OPTIONS = ("-p", "no:cacheprovider", "--strict-markers")
"""The plugin itself comes by its entry point, as for everybody who has pointsman installed."""


def project(pytester: pytest.Pytester, word: str, test: str = TEST) -> pytest.RunResult:
    """Run pytest on a project with a suite; `bad` is a word that its target gets wrong."""
    folder = Path(pytester.mkdir("evals"))
    (folder / "s.yaml").write_text(SUITE.replace("WORD", word))
    (folder / "marked_target.py").write_text(TARGET)
    pytester.makeini("[pytest]\nasyncio_mode = auto\n")
    pytester.makepyfile(test)
    return pytester.runpytest_subprocess(*OPTIONS)


def test_a_suite_that_passes_lets_the_test_run(pytester: pytest.Pytester) -> None:
    """The body sees what the gate said; tests with a loop of their own are no exception."""
    project(pytester, "good").assert_outcomes(passed=2)


def test_a_suite_that_fails_fails_the_test(pytester: pytest.Pytester) -> None:
    """With the check that failed, its figure, and where the record is."""
    found = project(pytester, "bad")
    found.assert_outcomes(failed=2)
    found.stdout.fnmatch_lines(
        ["The gate of suite s failed.", "*contains: at least 0.9: 0.5 over 2 samples", "*record: *"]
    )


def test_the_body_is_not_run_after_a_failed_gate(pytester: pytest.Pytester) -> None:
    """What it does depends on the gate."""
    test = (
        "import pytest, pathlib\n"
        "@pytest.mark.pointsman_suite('evals/s.yaml')\n"
        "def test_it():\n    pathlib.Path('touched').touch()\n"
    )
    project(pytester, "bad", test).assert_outcomes(failed=1)
    assert not (pytester.path / "touched").exists()


def test_a_wrong_marker_says_so(pytester: pytest.Pytester) -> None:
    """A fixture without the mark, and an argument that it does not take."""
    test = (
        "import pytest\n"
        "def test_none(pointsman_gated): pass\n"
        "@pytest.mark.pointsman_suite('evals/s.yaml', base='x')\n"
        "def test_wrong(): pass\n"
    )
    found = project(pytester, "good", test)
    found.assert_outcomes(errors=1, failed=1)
    found.stdout.fnmatch_lines(["*mark it with @pytest.mark.pointsman_suite*"])
    found.stdout.fnmatch_lines(["*takes the path of a suite, and baseline and replay*"])


def test_unmarked_tests_load_nothing(pytester: pytest.Pytester) -> None:
    """The plugin costs tests that do not use it no import of the package."""
    test = "import sys\ndef test_it():\n    assert 'pointsman.evals.gate' not in sys.modules\n"
    project(pytester, "good", test).assert_outcomes(passed=1)


def test_faults_come_as_a_fixture(pytester: pytest.Pytester) -> None:
    """A test has an injector of faults that keeps its state in the test's own folder."""
    test = (
        "def test_it(pointsman_faults, tmp_path):\n"
        "    faults = pointsman_faults('500', rate=0.5, seed=3)\n"
        "    assert faults.strikes == [] or not faults.strikes\n"
    )
    project(pytester, "good", test).assert_outcomes(passed=1)
