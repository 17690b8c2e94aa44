"""Classifiers of the package `transformers`, from a folder on this machine. Nothing is downloaded.

`transformers` and `torch` are no dependencies of pointsman. They are loaded at the first text.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pointsman.errors import Misconfigured, MissingExtra
from pointsman.nodes.digest import digest

if TYPE_CHECKING:
    from pydantic import JsonValue

_INSTALL = "pip install transformers torch"
_FEWEST = 64
"""Characters of a text that is not halved any more."""


def from_transformers(path: Path | str, *, trust_code: bool = False) -> "LocalClassifier":
    """The text classifier in a folder: `config.json`, tokenizer and weights as safetensors.

    `path` must be a folder that is there; the name of a model on a hub is refused. Some models
    (PIGuard is one) bring Python files that make them work: `trust_code` runs those of the folder,
    with all that this process may do. Raises Misconfigured for a folder that cannot be used,
    MissingExtra where `transformers` or `torch` is not installed.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise Misconfigured(
            f"There is no folder {str(path)!r} with a classifier.",
            hint="Download the model yourself and give its folder; names of a hub are not taken.",
        )
    config = _config(folder)
    labels = _labels(config, folder)
    _no_code_from_elsewhere(config, folder, trust_code=trust_code)
    for package in ("transformers", "torch"):
        if find_spec(package) is None:
            raise MissingExtra(
                f"The classifier in {folder} needs the package {package!r}, which is not"
                " installed.",
                hint=_INSTALL,
            )
    return LocalClassifier(folder.resolve(), labels, _version(folder), trust_code)


@dataclass(frozen=True)
class LocalClassifier:
    """A classifier in a folder. Make it with `from_transformers`. Loaded at the first text.

    A text of more tokens than the model reads is halved until its parts fit, none of it cut off;
    a label's score is the highest of any part. Not for threads: one text at a time.
    """

    folder: Path
    labels: tuple[str, ...]
    version: str
    """12 hex digits over the configuration and its code, and the names and sizes of the weights."""
    trust_code: bool = False

    def __call__(self, text: str) -> list[tuple[str, float]]:
        """Every label with its score. Raises Misconfigured for files that cannot be loaded."""
        tokenizer, _, limit = self._loaded
        best = dict.fromkeys(self.labels, 0.0)
        for part in _parts(text, lambda t: len(tokenizer(t)["input_ids"]) <= limit):
            for label, score in zip(self.labels, self._scores(part), strict=True):
                best[label] = max(best[label], score)
        return list(best.items())

    def _scores(self, text: str) -> list[float]:
        torch: Any = import_module("torch")
        tokenizer, model, _ = self._loaded
        with torch.inference_mode():
            logits = model(**tokenizer(text, return_tensors="pt")).logits[0].float()
            several = len(self.labels) == 1 or (
                getattr(model.config, "problem_type", None) == "multi_label_classification"
            )
            scores = logits.sigmoid() if several else logits.softmax(-1)
            return [min(max(float(score), 0.0), 1.0) for score in scores.tolist()]

    @cached_property
    def _loaded(self) -> tuple[Any, Any, int]:
        """Tokenizer, model, and how many tokens the model reads."""
        where = str(self.folder)
        try:
            package: Any = import_module("transformers")
            tokenizer = package.AutoTokenizer.from_pretrained(
                where, local_files_only=True, trust_remote_code=self.trust_code
            )
            # Safetensors only: other weights are pickles, which can run anything.
            model = package.AutoModelForSequenceClassification.from_pretrained(
                where,
                local_files_only=True,
                trust_remote_code=self.trust_code,
                use_safetensors=True,
            )
        except (ImportError, OSError, ValueError) as error:
            raise Misconfigured(
                f"The classifier in {where} cannot be loaded: {type(error).__name__}: {error}.",
                hint="It needs its tokenizer and its weights as safetensors; a model with code of"
                " its own needs trust_code=True.",
            ) from error
        model.eval()
        return tokenizer, model, _limit(tokenizer, model)


def _limit(tokenizer: Any, model: Any) -> int:
    """Tokens. The tokenizer often does not know; RoBERTa's positions are two more than it reads."""
    stated = int(getattr(tokenizer, "model_max_length", 0) or 0)
    positions = int(getattr(model.config, "max_position_embeddings", 0) or 0)
    known = [n for n in (stated, positions - 2) if 0 < n < 1_000_000]
    return min(known, default=512)


def _parts(text: str, fits: Callable[[str], bool]) -> list[str]:
    """The text in parts that fit; neighbours share an eighth."""
    if len(text) <= _FEWEST or fits(text):
        return [text]
    half, lap = len(text) // 2, len(text) // 16
    return [*_parts(text[: half + lap], fits), *_parts(text[half - lap :], fits)]


def _config(folder: Path) -> "Mapping[str, JsonValue]":
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"The folder {folder} has no config.json that can be read: {error}.",
            hint="Give the folder of a model as `transformers` saves it.",
        ) from error
    if not isinstance(config, dict):
        raise Misconfigured(f"{folder / 'config.json'} is no JSON object.")
    return cast("Mapping[str, JsonValue]", config)


def _labels(config: "Mapping[str, JsonValue]", folder: Path) -> tuple[str, ...]:
    named = config.get("id2label")
    try:
        if isinstance(named, dict) and named:
            labels = tuple(str(named[str(n)]) for n in range(len(named)))
            if len(set(labels)) == len(labels):
                return labels
    except KeyError:
        pass
    raise Misconfigured(
        f"{folder / 'config.json'} does not name the classifier's labels, each once (id2label).",
        hint="Give the folder of a text classifier.",
    )


def _no_code_from_elsewhere(
    config: "Mapping[str, JsonValue]", folder: Path, *, trust_code: bool
) -> None:
    """`auto_map` can name the code of another model, `owner/name--file.Class`."""
    if trust_code and "--" in json.dumps(config.get("auto_map")):
        raise Misconfigured(
            f"The classifier in {folder} takes its code from another model (auto_map).",
            hint="Put the Python files into the folder and take the `name--` out of auto_map.",
        )


def _version(folder: Path) -> str:
    texts = sorted([folder / "config.json", *folder.glob("*.py")])
    sizes = [f"{file.name} {file.stat().st_size}" for file in sorted(folder.glob("*.safetensors"))]
    return digest(*(file.read_text("utf-8", "replace") for file in texts), *sizes)[:12]
