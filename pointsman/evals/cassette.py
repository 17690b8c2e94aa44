"""Cassettes: what models answered in a run of a suite, so that it can be run again for nothing.

A JSONL file, one answered call a line, canonical JSON, sorted by sample and call. What a line shows
of a request has passed the filters for credentials and personal data; requests are told apart by
their digest, which is made before.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, cast

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from pointsman import errors
from pointsman.errors import BadInput, BadOutput, ModelRejected, PointsmanError
from pointsman.evals.recordfile import drop_half_line, replacing
from pointsman.evals.tap import Forward, Heard
from pointsman.guardrails.content import ContentFilter
from pointsman.nodes.digest import JsonObject, canonical, digest
from pointsman.nodes.gateway.key import content_digest
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.message import Frozen, Request, Turn
from pointsman.nodes.vault import SHAPE

SCHEMA = "pointsman.cassette@1"
_REPLY: TypeAdapter[ModelReply] = TypeAdapter(ModelReply)
Sample = tuple[str, int]
"""A case's id and its epoch."""


class Take(Frozen):
    """One call to a model and what came of it."""

    schema_version: Literal["pointsman.cassette@1"] = SCHEMA
    case: str
    epoch: int
    call: int
    """Its place among the sample's calls, from 0."""
    model: str
    purpose: str
    request: str
    """`content_digest` of what was asked."""
    asked: JsonObject
    """What was asked, redacted: to say what differs."""
    reply: JsonObject | None = None
    error: str = ""
    """Class of the error that the model's transport raised, in place of a reply."""
    message: str = Field(default="", max_length=2000)


class Masked:
    """Takes credentials and personal data out of texts, as the filters of a team do."""

    def __init__(self) -> None:
        self._filter = ContentFilter(checks=())

    def of(self, given: JsonObject) -> JsonObject:
        """The same object, its texts redacted."""
        return {name: self._one(value) for name, value in given.items()}

    def text(self, text: str) -> str:
        """A text, redacted. What is new in it is no placeholder: a vault holds nothing for it."""
        if not text:
            return text
        masked = self._filter.masked(Request(text=text)).text
        return SHAPE.sub(
            lambda found: found[0] if found[0] in text else f"(redacted {found[1].lower()})", masked
        )

    def _one(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._one(one) for one in value]
        return self.of(value) if isinstance(value, dict) else value


class Recording:
    """Writes what models answer. Goes on with a file that is there. Close it: that sorts it."""

    def __init__(self, path: Path) -> None:
        """Raises BadInput for a file that is no cassette."""
        self.path = path
        self._calls: dict[Sample, int] = defaultdict(int)
        self._mask = Masked()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            for _, take in takes(path):
                self._calls[take.case, take.epoch] += 1
            drop_half_line(path)
        self._file = path.open("ab")

    async def answer(
        self, heard: Heard, model: str, request: ModelRequest, forward: Forward
    ) -> ModelReply:
        """Ask the model and keep what it said. What stands in the file is what the run goes on
        with, so that a replay takes the same way."""
        trial = heard.trial
        sample = (trial.case.id, trial.epoch)
        call = self._calls[sample]
        self._calls[sample] += 1
        take = Take(
            case=trial.case.id, epoch=trial.epoch, call=call, model=model,
            purpose=request.purpose, request=content_digest(request),
            asked=self._mask.of(asked(request)),
        )  # fmt: skip
        try:
            reply = await forward()
        except PointsmanError as error:
            said = self._mask.text(error.message)[:2000]
            self._keep(take.model_copy(update={"error": type(error).__name__, "message": said}))
            raise
        kept = self._mask.of(_plain(reply))
        self._keep(take.model_copy(update={"reply": kept}))
        return _reply(kept)

    def close(self) -> None:
        """Sort the lines by case, epoch and call, so that two recordings compare line by line."""
        if self._file.closed:
            return
        self._file.close()
        places = sorted((take.case, take.epoch, take.call, at) for at, take in takes(self.path))
        with self.path.open("rb") as source, replacing(self.path) as out:
            for *_, at in places:
                source.seek(at)
                out.write(source.readline())

    def _keep(self, take: Take) -> None:
        self._file.write(canonical(take.model_dump(mode="json")) + b"\n")
        self._file.flush()


