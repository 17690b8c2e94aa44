"""A team's picture as SVG and PNG: our own small layered layout, drawn offline.

Layers from left to right: message, router, specialists in one column, answer; approval and
execute stand under the answer, and outcomes flow back under the specialists.
"""

from dataclasses import dataclass
from textwrap import wrap

from pointsman.errors import Misconfigured
from pointsman.views.picture import Kind, Picture, Role
from pointsman.views.shapes import (
    BLUE,
    FONT,
    HEADS,
    LINE,
    SOFT,
    Box,
    block,
    curve,
    edge,
    hexagon,
    line,
    pill,
    rect,
    safe,
    words,
)

_SANS = (
    "DejaVu Sans",
    "Liberation Sans",
    "Noto Sans",
    "Arial",
    "Helvetica",
    "Segoe UI",
    "Ubuntu",
    "Open Sans",
    "FreeSans",
)
_MONO = (
    "DejaVu Sans Mono",
    "Liberation Mono",
    "Noto Sans Mono",
    "Menlo",
    "Consolas",
    "Courier New",
    "FreeMono",
)
"""Families tried for the PNG: its renderer knows no system default."""
_CHIPS: dict[Kind, tuple[str, str, str]] = {
    "read": ("#eff6ff", "#bfdbfe", "#1e40af"),
    "write": ("#ecfdf5", "#a7f3d0", "#065f46"),
    "ask": ("#fff7ed", "#fdba74", "#9a3412"),
}
"""Fill, border and text of a tool's chip."""
_CARD, _PAD, _GAP = 300.0, 16.0, 26.0
_MARGIN, _TOP = 40.0, 92.0
_STEP_W, _STEP_H = 116.0, 44.0


@dataclass(frozen=True, slots=True)
class _Card:
    role: Role
    box: Box
    lines: tuple[str, ...]
    chips: tuple[tuple[str, Kind, Box], ...]


def svg(picture: Picture) -> str:
    """The picture as an SVG document."""
    column = _MARGIN + 2 * _STEP_W + 2 * 64
    cards = _column(picture.roles, column)
    bottom = cards[-1].box.bottom
    middle = (_TOP + bottom) / 2
    intake = Box(_MARGIN, middle - _STEP_H / 2, _STEP_W, _STEP_H)
    route = Box(_MARGIN + _STEP_W + 64, middle - _STEP_H / 2, _STEP_W, _STEP_H)
    lane = column + _CARD + (96 if _has_handoffs(picture) or _has_tasks(picture) else 40)
    right = lane + 84
    answer = Box(right, _TOP + 8, 150, _STEP_H)
    parts = [edge(intake.right, intake.middle, route.x, route.middle)]
    parts += _routes(picture, cards, route)
    parts += _answers([card for card in cards if card.role in picture.answering], answer)
    if picture.no_route:
        parts.append(_over_the_top(route, answer))
    parts += _arcs(cards)
    floor = bottom
    if picture.writes:
        drawn, floor = _approval(cards, right, answer, bottom)
        parts += drawn
    parts += [pill(intake, "message"), hexagon(route, "route"), pill(answer, "answer")]
    for card in cards:
        parts += _drawn(card)
    width, height = right + 150 + _MARGIN, floor + 76
    return _document(picture, width, height, parts)


def png(drawing: str, *, zoom: int = 2) -> bytes:
    """An SVG as PNG bytes, `zoom` pixels a unit. Needs no network, only a font of the system.

    Raises Misconfigured where no usual font is installed: the labels would be missing.
    """
    from resvg_py import svg_to_bytes

    sans = _installed(_SANS)
    if not sans:
        raise Misconfigured(
            "This system has none of the usual fonts, so a PNG would have no labels.",
            hint="Install one (apt install fonts-dejavu-core), or write an .svg instead.",
        )
    return bytes(
        svg_to_bytes(
            svg_string=drawing,
            zoom=zoom,
            background="#ffffff",
            sans_serif_family=sans,
            monospace_family=_installed(_MONO) or sans,
        )
    )


def _installed(families: tuple[str, ...]) -> str:
    """The first of the families that draws anything; empty for none."""
    from resvg_py import svg_to_bytes

    probe = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">{}</svg>'
    empty = bytes(svg_to_bytes(svg_string=probe.format("")))
    for family in families:
        text = f'<text x="2" y="15" font-family="{family}" font-size="14">Aa</text>'
        if bytes(svg_to_bytes(svg_string=probe.format(text))) != empty:
            return family
    return ""


