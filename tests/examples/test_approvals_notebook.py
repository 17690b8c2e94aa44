"""The notebook `examples/approvals.ipynb`, run as a reader runs it, without a mouse."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy of the examples, so that their state stays out of the project."""
    skipped = shutil.ignore_patterns(".pointsman", "__pycache__")
    shutil.copytree(EXAMPLES / "support", tmp_path / "support", ignore=skipped)
    shutil.copy(EXAMPLES / "approvals.ipynb", tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("ignore")  # of the notebook's own machinery
async def test_the_notebook_tells_its_story(examples: Path) -> None:
    """Every cell runs; the inbox stores cards for pages, and a table and text for everything else;
    the shop has given back what was approved and edited, once."""
    notebook = nbformat.read(examples / "approvals.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=90, resources={"metadata": {"path": str(examples)}})
    await client.async_execute()
    cells = {c.metadata.tags[0]: c for c in notebook.cells if c.cell_type == "code"}
    shown = cells["inbox"].outputs[0].data
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert "4 waiting" in shown["text/plain"]
    assert "INV-1004" in shown["text/html"]
    looks = [c for c in notebook.cells if c.metadata.get("tags") == ["look"]]
    assert (
        looks[0].outputs[0].data["text/plain"] == "{'INV-1001': ['$20.00'], 'INV-1002': ['$15.00']}"
    )
    assert "'INV-1004': ['$50.00']" in looks[1].outputs[0].data["text/plain"]
    assert "approve by lea" in cells["twice"].outputs[0].text


def test_it_is_stored_without_outputs() -> None:
    """What a reader sees is what their own run made."""
    notebook = nbformat.read(EXAMPLES / "approvals.ipynb", as_version=4)
    assert all(not c.get("outputs") for c in notebook.cells)
