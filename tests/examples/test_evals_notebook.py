"""The notebook `examples/evals.ipynb`, run as a reader runs it."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.examples.copied import EXAMPLES, copied
from tests.views.notebook.browser import folders

NOTEBOOK = "evals.ipynb"


def shown(outputs: list[nbformat.NotebookNode]) -> str:
    """What a cell printed and gave, as text. What is printed may come in any number of parts."""
    texts = [o.text if o.output_type == "stream" else o.data["text/plain"] for o in outputs]
    return "".join(texts)


@pytest.mark.filterwarnings("ignore")  # of the notebook's own machinery
async def test_the_notebook_tells_its_story(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that passes, one that is worse, both compared, gated by the committed baseline, and a
    report that holds what got worse."""
    for name, folder in folders(tmp_path / "state").items():
        monkeypatch.setenv(name, folder)
    root = copied(tmp_path / "examples", NOTEBOOK)
    notebook = nbformat.read(root / NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=90, resources={"metadata": {"path": str(root)}})
    await client.async_execute()
    cells = {c.metadata.tags[0]: shown(c.outputs) for c in notebook.cells if c.cell_type == "code"}
    assert "hold-short" in cells["setup"]
    assert "16 of 16 pass, 0 errors" in cells["run"]
    assert "16 of 16" in cells["table"]
    assert "11 of 16 pass, 0 errors" in cells["worse"]
    assert "no evidence" in cells["compare"]
    assert "refund-double-charge: approvals, contains, effects, tickets" in cells["lost"]
    assert "was refunded" in cells["lost"]
    assert "good: passed\nworse: FAILED" in cells["gate"]
    assert "effects: at least" in cells["gate"]
    assert "16 samples in full" in cells["report"]
    assert "report.html" in cells["report"]
    page = root / "support" / ".pointsman" / "notebook" / "report.html"
    assert "refund-double-charge" in page.read_text("utf-8")


def test_it_is_stored_without_outputs() -> None:
    """What a reader sees is what their own run made."""
    notebook = nbformat.read(EXAMPLES / NOTEBOOK, as_version=4)
    assert not any(c.get("outputs") or c.get("execution_count") for c in notebook.cells)
