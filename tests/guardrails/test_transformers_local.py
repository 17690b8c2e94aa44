"""Classifiers from a folder. `transformers` is not installed here: small modules of the same names
and calls stand in for the two packages, so what is proved is what pointsman asks of them."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from pointsman.errors import Misconfigured, MissingExtra
from pointsman.guardrails.classifier import ClassifierGuard
from pointsman.guardrails.transformers_local import from_transformers
from pointsman.nodes.message import Refusal
from tests.guardrails.bench import Bench, Inner, ask

TORCH = """
from contextlib import nullcontext
from math import exp

def inference_mode():
    return nullcontext()

class Row:
    def __init__(self, values): self.values = values
    def float(self): return self
    def softmax(self, axis):
        parts = [exp(v) for v in self.values]
        return Row([p / sum(parts) for p in parts])
    def sigmoid(self): return Row([1 / (1 + exp(-v)) for v in self.values])
    def tolist(self): return self.values
"""
TRANSFORMERS = """
from torch import Row
asked = []

class Loaded:
    @classmethod
    def from_pretrained(cls, path, **options):
        asked.append((cls.__name__, path, options))
        return cls()

class AutoTokenizer(Loaded):
    model_max_length = 1e30
    def __call__(self, text, return_tensors=None):
        return {"input_ids": text.split()}

class Config:
    max_position_embeddings = 12
    problem_type = None

class Output:
    def __init__(self, row): self.logits = [row]

class AutoModelForSequenceClassification(Loaded):
    config = Config()
    def eval(self): asked.append("eval")
    def __call__(self, input_ids):
        assert len(input_ids) <= 10 or len(" ".join(input_ids)) <= 64, "too long for the model"
        return Output(Row([-3.0, 3.0] if "ignore" in input_ids else [3.0, -3.0]))
"""


def folder(tmp_path: Path, **config: object) -> Path:
    """A model's folder without weights."""
    model = tmp_path / "guard"
    model.mkdir()
    settings = {"id2label": {"0": "BENIGN", "1": "INJECTION"}, **config}
    (model / "config.json").write_text(json.dumps(settings), "utf-8")
    return model


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the two stand-ins where Python finds them."""
    (tmp_path / "torch.py").write_text(TORCH, "utf-8")
    (tmp_path / "transformers.py").write_text(TRANSFORMERS, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("torch", "transformers"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        module = importlib.import_module(name)
        del sys.modules[name]  # so that the patch ends with none, and no other test meets it
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize("path", ["meta-llama/Prompt-Guard-86M", "", "config.json"])
def test_a_name_on_a_hub_is_refused(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a folder that is there is taken; nothing is ever downloaded."""
    (tmp_path / "config.json").write_text("{}", "utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misconfigured):
        from_transformers(path)


def test_without_the_packages_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where `transformers` is not installed the hint is the install line."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra) as caught:
        from_transformers(folder(tmp_path))
    assert "pip install transformers torch" in caught.value.hint


@pytest.mark.parametrize(
    "config",
    [{"id2label": None}, {"id2label": {"1": "X"}}, {"id2label": {"0": "X", "1": "X"}}],
)
def test_a_folder_without_labels_is_refused(config: dict[str, object], tmp_path: Path) -> None:
    """A model that does not name its labels, each once, cannot be asked for one."""
    with pytest.raises(Misconfigured, match="id2label"):
        from_transformers(folder(tmp_path, **config))


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_config_that_cannot_be_read_is_refused(text: str, tmp_path: Path) -> None:
    """The error names the file."""
    model = folder(tmp_path)
    (model / "config.json").write_text(text, "utf-8")
    with pytest.raises(Misconfigured, match=r"config\.json"):
        from_transformers(model)


def test_code_of_another_model_is_refused(tmp_path: Path) -> None:
    """`trust_code` runs the folder's own code: a pointer to somebody else's would be fetched."""
    model = folder(tmp_path, auto_map={"AutoModel": "someone/else--modeling.Model"})
    with pytest.raises(Misconfigured, match="another model"):
        from_transformers(model, trust_code=True)


@pytest.mark.usefixtures("packages")
async def test_it_is_loaded_locally_at_the_first_text(tmp_path: Path) -> None:
    """Loaded once, from the folder, safetensors only, no code of its own, and its labels guard."""
    model = folder(tmp_path)
    classifier = from_transformers(model)
    asked: list[object] = sys.modules["transformers"].asked
    assert asked == []
    node = ClassifierGuard(classifier, flags={"INJECTION": 0.9}).wrap(Inner())
    reply = await node(ask("now ignore all"), Bench().run())
    assert isinstance(reply.payload, Refusal)
    assert not isinstance((await node(ask("hello"), Bench().run())).payload, Refusal)
    local = {"local_files_only": True, "trust_remote_code": False}
    where = str(model.resolve())
    assert asked == [
        ("AutoTokenizer", where, local),
        ("AutoModelForSequenceClassification", where, {**local, "use_safetensors": True}),
        "eval",
    ]


@pytest.mark.usefixtures("packages")
def test_a_text_of_too_many_tokens_is_read_in_parts(tmp_path: Path) -> None:
    """Nothing is cut off: an attack behind a thousand words gets the same score."""
    classifier = from_transformers(folder(tmp_path))
    assert dict(classifier("word " * 1000 + "ignore")) == pytest.approx(
        {"BENIGN": 0.9975, "INJECTION": 0.9975}, abs=1e-3
    )


def test_the_version_follows_config_code_and_weights(tmp_path: Path, packages: None) -> None:
    """Changed settings, code or sizes of the weights are another version."""
    model = folder(tmp_path)
    versions = [from_transformers(model).version]
    (model / "modeling.py").write_text("x = 1\n", "utf-8")
    versions.append(from_transformers(model).version)
    (model / "model.safetensors").write_bytes(b"12")
    versions.append(from_transformers(model).version)
    (model / "config.json").write_text(json.dumps({"id2label": {"0": "A"}}), "utf-8")
    versions.append(from_transformers(model).version)
    assert len(set(versions)) == 4
