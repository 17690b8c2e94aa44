"""What a worker writes on stderr."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.views.conftest import TEAM, Shop

KEY = "sk-proj-" + "a1B2c3D4e5F6g7H8i9J0" * 2


@pytest.mark.slow  # a worker starts and takes work: eight seconds
def test_a_workers_lines_say_of_which_run_they_are(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON objects only with --log-json, from when it works to when it has drained; those of a run
    with team, specialist, run, thread and correlation id, and without credentials."""
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "__init__.py").touch()
    read = '    """Look an order up."""\n'
    logs = f'{read}    import logging\n    logging.warning("key %s is refused", "{KEY}")\n'
    (tmp_path / "teams" / "shop.py").write_text(TEAM.replace(read, logs))
    (tmp_path / "pyproject.toml").write_text('[tool.pointsman]\nteam = "teams.shop:team"\n')
    monkeypatch.delenv("POINTSMAN_HOME")
    monkeypatch.setenv("POINTSMAN_TEMPORAL", address)
    shop = Shop(tmp_path)
    process = subprocess.Popen(
        shop.command("--log-json", "worker"), cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        env={**shop.environ, "POINTSMAN_TEMPORAL": address},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        lines = [json.loads(process.stderr.readline())]
        while not lines[-1]["message"].startswith("Working for shop"):
            lines.append(json.loads(process.stderr.readline()))
        done = shop.invoke("submit", "where is A-1002?", "--thread", "t7", "--json", "--wait")
        run = json.loads(done.out)["run"]
        process.send_signal(signal.SIGTERM)
        lines += [json.loads(line) for line in process.stderr]
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()
    assert lines[-1]["message"] == "Stopped."
    (line,) = [one for one in lines if one["logger"] == "root"]
    assert KEY not in line["message"]
    assert {name: line[name] for name in ("team", "specialist", "run", "thread")} == {
        "team": "shop", "specialist": "orders", "run": run, "thread": "t7",
    }  # fmt: skip
    assert line["correlation_id"]
