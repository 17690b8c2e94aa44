"""A copy of what the notebooks need, so that their state stays out of the project."""

import shutil
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOK = "approvals.ipynb"


def copied(to: Path, notebook: str = NOTEBOOK) -> Path:
    """The folder `to`, with the notebook and the project `support` in it."""
    skipped = shutil.ignore_patterns(".pointsman", "__pycache__")
    shutil.copytree(EXAMPLES / "support", to / "support", ignore=skipped)
    shutil.copy(EXAMPLES / notebook, to)
    return to
