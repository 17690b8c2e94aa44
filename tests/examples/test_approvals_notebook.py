"""The notebook `examples/approvals.ipynb`, run as a reader runs it, without a mouse."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.examples.copied import EXAMPLES, NOTEBOOK, copied
from tests.views.notebook.browser import folders


@pytest.mark.filterwarnings("ignore")  # of the notebook's own machinery
async def test_the_notebook_tells_its_story(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every cell runs; the inbox stores cards for pages, and a table and text for everything else;
    the shop has given back what was approved and edited, once."""
    for name, folder in folders(tmp_path / "state").items():
        monkeypatch.setenv(name, folder)
    root = copied(tmp_path / "examples")
    notebook = nbformat.read(root / NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=90, resources={"metadata": {"path": str(root)}})
    await client.async_execute()
    cells = {c.metadata.tags[0]: c.outputs[0] for c in notebook.cells if c.cell_type == "code"}
    inbox = cells["inbox"].data
    assert "application/vnd.jupyter.widget-view+json" in inbox
    assert "4 waiting" in inbox["text/plain"]
    assert "INV-1004" in inbox["text/html"]
    made = "{'INV-1001': ['$20.00'], 'INV-1002': ['$15.00']}"
    assert cells["look"].data["text/plain"] == made
    assert cells["later"].data["text/plain"] == made[:-1] + ", 'INV-1004': ['$50.00']}"
    assert "lea" in cells["record"].data["text/html"]
    assert "approve by lea" in cells["twice"].text


def test_it_is_stored_without_outputs() -> None:
    """What a reader sees is what their own run made."""
    notebook = nbformat.read(EXAMPLES / NOTEBOOK, as_version=4)
    assert not any(c.get("outputs") or c.get("execution_count") for c in notebook.cells)
