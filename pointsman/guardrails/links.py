"""Links that lead out: images that are fetched without a click, and links that carry data.

A text that is shown as Markdown or HTML can send what it knows to a stranger: an image's address is
fetched as soon as it is drawn. Read in Markdown (inline, by reference, autolinks), HTML, BBCode,
CSS and plain text. A host without a scheme (`evil.example`) is no link here.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote

from pointsman.guardrails.canonical import Canonical
from pointsman.guardrails.check import Action, Place
from pointsman.guardrails.hosts import allowed, checked, readings, scheme, target
from pointsman.guardrails.rules import Found, Rule, RuleSet
from pointsman.nodes.digest import digest

_HARMLESS = frozenset({"", "mailto", "tel", "sms"})
_WEB = frozenset({"http", "https"})
_SCRIPT = frozenset({"javascript", "vbscript", "data", "blob", "file", "filesystem"})
_SHAPES = (
    Rule("reference", r"(?m)^[ >\t*-]*\[[^\]\n]+\]:\s*(?:<[^<>\n]*>|\S+)"),
    Rule("html", r"<[A-Za-z][^<>]*>?"),
    Rule("html", r"<[A-Za-z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>?"),
    Rule("css", r"(?i)\burl\(\s*[\"']?[^\s\"')]+|@import\s+[\"'][^\"']+"),
    Rule("bbcode", r"(?i)\[(?:img|url)(?:=[^\]]*)?\][^\[\]\s]*"),
    Rule("plain", r"(?i)\b(?:https?:|ftp:|wss?:|(?:java|vb)script:|file:/|mailto:|www\."
         r"|data:[a-z]+/)[^\s<>\"`)\]}|]+"),
)  # fmt: skip
_REFERENCE = re.compile(r"[\s>*-]*\[([^\]\n]+)\]:\s*(<[^<>\n]*>|\S+)")
_BRACKETS = re.compile(r"\\.|!?\[|\]|\n\s*\n")
_DESTINATION = re.compile(r"\(\s*(<[^<>\n]*>|[^\s)\[]*)[^)\n\[]*\)?")
_LABEL = re.compile(r"\[([^\[\]\n]*)\]")
_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9:-]*)")
_ATTRIBUTE = re.compile(
    r"[\s/\"'](href|src|srcset|data|poster|background|action|formaction|cite|ping|longdesc|content"
    r"|xlink:href|lowsrc|dynsrc)\s*=\s*(?:\"([^\"]*)\"?|'([^']*)'?|([^\s>]+))",
    re.IGNORECASE,
)
_HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]*[^/\\?#]*")
_PASSIVE = frozenset({"a", "area", "form", "button", "blockquote", "q", "del", "ins"})
"""Tags whose addresses wait for a click. Every other tag's address is fetched at once."""
_ESCAPE = re.compile(r"\\([!-,./:;<=>?@\[\]^_`{|}~-])")
_ENDS = ".,;:!?'\")]}>*_"
_OPAQUE = re.compile(r"[A-Za-z0-9+/=_]+")


@dataclass(frozen=True)
class Links:
    """Finds addresses that lead outside `allow`, and what carries data out.

    Without `allow`: every image or other address that is fetched without a click (`links-fetched`),
    every link that carries more than `carry` characters of data in its query, in an opaque part of
    its path or in its host's name (`links-data`), every script or data address (`links-script`).
    With `allow`, hosts as `example.com` and `*.example.com`: also every other host (`links-host`),
    and images of allowed hosts pass; data to an allowed host passes too, so allow no host where
    strangers can read what was asked for. Relative links pass. Raises Misconfigured for an `allow`
    that is no host.
    """

    allow: tuple[str, ...] = ()
    action: Action = "redact"
    name: str = "links"
    shadow: bool = False
    places: frozenset[Place] = frozenset({"answer", "argument"})
    carry: int = 64

    def __post_init__(self) -> None:
        checked(self.allow, f"Links {self.name!r}")

    @property
    def version(self) -> str:
        """Over the allowed hosts and how much a link may carry."""
        return digest("links", 1, "\n".join(sorted(self.allow)), self.carry)[:12]

    def find(self, text: Canonical) -> Sequence[Found]:
        """Every link that should not be there, images with all that draws them."""
        found: list[Found] = []
        for start, end, url, fetched in _links(text.text):
            rule = self._rule(url, fetched=fetched)
            if not rule and self.allow and not _host_as_written(text, start, end, url).isascii():
                rule = "links-host"  # it only looks like an allowed one
            if rule:
                found.append(Found(rule, "LINK", start, end, url))
        return _outermost(found)

    def _rule(self, url: str, *, fetched: bool) -> str:
        kind = scheme(url)
        if kind in _SCRIPT:
            return "" if _picture(url) else "links-script"
        hosts = readings(url)
        if hosts and self.allow and all(allowed(host, self.allow) for host in hosts):
            return "" if kind in _WEB or kind in _HARMLESS else "links-host"
        if fetched and (hosts or kind not in _HARMLESS):
            return "links-fetched"
        if hosts and _carried(url, hosts) > self.carry:
            return "links-data"
        return "links-host" if self.allow and (hosts or kind not in _HARMLESS) else ""


