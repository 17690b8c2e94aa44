"""A team as a picture: what is drawn, and its Mermaid text."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pointsman.nodes.specialist import Specialist
    from pointsman.teams.team import Team

Kind = Literal["read", "write", "ask"]
"""A tool: reads, writes, or writes with high stakes (a person is always asked)."""


@dataclass(frozen=True, slots=True)
class Role:
    """A specialist as drawn: its name, what it handles, its tools, who it hands off to, and who it
    gives tasks to. `inside` is the team that does its work, where one does."""

    name: str
    handles: str
    tools: tuple[tuple[str, Kind], ...] = ()
    hands_off_to: tuple[str, ...] = ()
    fallback: bool = False
    gives_tasks_to: tuple[str, ...] = ()
    inside: str = ""

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

    @property
    def answering(self) -> tuple[Role, ...]:
        """Who may end a run: all but those that only get tasks, whose results go back to who gave
        them."""
        given = {to for role in self.roles for to in role.gives_tasks_to}
        taken = {*self.routed, *(to for role in self.roles for to in role.hands_off_to)}
        return tuple(role for role in self.roles if role.name in taken or role.name not in given)


def picture_of(team: "Team") -> Picture:
    """What there is to draw of a team: its specialists and its transition table."""
    from pointsman.teams.family import nested

    names = [specialist.name for specialist in team.spec.specialists]
    inside = nested(team.spec)
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
            tuple(to for to in _reached(specialist) if to in names),
            inside[specialist.name].spec.name if specialist.name in inside else "",
        )
        for specialist in team.spec.specialists
    )
    after_route = team.spec.transitions.get("route", ())
    return Picture(
        team.name, roles, tuple(to for to in after_route if to in names), "end" in after_route
    )


def _reached(specialist: "Specialist") -> tuple[str, ...]:
    return specialist.does.reaches() if specialist.does is not None else ()


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
        parts.append(_label(f"team {role.inside}") if role.inside else "")
        out.append(f'  {ids[role.name]}["{"<br/>".join(p for p in parts if p)}"]:::role')
    out.append('  finish(["answer"]):::step')
    out += [f"  route --> {ids[name]}" for name in picture.routed]
    if picture.no_route:
        out.append("  route -. no route .-> finish")
    out += [f"  {ids[role.name]} --> finish" for role in picture.answering]
    for role in picture.roles:
        out += [f"  {ids[role.name]} -. hands off .-> {ids[to]}" for to in role.hands_off_to]
        out += [f"  {ids[role.name]} -. gives tasks to .-> {ids[to]}" for to in role.gives_tasks_to]
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
