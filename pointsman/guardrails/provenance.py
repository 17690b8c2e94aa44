"""Where the sensitive arguments of a proposed call come from: the person's own words, or not.

Trust needs the very value, suspicion only a likeness: a person's text or a record must hold a value
letter for letter, while a document is its source also when the two only look the same. What a word
means in its sentence is not understood: a number that stands there counts, whatever it counts. And
what a person pasted, the person said.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from pydantic import BaseModel, JsonValue

from pointsman.guardrails.literal import Needle, Text, number_of
from pointsman.guardrails.quoting import Quoting, pointers
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.handed import is_handed, said
from pointsman.nodes.message import Origin, Provenance, Quote, Request, ToolCall, Turn
from pointsman.nodes.specialist import AnyTool

INSIDE = " ({})"
"""Ends the path of a link, an address or a long number inside a text."""
LONGEST_POINTER = 80
_LETTERS, _DIGITS = 3, 5
NAME = " (name)"
"""Ends the path of an entry whose name was chosen by the call, as the keys of a free object are."""


def provenance(
    tool: AnyTool,
    args: JsonObject,
    request: Request,
    transcript: Sequence[Turn],
    tools: Mapping[str, AnyTool],
) -> tuple[Provenance, ...]:
    """The origin of every sensitive leaf of frozen `args`; `transcript` is what came before them.

    The first that holds: `person`, in the request's text or an earlier user turn; `tool`, in a
    result of one of `tools` that returns records, unless its call held the value too (an echo
    proves nothing); `document`, in any other result or an attachment's name or address; `default`;
    `model`. Empty lists and objects are leaves too, and so are the names in a free object, at their
    path and NAME. Of a text for others to read (`Tool.content`) the question is what it quotes, and
    what in it points somewhere is a leaf of its own. Quotes that came with a hand-off count as what
    they are. Truth values, null and texts without a word are found nowhere.
    """
    sources = _Sources(request, transcript, tools)
    schema = _schema(tool.args_model)
    defaults = dict(_defaults(schema))
    found: list[Provenance] = []
    sensitive = args if tool.sinks is None else dict.fromkeys((*tool.sinks, *tool.content))
    for name in sensitive:
        for path, value in _parts(args[name], name, schema.names) if name in args else ():
            content = name in tool.content and isinstance(value, str)
            origin, source = sources.of_content(str(value)) if content else sources.of(value)
            if origin == "model" and path in defaults and _same(defaults[path], value):
                origin = "default"
            found.append(
                Provenance(
                    argument=path,
                    origin=origin,
                    source=source,
                    content=content,
                    slight=_slight(value),
                )
            )
            for pointer in pointers(str(value)) if content and origin != "person" else ():
                origin, source = sources.of(pointer)
                shown = f"{path}{INSIDE.format(pointer[:LONGEST_POINTER])}"
                found.append(Provenance(argument=shown, origin=origin, source=source))
    return tuple(found)


class _Sources:
    """The texts that came before a call, by how far they are trusted. Read when first needed."""

    def __init__(
        self, request: Request, transcript: Sequence[Turn], tools: Mapping[str, AnyTool]
    ) -> None:
        self._person = [
            *(Text(said) for said in ((request.text,) if request.said is None else request.said)),
            *(Text(t.content) for t in request.history if t.role == "user"),
        ]
        calls = {call.id: call for turn in transcript for call in turn.tool_calls}
        self._records: list[tuple[str, Text, Text]] = []
        self._documents: list[tuple[str, Text]] = [
            (a.name or a.uri, Text(text)) for a in request.attachments for text in (a.uri, a.name)
        ]
        self._cut = ""
        for quote in request.handed:
            self._quoted(quote)
        for turn in transcript:
            if turn.role != "tool" or is_handed(turn, request):
                continue
            name, text = turn.name or "", Text(turn.content)
            # A name that is no tool's was made up by the model, and the result quotes it.
            if name in tools and tools[name].returns == "records":
                self._records.append((name, text, _asked(calls.get(turn.tool_call_id or ""))))
            else:
                self._documents.append((name, text))

    def of(self, value: JsonValue) -> tuple[Origin, str]:
        """Where the value stands first, and the source's name; `model` where it stands nowhere."""
        needle = Needle(value)
        if any(needle.stands_in(text) for text in self._person):
            return "person", ""
        for name, text, asked in self._records:
            if needle.stands_in(text) and not needle.resembles(asked):
                return "tool", name
        for name, text in self._documents:
            if needle.resembles(text):
                return "document", name
        return ("document", self._cut) if self._cut else ("model", "")

    def of_content(self, text: str) -> tuple[Origin, str]:
        """As `of`, for a text that others will read: it comes from all that it quotes."""
        origin, source = self.of(text)
        if origin != "model":
            return origin, source
        quoting = Quoting(text, self._person)
        for name, one in self._documents:
            if quoting.quotes(one):
                return "document", name
        for name, one, _ in self._records:
            if quoting.quotes(one):
                return "tool", name
        return "model", ""

    def _quoted(self, quote: Quote) -> None:
        """What came with a hand-off keeps its label. A specialist's own words are no source, and
        what a document held beyond its cut could be anything that stands nowhere else."""
        text = Text(quote.text)
        match quote.origin:
            case "tool":
                self._records.append((quote.source, text, Text(quote.asked)))
            case "document":
                self._documents.append((quote.source, text))
                self._cut = self._cut or (quote.source or "document" if quote.cut else "")
            case "model":
                pass


def _asked(call: ToolCall | None) -> Text:
    """All that a call gave to its tool."""
    return Text("\n".join(said(call.args)) if call else "")


def _parts(value: JsonValue, path: str, names: frozenset[str]) -> Iterator[tuple[str, JsonValue]]:
    """Path and value of each leaf. A name that the schema does not have is the call's own choice:
    an object from recipients to amounts hides its recipients there."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            if name not in names:
                yield f"{path}.{name}{NAME}", name
            yield from _parts(inner, f"{path}.{name}", names)
    elif isinstance(value, list) and value:
        for n, inner in enumerate(value):
            yield from _parts(inner, f"{path}.{n}", names)
    else:
        yield path, value


@dataclass(frozen=True)
class _Schema:
    """What a tool's JSON Schema says of names and defaults."""

    defaults: Mapping[str, JsonValue]
    names: frozenset[str]


@lru_cache(maxsize=256)
def _schema(model: type[BaseModel]) -> _Schema:
    schema = cast("JsonObject", model.model_json_schema(by_alias=False))
    fields = cast("Mapping[str, JsonValue]", schema.get("properties", {}))
    defaults = {
        n: f["default"] for n, f in fields.items() if isinstance(f, dict) and "default" in f
    }
    return _Schema(defaults, frozenset(_names(schema)))


def _names(schema: JsonValue) -> Iterator[str]:
    if isinstance(schema, dict):
        properties = schema.get("properties")
        yield from properties if isinstance(properties, dict) else ()
        for inner in schema.values():
            yield from _names(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _names(inner)


def _defaults(schema: _Schema) -> Iterator[tuple[str, JsonValue]]:
    for name, value in schema.defaults.items():
        yield from _parts(value, name, schema.names)


def _slight(value: JsonValue) -> bool:
    """Fewer than three letters, and fewer than five digits."""
    text = value if isinstance(value, str) else number_of(value)
    letters, digits = sum(map(str.isalpha, text)), sum(map(str.isdigit, text))
    return letters < _LETTERS and digits < _DIGITS


def _same(one: JsonValue, other: JsonValue) -> bool:
    return isinstance(one, bool) is isinstance(other, bool) and one == other
