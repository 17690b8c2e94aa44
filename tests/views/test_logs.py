"""Log lines of a server: real processes, on a terminal and into a pipe."""

import json
import logging
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from pointsman.views.logs import log_as_json, log_lines
from tests.views.conftest import TEAM, Shop

KEY = "sk-proj-" + "a1B2c3D4e5F6g7H8i9J0" * 2
MAIL = "ana.lopez@example.com"
TRACED = f'''
import logging
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
log = logging.getLogger("warehouse")


@tool(effect="read")
def find_order(order: str) -> str:
    """Look an order up."""
    log.warning("key %s of %s is\\x1b[2J refused", "{KEY}", "{MAIL}")
    return f"Order {{order}} is on its way."


team ='''


@pytest.fixture
def logging_shop(shop: Shop) -> Shop:
    """The shop, traced, with a tool that logs what nobody may read."""
    (shop.folder / "teams" / "shop.py").write_text(TEAM.replace("\nteam =", TRACED))
    return shop


@contextmanager
def serving(shop: Shop, err: int) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`pointsman serve` whose stderr is that; its process and its token. It is stopped in order."""
    process = subprocess.Popen(
        shop.command("serve", "--port", "0"), cwd=shop.folder, env=shop.environ,
        stdout=subprocess.PIPE, stderr=err, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def ask(url: str, secret: str) -> str:
    """Have a message run to its end; the run's id."""
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        done = http.post(
            "/v1/messages", json={"text": "Where is A-1001?", "thread": "t7"},
            headers={"Authorization": f"Bearer {secret}", "Prefer": "wait=50"},
        )  # fmt: skip
    assert done.status_code == 200, done.text
    run: str = done.json()["run"]
    return run


def address(said: str) -> str:
    """Where it serves."""
    found = re.search(r"serving on (http://[\d.:]+)", said)
    assert found, said
    return found[1]


def test_a_server_writes_json_into_a_pipe(logging_shop: Shop) -> None:
    """Each line of a run says team, specialist, run, thread, correlation id and trace id, without
    credentials and personal data."""
    read, write = os.pipe()
    with os.fdopen(read) as err:
        with serving(logging_shop, write) as (_, secret):
            os.close(write)
            first = err.readline()
            run = ask(address(first), secret)
        said = first + err.read()
    assert KEY not in said
    assert MAIL not in said
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    (line,) = [one for one in lines if one["logger"] == "warehouse"]
    assert line["message"].endswith("refused")
    assert {name: line[name] for name in ("team", "specialist", "run", "thread")} == {
        "team": "shop", "specialist": "orders", "run": run, "thread": "t7",
    }  # fmt: skip
    assert line["correlation_id"]
    assert re.fullmatch("[0-9a-f]{32}", line["trace_id"])


def test_a_server_writes_for_people_on_a_terminal(logging_shop: Shop) -> None:
    """The same there, as a line that a person reads and that cannot move the cursor."""
    ours, its = pty.openpty()
    try:
        with serving(logging_shop, its) as (_, secret):
            said = seen(ours, "token of this process")
            run = ask(address(said), secret)
            said += seen(ours, "trace_id=")
    finally:
        os.close(ours)
        os.close(its)
    assert KEY not in said
    assert MAIL not in said
    (line,) = [one for one in said.splitlines() if "refused" in one]
    of = rf"\[team=shop specialist=orders run={run} thread=t7 correlation_id=\S+ trace_id="
    assert re.search(r"^\d\d:\d\d:\d\d warning key .*is\\u001b\[2J refused  " + of, line), line


def seen(terminal: int, what: str) -> str:
    """What is written on the terminal, until that is."""
    said, ends = "", time.monotonic() + 60
    while what not in said:
        ready, _, _ = select.select([terminal], [], [], ends - time.monotonic())
        assert ready, said
        said += os.read(terminal, 4096).decode()
    return said


def test_lines_are_written_once_and_no_longer_than_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Asked for twice, a line stands once; after the block the program's logging is as before."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level, logging.getLogger("pointsman").level)
    with log_lines(as_json=True) as say:
        log_as_json()
        say("serving")
    assert [json.loads(one)["message"] for one in capsys.readouterr().err.splitlines()] == [
        "serving"
    ]
    assert before == (list(root.handlers), root.level, logging.getLogger("pointsman").level)
