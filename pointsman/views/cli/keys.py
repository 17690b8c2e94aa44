"""What a terminal sends, as keys. Pure: bytes in, keys out.

Sequences as in ECMA-48 and xterm's control sequences; pasted text comes in brackets (mode 2004), so
that a paste is never taken for commands.
"""

import codecs
from dataclasses import dataclass

MAX_PASTE = 100_000
"""Characters of one paste that are kept: more than any decision holds."""
_MAX_SEQUENCE = 32

_NAMES = {
    "A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end",
    "1~": "home", "7~": "home", "4~": "end", "8~": "end",
    "3~": "delete", "5~": "pageup", "6~": "pagedown",
}  # fmt: skip
_CONTROLS = {
    "\r": "enter", "\n": "enter", "\t": "tab", "\x7f": "backspace", "\x08": "backspace",
    "\x01": "home", "\x05": "end", "\x15": "clear", "\x17": "word", "\x0c": "redraw",
    "\x04": "end of input",
}  # fmt: skip
_PASTE_BEGINS, _PASTE_ENDS = "200~", "\x1b[201~"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its `name` where it has one (`up`, `enter`, `paste`), the `text` that it types."""

    name: str = ""
    text: str = ""


class Decoder:
    """Turns the bytes of a terminal into keys, however they are cut into pieces."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        """The beginning of a sequence whose end has not come."""
        self._paste: str | None = None

    @property
    def waits(self) -> bool:
        """Whether an Esc came that may be a key or begin a sequence. `flush` decides."""
        return self._paste is None and bool(self._held)

    def feed(self, data: bytes) -> list[Key]:
        """The keys that are complete with these bytes."""
        text = self._held + self._utf8.decode(data)
        self._held = ""
        keys: list[Key] = []
        while text:
            if self._paste is not None:
                text = self._pasted(text, keys)
            elif text[0] == "\x1b":
                text = self._sequence(text, keys)
            else:
                _add(keys, text[0])
                text = text[1:]
        return keys

    def flush(self) -> list[Key]:
        """Nothing more came: a lone Esc is the key, the beginning of a sequence is dropped."""
        if not self.waits:
            return []
        held, self._held = self._held, ""
        return [Key("esc")] if held == "\x1b" else []

    def _sequence(self, text: str, keys: list[Key]) -> str:
        """Take one escape sequence off the text; what follows it."""
        if len(text) == 1:
            self._held = text
            return ""
        if text[1] == "\x1b":
            keys.append(Key("esc"))
            return text[1:]
        if text[1] not in "[O":
            return text[2:]  # Alt and a key: nothing here
        for n, char in enumerate(text[2:_MAX_SEQUENCE], start=2):
            if "@" <= char <= "~":
                self._named(text[2 : n + 1], keys)
                return text[n + 1 :]
        if len(text) >= _MAX_SEQUENCE:
            return text[_MAX_SEQUENCE:]
        self._held = text
        return ""

    def _named(self, sequence: str, keys: list[Key]) -> None:
        if sequence == _PASTE_BEGINS:
            self._paste = ""
        elif sequence in _NAMES:
            keys.append(Key(_NAMES[sequence]))

    def _pasted(self, text: str, keys: list[Key]) -> str:
        """Take what belongs to the paste off the text; what follows it."""
        assert self._paste is not None  # noqa: S101 (feed looked)
        inside, ends, rest = text.partition(_PASTE_ENDS)
        if not ends:
            # The end may be cut in two: hold back what could begin it.
            cut = next((n for n in range(5, 0, -1) if inside.endswith(_PASTE_ENDS[:n])), 0)
            self._held = inside[len(inside) - cut :]
            self._paste = (self._paste + inside[: len(inside) - cut])[:MAX_PASTE]
            return ""
        whole, self._paste = (self._paste + inside)[:MAX_PASTE], None
        keys.append(Key("paste", whole))
        return rest


def _add(keys: list[Key], char: str) -> None:
    if char in _CONTROLS:
        keys.append(Key(_CONTROLS[char]))
    elif char.isprintable():
        keys.append(Key(text=char))


@dataclass
class Editor:
    """One line of text that is being typed. `at` is the cursor's place, 0 to len(text)."""

    text: str = ""
    at: int = 0

    def press(self, key: Key) -> bool:
        """Apply a key; whether it was one for the line."""
        match key:
            case Key(name="", text=typed) | Key(name="paste", text=typed):
                # A line stays a line: pasted line ends and tabs become spaces.
                flat = " ".join(typed.splitlines()) if key.name else typed
                self._put("".join(c if c.isprintable() else " " for c in flat))
            case Key(name="left"):
                self.at = max(0, self.at - 1)
            case Key(name="right"):
                self.at = min(len(self.text), self.at + 1)
            case Key(name="home"):
                self.at = 0
            case Key(name="end"):
                self.at = len(self.text)
            case Key(name="backspace"):
                self._cut(max(0, self.at - 1), self.at)
            case Key(name="delete"):
                self._cut(self.at, self.at + 1)
            case Key(name="clear"):
                self._cut(0, self.at)
            case Key(name="word"):
                begun = self.text[: self.at].rstrip()
                self._cut(begun.rfind(" ") + 1, self.at)
            case _:
                return False
        return True

    def _put(self, typed: str) -> None:
        self.text = self.text[: self.at] + typed + self.text[self.at :]
        self.at += len(typed)

    def _cut(self, start: int, end: int) -> None:
        self.text = self.text[:start] + self.text[end:]
        self.at = start