def _host_as_written(text: Canonical, start: int, end: int, url: str) -> str:
    """The original's characters behind an address's host; of all that draws it where the address
    is not found letter for letter. Empty for an address without a host."""
    if not readings(url):
        return ""
    at = text.text.find(url, start, end)
    if at >= 0:
        host = _HOST.match(url)
        start, end = at, at + (host.end() if host else len(url))
    return text.original[slice(*text.span(start, end))]


def _outermost(found: list[Found]) -> list[Found]:
    """Without those that stand inside another: an address inside its image."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda f: (f.start, -f.end)):
        if not kept or one.end > kept[-1].end:
            kept.append(one)
    return kept


def _picture(url: str) -> bool:
    """A picture that stands in the text itself: nothing is fetched, nothing runs."""
    return bool(re.match(r"data:image/(?:png|jpe?g|gif|webp);base64,[A-Za-z0-9+/=]*$", url, re.I))


def _carried(url: str, hosts: frozenset[str]) -> int:
    """Characters that look like data and go to the host when the link is followed."""
    address, _, query = url.split("#", 1)[0].partition("?")
    values = (pair.partition("=") for pair in re.split(r"[&;]", query))
    asked = sum(len(unquote(value or name)) for name, _, value in values)
    path = unquote(re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*:[/\\]*[^/\\]*", "", address))
    parts = [part for part in re.split(r"[/\\]", path) if part]
    said = sum(len(part) for part in parts if " " in part or "+" in part)
    opaque = max((len(run) for part in parts for run in _OPAQUE.findall(part)), default=0)
    names = max(sum(len(label) for label in host.split(".")[:-2]) for host in hosts)
    return max(asked, said, opaque, names)


def _links(text: str) -> Iterator[tuple[int, int, str, bool]]:
    """(start, end, target, whether it is fetched without a click) of every link."""
    drawn: set[str] = set()
    if "](" in text or "![" in text:
        yield from _markdown(text, drawn)
    for shape in _shapes().find(text):
        piece = shape.key
        match shape.rule:
            case "html":
                for url, fetched in _tag(piece):
                    yield shape.start, shape.end, url, fetched
            case "reference":
                got = _REFERENCE.match(piece)
                label, url = (got[1], got[2].strip("<>")) if got else ("", "")
                yield shape.start, shape.end, target(url), _label(label) in drawn
            case "bbcode":
                head, _, body = piece.partition("]")
                image = head.lower().startswith("[img")
                url = body if image else head.partition("=")[2] or body
                yield shape.start, shape.end, target(url), image
            case "css":
                url = re.split(r"[(\"']\s*[\"']?", piece, maxsplit=1)[-1]
                yield shape.start, shape.end, target(url), True
            case _:
                url = piece.rstrip(_ENDS)
                full = f"https://{url}" if url[:4].lower() == "www." else url
                yield shape.start, shape.start + len(url), target(full), False


def _markdown(text: str, drawn: set[str]) -> Iterator[tuple[int, int, str, bool]]:
    """Inline links and images, brackets matched as Markdown does; to `drawn` go the labels of
    references that are drawn as images."""
    opened: list[tuple[int, bool]] = []
    stray: tuple[int, bool] | None = None
    for mark in _BRACKETS.finditer(text):
        if mark.group() == "]":
            # Code in a label hides brackets from Markdown; then any image before it may be meant.
            start, image = opened.pop() if opened else stray or (mark.start(), False)
            inline = _DESTINATION.match(text, mark.end())
            if inline:
                url = _ESCAPE.sub(r"\1", inline[1].strip("<>"))
                yield start, inline.end(), target(url), image
            elif image:
                label = _LABEL.match(text, mark.end())
                drawn.add(_label((label and label[1]) or text[start + 2 : mark.start()]))
        elif mark.group().endswith("["):
            opened.append((mark.start(), mark.group() == "!["))
            stray = opened[-1] if opened[-1][1] else stray
        elif mark.group().isspace():
            opened, stray = [], None


def _tag(piece: str) -> Iterator[tuple[str, bool]]:
    name = _TAG.match(piece)
    fetched = bool(name) and name[1].lower() not in _PASSIVE
    for got in _ATTRIBUTE.finditer(piece):
        value = next(group for group in got.groups()[1:] if group is not None)
        attribute = got[1].lower()
        if attribute == "srcset":
            for one in value.split(","):
                yield target(one.split()[0] if one.split() else ""), fetched
        elif attribute == "content":
            _, marked, url = value.lower().partition("url=")
            if marked:
                yield target(value[-len(url) :].strip("'\"")) if url else "", True
        else:
            yield target(value), fetched or attribute == "ping"


def _label(label: str) -> str:
    return " ".join(label.split()).casefold()


@cache
def _shapes() -> RuleSet:
    return RuleSet(_SHAPES)