def _has_handoffs(picture: Picture) -> bool:
    return any(role.hands_off_to for role in picture.roles)


def _has_tasks(picture: Picture) -> bool:
    return any(role.gives_tasks_to for role in picture.roles)


def _column(roles: tuple[Role, ...], x: float) -> list[_Card]:
    cards: list[_Card] = []
    y = _TOP
    for role in roles:
        card = _card(role, x, y)
        cards.append(card)
        y = card.box.bottom + _GAP
    return cards


def _card(role: Role, x: float, y: float) -> _Card:
    lines = wrap(" ".join(role.handles.split()), 42)
    if len(lines) > 3:
        lines = [*lines[:2], f"{lines[2][:40].rstrip()} …"]
    top = y + 40 + 18 * len(lines) + 4
    chips: list[tuple[str, Kind, Box]] = []
    left, row = x + _PAD, top
    for name, kind in role.tools:
        label = name if len(name) <= 34 else f"{name[:33]}…"
        width = 7.3 * len(label) + 20
        if chips and left + width > x + _CARD - _PAD:
            left, row = x + _PAD, row + 30
        chips.append((label, kind, Box(left, row, width, 23)))
        left += width + 8
    bottom = (chips[-1][2].bottom if chips else top - 6) + 14
    return _Card(role, Box(x, y, _CARD, max(bottom - y, 66)), tuple(lines), tuple(chips))


def _drawn(card: _Card) -> list[str]:
    box = card.box
    parts = [
        rect(box, fill="#ffffff", border="#cbd5e1", width=1.2),
        rect(Box(box.x, box.y + 12, 4, box.h - 24), fill=BLUE, corner=2),
        words(box.x + _PAD, box.y + 27, card.role.name, size=16, weight=600),
    ]
    notes = [f"team {card.role.inside}"] if card.role.inside else []
    notes += ["rule fallback"] if card.role.fallback else []
    if notes:
        note = " · ".join(notes)
        parts.append(words(box.right - _PAD, box.y + 26, note, size=11, ink=SOFT, anchor="end"))
    for number, handled in enumerate(card.lines):
        parts.append(words(box.x + _PAD, box.y + 48 + 18 * number, handled, size=12.5, ink=SOFT))
    for label, kind, chip in card.chips:
        fill, border, ink = _CHIPS[kind]
        parts.append(rect(chip, fill=fill, border=border, corner=11.5))
        parts.append(
            words(chip.centre, chip.y + 15.5, label, size=11.5, ink=ink, anchor="middle", mono=True)
        )
    return parts


def _routes(picture: Picture, cards: list[_Card], route: Box) -> list[str]:
    chosen = [card for card in cards if card.role.name in picture.routed]
    return [curve(route.right, route.middle, c.box.x, c.box.middle) for c in chosen]


def _answers(cards: list[_Card], answer: Box) -> list[str]:
    return [
        curve(card.box.right, _port(card, 0.32), answer.x, answer.middle, colour=LINE)
        for card in cards
    ]


def _port(card: _Card, share: float) -> float:
    return card.box.y + card.box.h * share


def _over_the_top(route: Box, answer: Box) -> str:
    y = _TOP - 26
    path = (
        f"M{route.centre:g},{route.y:g} L{route.centre:g},{y + 14:g} q0,-14 14,-14 "
        f"L{answer.centre - 14:g},{y:g} q14,0 14,14 L{answer.centre:g},{answer.y - 2:g}"
    )
    label = words(route.centre + 22, y - 7, "no route", size=11.5, ink=SOFT)
    return line(path, dash=True) + label


def _arcs(cards: list[_Card]) -> list[str]:
    """Hand-offs and tasks, on the right of the column, each further out than the last."""
    by_name = {card.role.name: card for card in cards}
    pairs = [(card, by_name[to]) for card in cards for to in card.role.hands_off_to]
    names = {(source.role.name, target.role.name) for source, target in pairs}
    parts: list[str] = []
    for source, target in pairs:
        mutual = (target.role.name, source.role.name) in names
        if mutual and target.box.y < source.box.y:
            continue
        path = _arc(source, target, len(parts))
        parts.append(line(path, colour="#8b5cf6", dash=True, arrow="violet", both=mutual))
    tasks = [(card, by_name[to]) for card in cards for to in card.role.gives_tasks_to]
    for source, target in sorted(tasks, key=lambda pair: abs(pair[1].box.y - pair[0].box.y)):
        path = _arc(source, target, len(parts))
        parts.append(line(path, colour=BLUE, dash=True, arrow="blue"))
    return parts


