"""Static word vectors: read from files in the shape of the package that ships them."""

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from pointsman.errors import Misconfigured, MissingExtra
from pointsman.nodes.routing.fit import fit
from pointsman.nodes.routing.fitted import FittedClassifier
from pointsman.nodes.routing.vectors import WIDTH, WordVectors, word_vectors
from tests.nodes.routing.shop import SHOP

WORDS = ("?", "bill", "invoice", "parcel", "statement")
ROWS = ((0.0, 0.0, 1.0), (3.0, 0.0, 0.0), (2.0, 0.0, 0.0), (0.0, 4.0, 0.0), (5.0, 0.0, 0.0))


def package(folder: Path, *, scale: float = 1.0, dtype: str = "F16") -> Path:
    """A package folder with a small table: a statement is a bill, a parcel is not."""
    home = folder / "wordllama"
    for part in ("weights", "tokenizers"):
        (home / part).mkdir(parents=True)
    (home / "__init__.py").write_text("raise ImportError('the package is not to be imported')")
    table = b"".join(
        struct.pack(f"<{WIDTH}e", *(scale * n for n in row), *([0.0] * (WIDTH - 3))) for row in ROWS
    )
    place = {"dtype": dtype, "shape": [len(ROWS), WIDTH], "data_offsets": [0, len(table)]}
    head = json.dumps({"__metadata__": {"format": "np"}, "embedding.weight": place}).encode()
    path = home / "weights" / "l2_supercat_256.safetensors"
    path.write_bytes(struct.pack("<Q", len(head)) + head + table)
    tokens = Tokenizer(models.WordLevel({w: n for n, w in enumerate(WORDS)}, unk_token="?"))
    tokens.pre_tokenizer = pre_tokenizers.Whitespace()
    tokens.save(str(home / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    return home


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    word_vectors.cache_clear()
    yield
    word_vectors.cache_clear()


def test_a_text_is_the_mean_of_its_words(tmp_path: Path) -> None:
    """The sum of the rows, brought to length 1; no row, no vector."""
    table = WordVectors(package(tmp_path))
    found = table.embed("bill parcel")
    assert [round(n, 12) for n in found[:3]] == [0.6, 0.8, 0.0]
    assert len(found) == WIDTH
    assert table.embed("") == [0.0] * WIDTH


def test_a_word_without_an_example_is_known_by_its_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With vectors, a word that no example has leans to the label of words near it; the file says
    which table it needs, and a saved classifier serves the same."""
    home = package(tmp_path)
    monkeypatch.syspath_prepend(str(home.parent))
    fitted = fit(SHOP, vectors=True)
    assert fitted.classify("statement").label == "billing"
    assert fitted.digest != fit(SHOP).digest
    fitted.save(tmp_path / "file.json")
    loaded = FittedClassifier.load(tmp_path / "file.json")
    assert loaded.classify("statement") == fitted.classify("statement")
    assert "wordllama" not in sys.modules


def test_another_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier is not served with vectors that it was not fitted with."""
    one, other = package(tmp_path / "one"), package(tmp_path / "other", scale=2.0)
    with monkeypatch.context() as context:
        context.syspath_prepend(str(one.parent))
        fit(SHOP, vectors=True).save(tmp_path / "file.json")
    word_vectors.cache_clear()
    monkeypatch.syspath_prepend(str(other.parent))
    with pytest.raises(Misconfigured, match="other word vectors"):
        FittedClassifier.load(tmp_path / "file.json")


def test_a_table_of_another_kind_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that holds no half floats is not read as if it did."""
    home = package(tmp_path, dtype="F32")
    monkeypatch.syspath_prepend(str(home.parent))
    with pytest.raises(Misconfigured, match="half floats"):
        word_vectors()


def test_a_damaged_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file has an error that names the package."""
    home = package(tmp_path)
    (home / "weights" / "l2_supercat_256.safetensors").unlink()
    monkeypatch.syspath_prepend(str(home.parent))
    with pytest.raises(Misconfigured, match="wordllama cannot be read"):
        word_vectors()


def test_without_the_package_the_error_has_the_install_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where no such package is found, the error names the extra."""
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "wordllama", raising=False)
    with pytest.raises(MissingExtra, match=r'pip install "pointsman\[vectors\]"'):
        word_vectors()


def test_the_shipped_table_knows_what_words_mean() -> None:
    """The real one, of the extra `vectors`: a package is nearer to a parcel than to an invoice."""
    table = word_vectors()

    def near(a: str, b: str) -> float:
        return sum(x * y for x, y in zip(table.embed(a), table.embed(b), strict=True))

    assert near("parcel", "package") > near("parcel", "invoice") + 0.1
    assert near("refund my money", "I want a reimbursement") > near("refund my money", "a red car")
