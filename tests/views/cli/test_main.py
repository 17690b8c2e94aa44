"""The program as a whole: help, start-up, usage errors."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from pointsman.errors import InvalidTeam, NoModel, NotFound
from pointsman.views.cli.exits import code_of, report
from pointsman.views.cli.main import cli

COMMANDS = cli.list_commands(click.Context(cli))


def test_help_loads_nothing_heavy() -> None:
    """`pointsman --help` answers without LangGraph, LiteLLM, the model, pydantic or rich."""
    code = (
        "import sys\nfrom pointsman.views.cli.main import cli\n"
        "try: cli.main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('langgraph','litellm','xllamacpp','pydantic','rich','opentelemetry',"
        "'asyncio','jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    """`--help` of each command says what it does and shows how to call it."""
    outcome = CliRunner().invoke(cli, [command, "--help"])
    assert outcome.exit_code == 0
    assert "Example" in outcome.output
    assert f"pointsman {command}" in outcome.output or f"support {command}" in outcome.output


@pytest.mark.parametrize(
    "args",
    [
        ["nonsense"],
        ["run"],
        ["run", "text", "--file", "x"],
        ["run", "--file", "x", "--thread", "t"],
        ["run", "text", "--priority", "12"],
        ["reject", "x"],
        ["edit", "x", "--set", "usd"],
        ["edit", "x", "--set", "usd=1", "--set", "usd=2"],
        ["escalate", "x"],
    ],
)
def test_wrong_usage_exits_2(args: list[str]) -> None:
    """A wrong command line is exit 2 with click's usage on stderr and nothing on stdout."""
    outcome = CliRunner().invoke(cli, args)
    assert outcome.exit_code == 2
    assert "Usage: " in outcome.stderr
    assert outcome.stdout == ""


def test_statuses_have_exit_codes() -> None:
    """0 done or partial, 3 waiting, 1 every other."""
    codes = {s: code_of(s) for s in ("done", "partial", "waiting", "blocked", "no_route")}
    assert codes == {"done": 0, "partial": 0, "waiting": 3, "blocked": 1, "no_route": 1}
    assert (code_of("cancelled"), code_of("failed")) == (1, 1)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (NotFound("No run x.", hint="Look."), "Error: No run x. Look.\n"),
        (
            InvalidTeam("Team 't' cannot be built: one", findings=["one", "two"], hint="And more."),
            "Error: Team 't' cannot be built: one\ntwo\n",
        ),
        (NoModel("No model of tier 'fast' answered.", attempts=(), transient=True),
         "Error: No model of tier 'fast' answered.\n"),
    ],
)  # fmt: skip
def test_errors_are_sentences(
    error: Exception, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error of ours is its sentence and hint, and exit 1."""
    assert report(error, debug=False) == 1
    assert capsys.readouterr() == ("", says)


def test_the_systems_errors_are_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    """A full disk or a folder that cannot be made is no bug: it says what and where."""
    assert report(OSError(28, "No space left on device", "state/x.db"), debug=False) == 1
    assert capsys.readouterr().err.startswith(
        "Error: The system says: No space left on device: state/x.db."
    )


def test_a_bug_says_how_to_see_it(capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected error is called one, on stderr; the traceback only with --debug."""
    assert report(ValueError("odd\x1b[2K"), debug=False) == 1
    said = capsys.readouterr().err
    assert said.startswith("Bug: ValueError: odd\\u001b[2K\n")
    assert "--debug" in said
    assert "Traceback" not in said
    report(ValueError("odd"), debug=True)
    assert "ValueError: odd" in capsys.readouterr().err
