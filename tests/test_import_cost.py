"""What importing pointsman costs: nothing that is not used."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "diskcache", "jinja2", "langchain_core", "langgraph", "litellm", "opentelemetry.sdk", "rich",
    "sklearn", "xllamacpp",
}  # fmt: skip

PROBE = """
import json, sys, time
began = time.process_time()
{statement}
spent = time.process_time() - began
print(json.dumps([round(1000 * spent), sorted(sys.modules)]))
"""


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import pointsman", HEAVY | {"pydantic"}),
        ("import pointsman.views.cli.main", HEAVY | {"pydantic"}),
        ("from pointsman import Specialist, Team, tool", HEAVY),
    ],
    ids=["package", "command line", "team"],
)
def test_an_import_loads_nothing_heavy(statement: str, heavy: set[str]) -> None:
    """A fresh interpreter has none of the heavy packages after the import; `pytest -s` shows the
    milliseconds of CPU, which no test judges."""
    probe = [sys.executable, "-W", "error", "-c", PROBE.format(statement=statement)]
    done = subprocess.run(probe, capture_output=True, check=True, timeout=100)
    milliseconds, modules = json.loads(done.stdout)
    print(f"{statement}: {milliseconds} ms of CPU")  # noqa: T201 (the figure this test gives)
    assert heavy & set(modules) == set()
