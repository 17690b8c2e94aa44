"""What goes along with a hand-off: what was read and said so far, each text with its origin.

The next specialist sees it as the result of a tool, the place that models trust least, and the
provenance of what it proposes is read from the quotes: nothing becomes the person's on the way.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from math import isfinite

from pydantic import JsonValue

from pointsman.nodes.message import Quote, Request, ToolCall, Turn
from pointsman.nodes.tool import AnyTool

HANDED = "handed_on"
"""Name of the tool turn that shows it."""
MOST_QUOTES = 24
MOST_CHARACTERS = 24_000
"""Of all quotes of a request together. What is beyond is left behind, the oldest first."""
_LONGEST = 8_000
_ID = "handed_on_0"


def handed(
    specialist: str,
    reason: str,
    request: Request,
    transcript: Sequence[Turn],
    tools: Mapping[str, AnyTool],
    summary: str = "",
) -> tuple[Quote, ...]:
    """The quotes that go on: those that came, then what `specialist` read, its summary of what was
    said, and why it hands on.

    Where nothing was read and nothing summed up there are none: the reason stands in the hand-off
    itself. At most MOST_QUOTES of MOST_CHARACTERS together. One that did not fit stays as a quote
    that is cut, since a value that came from there must not look as if it came from nowhere.
    """
    asked = {call.id: call for turn in transcript for call in turn.tool_calls}
    quotes = list(request.handed)
    for turn in transcript:
        if turn.role != "tool" or is_handed(turn, request):
            continue
        tool = tools.get(turn.name or "")
        records = tool is not None and tool.returns == "records"
        quotes.append(
            Quote(
                origin="tool" if records else "document",
                source=turn.name or "",
                text=turn.content,
                asked=_given(asked.get(turn.tool_call_id or "")),
            )
        )
    if summary.strip():
        quotes.append(Quote(origin="model", source=specialist, text=summary))
    if reason.strip() and quotes:
        quotes.append(Quote(origin="model", source=specialist, text=reason))
    return bounded(quotes)


def bounded(quotes: Sequence[Quote], *, characters: int = MOST_CHARACTERS) -> tuple[Quote, ...]:
    """The newest that fit, in their order; of what does not fit, that there was something."""
    kept: list[Quote] = []
    left = min(characters, MOST_CHARACTERS)
    for n, quote in enumerate(reversed(quotes)):
        if n >= MOST_QUOTES - 1 and n < len(quotes) - 1:
            kept.append(_rest(quotes[: len(quotes) - n]))
            break
        short = _cut(quote, min(_LONGEST, left))
        left -= len(short.text) + len(short.asked)
        kept.append(short)
    return tuple(reversed(kept))


def _rest(quotes: Sequence[Quote]) -> Quote:
    """One that stands for many: a document, if any of them is."""
    documents = [q.source for q in quotes if q.origin == "document"]
    origin, source = ("document", documents[-1]) if documents else ("tool", quotes[-1].source)
    return Quote(origin=origin, source=source, text="", cut=True)


def _cut(quote: Quote, room: int) -> Quote:
    if len(quote.text) + len(quote.asked) <= room:
        return quote
    # Without all of what was asked an echo would pass for a finding.
    if len(quote.asked) >= room:
        return quote.model_copy(update={"text": "", "asked": "", "cut": True})
    # At a space: half a number is another number.
    kept, space, _ = quote.text[: room - len(quote.asked)].rpartition(" ")
    return quote.model_copy(update={"text": kept if space else "", "cut": True})


def shown(request: Request, *, tools: bool) -> tuple[Turn, ...]:
    """The quotes as a call and its result. None for a specialist without tools: some models refuse
    such turns there."""
    if not _any(request) or not tools:
        return ()
    call = ToolCall(id=_ID, name=HANDED)
    return (
        Turn(role="assistant", tool_calls=(call,)),
        Turn(role="tool", content=_all_worded(request), tool_call_id=_ID, name=HANDED),
    )


def inline(request: Request) -> str:
    """The same as a part of the question, for a specialist without tools. It can do nothing that
    a text could talk it into, but say something wrong."""
    if not _any(request):
        return ""
    return f"\n\n[Handed on by others, not written by the person]\n{_all_worded(request)}"


def is_handed(turn: Turn, request: Request) -> bool:
    """Whether this turn shows the quotes. By its id, which no call of a model can have then."""
    return _any(request) and turn.name == HANDED and turn.tool_call_id == _ID


def _any(request: Request) -> bool:
    return bool(request.handed) or request.data is not None


def _all_worded(request: Request) -> str:
    quotes = [_worded(quote) for quote in request.handed]
    if request.data is not None:
        data = json.dumps(request.data, ensure_ascii=False)
        quotes.append(f"What to work on, as whoever handed it on put it: {data}")
    return "\n\n".join(quotes)


def _worded(quote: Quote) -> str:
    whose = {
        "model": f"{quote.source} handed this on, and says",
        "tool": f"From {quote.source}, read before",
        "document": f"From {quote.source}, read before, written by others",
    }
    more = " [the rest was left out]" if quote.cut else ""
    return f"{whose[quote.origin]}: {quote.text}{more}"


def _given(call: ToolCall | None) -> str:
    return "\n".join(said(call.args)) if call else ""


def said(value: JsonValue) -> Iterator[str]:
    """Every text and number that a call gives to its tool, names of fields too."""
    match value:
        case dict():
            for name, inner in value.items():
                yield name
                yield from said(inner)
        case list():
            for inner in value:
                yield from said(inner)
        case str():
            yield value
        case bool() | None:
            pass
        case int():
            yield str(value)
        case float() if isfinite(value):
            yield format(Decimal(repr(value)), "f")
        case _:
            pass
