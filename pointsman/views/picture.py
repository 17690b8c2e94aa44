"""A team as a picture: what is drawn, and its Mermaid text."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pointsman.teams.team import Team

Kind = Literal["read", "write", "ask"]
"""A tool: reads, writes, or writes with high stakes (a person is always asked)."""


@dataclass(frozen=True, slots=True)
class Role:
    """A specialist as drawn: its name, what it handles, its tools, and who it hands off to."""

    name: str
    handles: str
    tools: tuple[tuple[str, Kind], ...] = ()
    hands_off_to: tuple[str, ...] = ()
    fallback: bool = False

    @property
    def writes(self) -> bool:
        """Whether it proposes actions."""
        return any(kind != "read" for _, kind in self.tools)


@dataclass(frozen=True, slots=True)
class Picture:
    """A team as drawn. `routed` are the specialists the router may choose."""

    name: str
    roles: tuple[Role, ...]
    routed: tuple[str, ...]
    no_route: bool = True

    @property
    def writes(self) -> bool:
        """Whether any role proposes actions: then there is a gate."""
        return any(role.writes for role in self.roles)


def picture_of(team: "Team") -> Picture:
    """What there is to draw of a team: its specialists and its transition table."""
    names = [specialist.name for specialist in team.spec.specialists]
    roles = tuple(
        Role(
            specialist.name,
            specialist.handles,
            tuple(
                (t.name, "read" if t.effect == "read" else "ask" if t.stakes == "high" else "write")
                for t in specialist.tools
            ),
            tuple(
                to
                for to in team.spec.transitions.get(specialist.name, ())
                if to in names and to != specialist.name
            ),
            specialist.fallback is not None,
        )
        for specialist in team.spec.specialists
    )
    after_route = team.spec.transitions.get("route", ())
    return Picture(
        team.name, roles, tuple(to for to in after_route if to in names), "end" in after_route
    )


_STYLES = """\
  classDef step fill:#eef2f7,stroke:#64748b,color:#0f172a
  classDef role fill:#ffffff,stroke:#2563eb,color:#0f172a
  classDef person fill:#fff7ed,stroke:#ea580c,color:#7c2d12
  classDef effect fill:#ecfdf5,stroke:#059669,color:#064e3b"""


def mermaid(picture: Picture) -> str:
    """The picture as a Mermaid flowchart. Ends with a newline."""
    ids = {role.name: f"s{number}" for number, role in enumerate(picture.roles, 1)}
    out = ["flowchart LR", '  intake(["message"]):::step --> route{"route"}:::step']
    for role in picture.roles:
        parts = [f"<b>{_label(role.name)}</b>", _label(role.handles)]
        parts += [_label(_tool(name, kind)) for name, kind in role.tools]
        out.append(f'  {ids[role.name]}["{"<br/>".join(p for p in parts if p)}"]:::role')
    out.append('  finish(["answer"]):::step')
    out += [f"  route --> {ids[name]}" for name in picture.routed]
    if picture.no_route:
        out.append("  route -. no route .-> finish")
    for role in picture.roles:
        out.append(f"  {ids[role.name]} --> finish")
        out += [f"  {ids[role.name]} -. hands off .-> {ids[to]}" for to in role.hands_off_to]
    if picture.writes:
        out.append('  gate{{"approval<br/>policy or a person"}}:::person')
        out.append('  execute["execute<br/>once, by the ledger"]:::effect')
        proposing = [ids[role.name] for role in picture.roles if role.writes]
        out += [f"  {name} -- proposes --> gate" for name in proposing]
        out.append("  gate --> execute")
        out += [f"  execute -. outcome .-> {name}" for name in proposing]
    return "\n".join([*out, _STYLES]) + "\n"


def _tool(name: str, kind: Kind) -> str:
    return f"{name} ({'read' if kind == 'read' else 'asks a person' if kind == 'ask' else 'write'})"


def _label(text: str) -> str:
    """Text for a quoted Mermaid label: what could end it or start markup becomes an entity."""
    flat = " ".join(text.split())
    return "".join(
        f"#{ord(char)};" if char in '"<>[]{}()|#;`\\&%' or not char.isprintable() else char
        for char in flat
    )
