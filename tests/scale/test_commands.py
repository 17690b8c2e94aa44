"""The commands of many machines: real processes on a real server."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pointsman.teams.temporal.duty import Duty
from tests.views.conftest import ROOT, TEAM, Shop


@pytest.fixture
def shop(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A project whose runs go to the server."""
    folder = tmp_path / "shop"
    (folder / "teams").mkdir(parents=True)
    (folder / "teams" / "__init__.py").touch()
    (folder / "teams" / "shop.py").write_text(TEAM)
    (folder / "pyproject.toml").write_text('[tool.pointsman]\nteam = "teams.shop:team"\n')
    monkeypatch.delenv("POINTSMAN_HOME")
    monkeypatch.setenv("POINTSMAN_TEMPORAL", address)
    return Shop(folder)


@contextmanager
def worker(shop: Shop, address: str, *args: str) -> Iterator[subprocess.Popen[str]]:
    """`pointsman worker ARGS`, from when it works until the block ends."""
    environ = {**shop.environ, "POINTSMAN_TEMPORAL": address}
    process = subprocess.Popen(
        shop.command("worker", *args), cwd=shop.folder, env=environ, text=True,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: "subprocess.Popen[str]", pattern: str) -> str:
    """The first line of its stderr that matches."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(pattern, line):
            return found.group(0)
    raise AssertionError(f"it never said {pattern!r}")


def asked(url: str) -> tuple[int, str]:
    """Status and text."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (loopback)
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def status(shop: Shop) -> dict[str, Any]:
    """`pointsman engine status --json`."""
    found: dict[str, Any] = json.loads(shop.invoke("engine", "status", "--json").out)
    return found


def test_a_submitted_message_waits_for_a_worker(shop: Shop, address: str) -> None:
    """Stored and counted while nobody works; answered by a worker, which says that it is healthy
    and ends in order at SIGTERM."""
    stored = shop.invoke("submit", "where is A-1002?", "--thread", "t", "--json")
    run = json.loads(stored.out)["run"]
    alone = shop.invoke("engine", "status")
    assert alone.code == 1
    assert "nobody" in alone.out
    assert "worker --pool router" in alone.out
    with worker(shop, address, "--health", ":0", "--drain", "5") as process:
        ready = said(process, r"http://127\.0\.0\.1:\d+/readyz")
        said(process, "Working for")
        waited = shop.invoke("submit", "where is A-1002?", "--thread", "u", "--wait")
        assert (waited.code, waited.out) == (0, "Order A-1002 is on its way.\n")
        done = shop.invoke("resume", run, "--later", "--json")
        assert json.loads(done.out)["status"] == "done"
        assert asked(ready) == (200, '{"status":"ok"}')
        assert asked(ready.replace("readyz", "healthz")) == (200, '{"status":"ok"}')
        queues = {(q["pool"], q["kind"]): q for q in status(shop)["queues"]}
        assert all(q["workers"] for q in queues.values())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("worker", "--pool", "nobody"), "has no pool 'nobody'"),
        (("worker", "--shard", "0/4"), "no shard 0 of 4"),
        (("worker", "--health", "here"), "no HOST:PORT"),
        (("engine", "unpark", "t", "--skip"), "is not parked"),
    ],
)
def test_what_cannot_be_is_one_sentence(shop: Shop, args: tuple[str, ...], says: str) -> None:
    """What is wrong, and what to do."""
    done = shop.invoke(*args)
    assert done.code == 1
    assert says in done.err


def test_without_an_engine_is_one_sentence(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no server is named, and where none answers."""
    monkeypatch.delenv("POINTSMAN_TEMPORAL")
    for args in (("worker",), ("submit", "hi"), ("engine", "status")):
        done = shop.invoke(*args)
        assert (done.code, "POINTSMAN_TEMPORAL" in done.err) == (1, True)
    monkeypatch.setenv("POINTSMAN_TEMPORAL", "127.0.0.1:1")
    done = shop.invoke("engine", "status")
    assert (done.code, "No Temporal server answers" in done.err) == (1, True)
    assert done.err.count("Connection refused") == 1


def test_a_missing_namespace_is_one_sentence(
    shop: Shop, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker does not say that it works, and nobody is told that the server is down."""
    monkeypatch.setenv("POINTSMAN_TEMPORAL", f"{address.partition('/')[0]}/nowhere")
    for args in (("submit", "hi"), ("submit", "hi", "--wait"), ("engine", "status")):
        done = shop.invoke(*args)
        assert (done.code, "has no namespace 'nowhere'" in done.err) == (1, True)
    done = shop.invoke("worker")
    assert done.code == 1
    assert "Namespace nowhere is not found" in done.err
    assert "Working for" not in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_a_process_that_ends_with_the_answer_ends_in_order(address: str) -> None:
    """The client library's threads are waited for: else one of four such processes is aborted."""
    code = (
        "import asyncio; from pointsman.teams.temporal.server import connect;"
        f" asyncio.run(connect({address!r}))"
    )
    ends = [subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False) for _ in range(12)]
    assert [end.returncode for end in ends] == [0] * 12


def test_a_missing_extra_is_named(shop: Shop, tmp_path: Path) -> None:
    """Without the package each command says what installs it."""
    (tmp_path / "temporalio.py").write_text("raise ImportError('not installed')\n")
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    code = (
        "import asyncio; from pointsman.teams.temporal.server import connect;"
        " asyncio.run(connect('127.0.0.1:1'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )
    assert 'pip install "pointsman[scale]"' in done.stderr


def test_shards_of_a_pool() -> None:
    """One shard or all, as a worker is told."""
    from dataclasses import replace

    from tests.flow.shop import shop_team

    spec = shop_team(Path("nowhere")).spec
    billing, tech = spec.specialists
    spec = replace(spec, specialists=(replace(billing, shards=2), tech))
    assert Duty().queues(spec) == ("router", "billing-0", "billing-1", "tech")
    assert Duty(pools=("billing",)).queues(spec) == ("billing-0", "billing-1")
    assert Duty(pools=("billing",), shard=(1, 2)).queues(spec) == ("billing-1",)
