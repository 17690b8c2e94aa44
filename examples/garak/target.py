"""What garak calls, in garak's environment: `--target_type function --target_name target#ask`.

POINTSMAN_PYTHON names the interpreter that has pointsman.
"""

import json
import os
import subprocess
from pathlib import Path

_WORKER = subprocess.Popen(  # noqa: S603 (the interpreter that its user names)
    [os.environ["POINTSMAN_PYTHON"], str(Path(__file__).with_name("worker.py"))],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
)


def ask(prompt: str) -> list[str]:
    """One answer of the team."""
    if _WORKER.stdin is None or _WORKER.stdout is None:
        raise RuntimeError("the worker has no pipes")
    _WORKER.stdin.write(json.dumps(prompt or " ") + "\n")
    _WORKER.stdin.flush()
    return [json.loads(_WORKER.stdout.readline())]