def _arc(source: _Card, target: _Card, number: int) -> str:
    down = source.box.y < target.box.y
    start, end = _port(source, 0.86 if down else 0.14), _port(target, 0.12 if down else 0.9)
    x, out = source.box.right + 2, source.box.right + 36 + 12 * (number % 5)
    return f"M{x:g},{start:g} C{out:g},{start:g} {out:g},{end:g} {x:g},{end:g}"


def _approval(cards: list[_Card], x: float, answer: Box, bottom: float) -> tuple[list[str], float]:
    """Gate and execute under the answer, and the way back. Gives the parts and the lowest y."""
    top = max(answer.bottom + 46, (answer.bottom + bottom) / 2 - 40)
    gate = Box(x, top, 150, 62)
    execute = Box(x, gate.bottom + 44, 150, 62)
    writers = [card for card in cards if card.role.writes]
    parts = [
        curve(c.box.right, _port(c, 0.66), gate.x, gate.middle, colour="#ea580c", arrow="orange")
        for c in writers
    ]
    parts.append(
        line(
            f"M{gate.centre:g},{gate.bottom:g} L{gate.centre:g},{execute.y - 2:g}",
            colour="#059669",
            arrow="green",
        )
    )
    floor = max(bottom, execute.bottom) + 30
    bus = cards[0].box.x - 26
    entries = [min(card.box.bottom - 12, _port(card, 0.82)) for card in writers]
    back = (
        f"M{execute.centre:g},{execute.bottom:g} L{execute.centre:g},{floor - 14:g} q0,14 -14,14 "
        f"L{bus + 14:g},{floor:g} q-14,0 -14,-14 L{bus:g},{min(entries) + 10:g}"
    )
    parts.append(line(back, colour="#059669", dash=True, arrow=""))
    for entry in entries:
        way = f"M{bus:g},{entry + 10:g} q0,-10 10,-10 L{cards[0].box.x - 2:g},{entry:g}"
        parts.append(line(way, colour="#059669", arrow="green"))
    parts.append(words(bus + 22, floor - 7, "outcome", size=11.5, ink="#065f46"))
    parts += block(gate, "approval", "policy or a person", "#fff7ed", "#ea580c", "#7c2d12")
    parts += block(execute, "execute", "once, by the ledger", "#ecfdf5", "#059669", "#064e3b")
    return parts, floor


def _document(picture: Picture, width: float, height: float, parts: list[str]) -> str:
    title = words(_MARGIN, 42, picture.name, size=20, weight=600)
    legend = _legend(picture, height - 22)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" font-family="{FONT}">'
        f"<title>{safe(picture.name)}: a pointsman team</title><defs>{HEADS}</defs>"
        f'<rect width="100%" height="100%" fill="#ffffff"/>{title}{"".join(parts)}{legend}</svg>\n'
    )


def _legend(picture: Picture, y: float) -> str:
    kinds: dict[Kind, str] = {"read": "reads", "write": "writes", "ask": "asks a person first"}
    present = {kind for role in picture.roles for _, kind in role.tools}
    used: list[Kind] = [kind for kind in kinds if kind in present]
    out, x = "", _MARGIN
    for kind in used:
        fill, border, _ = _CHIPS[kind]
        out += rect(Box(x, y - 10, 22, 12), fill=fill, border=border, corner=6)
        out += words(x + 29, y, kinds[kind], size=11.5, ink=SOFT)
        x += 29 + 6.4 * len(kinds[kind]) + 24
    if _has_handoffs(picture):
        out += line(
            f"M{x:g},{y - 4:g} L{x + 24:g},{y - 4:g}", colour="#8b5cf6", dash=True, arrow="violet"
        )
        out += words(x + 32, y, "hands off", size=11.5, ink=SOFT)
        x += 32 + 6.4 * len("hands off") + 24
    if _has_tasks(picture):
        out += line(f"M{x:g},{y - 4:g} L{x + 24:g},{y - 4:g}", colour=BLUE, dash=True, arrow="blue")
        out += words(x + 32, y, "gives tasks to", size=11.5, ink=SOFT)
    return out
