"""Static word embeddings, read from the files that the package `wordllama` ships in its wheel.

Only two of its files are read: a table of 32,000 vectors of 256 half floats (safetensors), and the
tokenizer that names its rows. The package itself, which would load NumPy, is not imported.
"""

import hashlib
import json
import math
import mmap
import struct
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pointsman.errors import Misconfigured, MissingExtra
from pointsman.nodes.routing.features import LONGEST

WIDTH = 256
"""Numbers of a vector."""
_TABLE = "weights/l2_supercat_256.safetensors"
_TOKENS = "tokenizers/l2_supercat_tokenizer_config.json"
INSTALL = 'pip install "pointsman[vectors]"'


class WordVectors:
    """The embedding of a text: the mean of its tokens' vectors, brought to length 1."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._tokens = Tokenizer.from_file(str(folder / _TOKENS))
        self._tokens.no_padding()
        self._tokens.no_truncation()
        with (folder / _TABLE).open("rb") as file:
            self._table = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        (head,) = struct.unpack_from("<Q", self._table)
        (table,) = (v for k, v in json.loads(self._table[8 : 8 + head]).items() if k[0] != "_")
        if table["dtype"] != "F16" or table["shape"][1] != WIDTH:
            raise Misconfigured(f"{folder / _TABLE} holds no table of {WIDTH} half floats a row.")
        self._rows: int = table["shape"][0]
        self._start: int = 8 + head + table["data_offsets"][0]
        self.digest = hashlib.sha256(self._table).hexdigest()

    def embed(self, text: str) -> list[float]:
        """WIDTH numbers; zeros for a text without a token."""
        ids: list[int] = self._tokens.encode(text[:LONGEST], add_special_tokens=False).ids
        rows = [
            struct.unpack_from(f"<{WIDTH}e", self._table, self._start + 2 * WIDTH * n)
            for n in ids
            if n < self._rows
        ]
        sums = [sum(column, 0.0) for column in zip(*rows, strict=True)] or [0.0] * WIDTH
        length = math.sqrt(math.fsum(n * n for n in sums))
        return [n / length for n in sums] if length else sums


@cache
def word_vectors() -> WordVectors:
    """The installed table, opened once. Raises MissingExtra where the package is not installed."""
    found = find_spec("wordllama")
    if found is None or found.origin is None:
        raise MissingExtra("The classifier's word vectors are not installed.", hint=INSTALL)
    try:
        return WordVectors(Path(found.origin).parent)
    except (OSError, ValueError, KeyError, ImportError, struct.error) as error:
        raise Misconfigured(
            f"The word vectors of the package wordllama cannot be read: {error}.",
            hint=INSTALL,
        ) from error