class Replay:
    """Answers from a cassette and asks no model. Holds where each sample's calls lie, and the calls
    of the samples under way."""

    def __init__(self, path: Path) -> None:
        """Raises BadInput for a file that is no cassette."""
        self.path = path
        self._mask = Masked()
        self._places: dict[Sample, list[int]] = defaultdict(list)
        for at, take in takes(path):
            self._places[take.case, take.epoch].append(at)
        if not self._places:
            raise BadInput(f"The cassette {path} is empty.", hint="Make one with --record.")

    async def answer(
        self, heard: Heard, model: str, request: ModelRequest, forward: Forward
    ) -> ModelReply:
        """The recorded answer to the same request, or the error that was recorded.

        Raises ModelRejected for a request that was not recorded, and notes in `heard` what differs:
        the sample counts as an error, whatever a fallback makes of it.
        """
        left = self._left(heard)
        wanted = content_digest(request)
        found = next((t for t in left if t.request == wanted and t.model == model), None)
        if found is None:
            said = self._drift(heard, left, model, request)
            heard.drifts.append(said)
            raise ModelRejected(said, hint="Record the suite anew: --record.")
        left.remove(found)
        heard.calls += 1
        if found.reply is None:
            raise _error(found)
        return _reply(found.reply)

    def _left(self, heard: Heard) -> list[Take]:
        """The sample's calls that were not asked for yet."""
        if heard.takes is None:
            sample = (heard.trial.case.id, heard.trial.epoch)
            with self.path.open("rb") as file:
                held: list[Take] = []
                for at in self._places.get(sample, ()):
                    file.seek(at)
                    held.append(Take.model_validate_json(file.readline()))
            heard.takes = held
        return heard.takes

    def _drift(self, heard: Heard, left: list[Take], model: str, request: ModelRequest) -> str:
        trial = heard.trial
        where = f"case {trial.case.id!r}, epoch {trial.epoch}, call {heard.calls + 1}"
        where += f" ({request.purpose})"
        like = next((t for t in left if t.purpose == request.purpose), None)
        if like is None:
            return f"{where} was not recorded: the sample's recording has no such call left"
        cleaned = self._mask.of(asked(request))
        differ = [] if like.model == model else [f"model: {like.model} is {model} now"]
        differ += differences(like.asked, cleaned)
        return f"{where} differs from what was recorded: {'; '.join(differ[:3]) or 'redacted text'}"


def takes(path: Path) -> Iterator[tuple[int, Take]]:
    """The lines of a cassette and where each begins. One that a crash cut off is passed over.

    Raises BadInput for a file that cannot be read or is no cassette.
    """
    at = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    yield at, _take(path, number, line)
                at += len(line)
    except OSError as error:
        raise BadInput(f"The cassette {path} cannot be read: {error}.") from error


def _take(path: Path, number: int, line: bytes) -> Take:
    try:
        return Take.model_validate_json(line)
    except ValidationError as error:
        raise BadInput(
            f"{path}:{number} is no line of a cassette.", hint="Give another file."
        ) from error


def asked(request: ModelRequest) -> JsonObject:
    """All of a request that decides its answer, as JSON. What comes from files and code, and is the
    same in many requests, stands as a digest: the prompt, its examples, tools, the schema."""
    examples: JsonValue = [
        [one.model_dump(mode="json") for one in example] for example in request.examples
    ]
    return {
        "turns": [_turn(turn) for turn in request.turns],
        "examples": _short(examples),
        "tools": {t.name: _short([t.description, t.parameters]) for t in request.tools},
        "choices": list(request.choices),
        "output_schema": _short(request.output_schema),
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "prompt_version": request.prompt_version,
    }


def _turn(turn: Turn) -> JsonValue:
    shown: JsonObject = turn.model_dump(mode="json", exclude_defaults=True)
    return shown | {"content": _short(turn.content)} if turn.role == "system" else shown


def _short(value: JsonValue) -> str:
    return digest(value)[:12] if value else ""


def differences(old: JsonValue, new: JsonValue, at: str = "") -> list[str]:
    """Where two JSON values differ, in words: the place, and what stood and stands there."""
    if isinstance(old, dict) and isinstance(new, dict):
        told: list[str] = []
        for key in sorted({*old, *new}):
            place = f"{at}.{key}" if at else key
            if key in old and key in new:
                told += differences(old[key], new[key], place)
            else:
                told.append(f"{place} is {'new' if key in new else 'gone'}")
        return told
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [said for n, (a, b) in pairs for said in differences(a, b, f"{at}.{n}")]
    if old == new:
        return []
    if isinstance(old, list) and isinstance(new, list):
        return [f"{at}: {len(old)} parts were {len(new)} now"]
    return [f"{at}: {_around(old, new)} is {_around(new, old)} now"]


def _around(one: JsonValue, other: JsonValue) -> str:
    """A text around the first place where it differs from another."""
    if not isinstance(one, str) or not isinstance(other, str):
        return repr(one)[:60]
    same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    begin = max(0, (min(len(one), len(other)) if same is None else same) - 15)
    return repr(("…" if begin else "") + one[begin : begin + 45])


def _plain(reply: ModelReply) -> JsonObject:
    return cast("JsonObject", _REPLY.dump_python(reply, mode="json"))


def _reply(kept: JsonObject) -> ModelReply:
    return _REPLY.validate_python(kept)


def _error(take: Take) -> PointsmanError:
    """The recorded error, of its class where that is one of a model's."""
    kinds = (
        errors.ModelOverloaded, errors.ModelTimeout, errors.ModelUnreachable, errors.ModelAuth,
        errors.UnknownModel, errors.ContextOverflow, errors.ContentRefused, errors.ModelRejected,
    )  # fmt: skip
    kind = next((k for k in kinds if k.__name__ == take.error), BadOutput)
    return kind(take.message)
