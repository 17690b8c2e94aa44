"""Messages as people give them: an argument, stdin, or a file of JSON lines."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, BinaryIO

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pointsman.errors import BadInput, InvalidMessage
from pointsman.nodes.message import new_id

MAX_BYTES = 1_000_000
"""A message of this size or more is refused. A line of a file may be six times as long: JSON
writes some characters as `\\u0000`."""


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Name = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=190)]


class Line(BaseModel):
    """One line of a messages file. Other fields (labels, notes) are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    text: str
    id: Name | None = None
    thread: Name | None = None
    tenant: Name = "default"
    priority: int = Field(default=5, ge=0, le=9)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A line and its number in the file, from 1; `fault` says why it cannot be run."""

    number: int
    line: Line | None
    fault: InvalidMessage | None = None


def from_argument(text: str) -> str:
    """A message given on the command line; `-` reads stdin. Raises InvalidMessage."""
    if text == "-":
        return decoded(sys.stdin.buffer.read(MAX_BYTES + 1), "The message on stdin")
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidMessage(
            "The message is not UTF-8 text.", hint="Set a UTF-8 locale, or give it on stdin."
        ) from error
    return decoded(data, "The message")


def decoded(data: bytes, what: str) -> str:
    """Bytes as text. Raises InvalidMessage when empty, too large, binary or not UTF-8."""
    if len(data) >= MAX_BYTES:
        raise InvalidMessage(
            f"{what} is too large: the limit is {MAX_BYTES:,} bytes.",
            hint="Send the part that matters, or pass files as attachments.",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidMessage(
            f"{what} is not UTF-8 text (byte {error.start + 1} is 0x{data[error.start]:02x}).",
            hint="Convert it to UTF-8 first.",
        ) from error
    if "\x00" in text:
        raise InvalidMessage(f"{what} is binary, not text.", hint="Give text in UTF-8.")
    if not text.strip():
        raise InvalidMessage(f"{what} is empty.", hint="Write what you want to ask.")
    return text


def lines_of(path: str, *, start: int = 1) -> tuple[Numbered, ...]:
    """Every line of a file of JSON lines, `-` for stdin. A bad line carries its fault.

    Blank lines are skipped, and lines before number `start`. Raises BadInput for a file that
    cannot be read or holds no message.
    """
    if path == "-":
        found = tuple(_numbered(sys.stdin.buffer, start))
    else:
        try:
            with Path(path).open("rb") as file:
                found = tuple(_numbered(file, start))
        except OSError as error:
            raise BadInput(
                f"The messages file {path!r} cannot be read: {error.strerror or error}.",
                hint="Give --file a file of JSON lines.",
            ) from error
    if not found:
        after = f" from line {start} on" if start > 1 else ""
        raise BadInput(
            f"The messages file {path!r} holds no message{after}.",
            hint='Write one JSON object a line: {"text": "..."}.',
        )
    return found


def renewed(lines: tuple[Numbered, ...]) -> tuple[Numbered, ...]:
    """The lines as messages nobody has seen: ids and threads get a mark of this batch."""
    mark = new_id()[:6]

    def fresh(line: Line) -> Line:
        return line.model_copy(
            update={
                "id": line.id and f"{line.id}.{mark}",
                "thread": line.thread and f"{line.thread}.{mark}",
            }
        )

    return tuple(n if n.line is None else replace(n, line=fresh(n.line)) for n in lines)


def _numbered(file: BinaryIO, start: int) -> Iterator[Numbered]:
    limit = 6 * MAX_BYTES
    number, dropping = 0, False
    while data := file.readline(limit + 1):
        ended = data.endswith(b"\n")
        if dropping:
            dropping = not ended
            continue
        number += 1
        dropping = len(data) > limit and not ended
        if number < start or not data.strip():
            continue
        try:
            yield Numbered(number, _line(data, number))
        except InvalidMessage as fault:
            yield Numbered(number, None, fault)


def _line(data: bytes, number: int) -> Line:
    what = f"Line {number}"
    if len(data) > 6 * MAX_BYTES:
        raise InvalidMessage(f"{what} is too large: a message has at most {MAX_BYTES:,} bytes.")
    try:
        text = data.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise InvalidMessage(
            f"{what} is not UTF-8 text (byte {error.start + 1} is 0x{data[error.start]:02x})."
        ) from error
    try:
        line = Line.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        why = f"{field}: {first['msg']}" if field else first["msg"]
        raise InvalidMessage(
            f"{what} is no message: {why}.", hint='A line is a JSON object like {"text": "..."}.'
        ) from error
    decoded(_encoded(line.text, what), f"{what}: the text")
    return line


def _encoded(text: str, what: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidMessage(
            f"{what}: the text holds half a character (a lone surrogate)."
        ) from error
