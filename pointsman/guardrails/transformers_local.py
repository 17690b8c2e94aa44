"""Classifiers of the package `transformers`, from a folder on this machine. Nothing is downloaded.

`transformers` and `torch` are no dependencies of pointsman. They are loaded at the first text.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pointsman.errors import MissingExtra, Misconfigured
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
