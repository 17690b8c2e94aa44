"""The design page of a team, from its definition: who does what, by which rules, and why."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pointsman.views.design.blocks import Block, Drawing, Grid, Heading, Points, Words
from pointsman.views.design.bounds import bounds, guards, policy, why_of
from pointsman.views.picture import mermaid, picture_of
from pointsman.views.svg import svg

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pointsman.nodes.specialist import Specialist
    from pointsman.nodes.tool import Tool
    from pointsman.teams.spec import TeamSpec
    from pointsman.teams.team import Team


def page(team: "Team") -> tuple[Block, ...]:
    """All of it. The same team gives the same page: nothing in it is of today."""
    picture = picture_of(team)
    return (
        Heading(f"Team {team.name}", 1),
        Words("Written by pointsman doc from the definition of the team."),
        Drawing(mermaid(picture), svg(picture)),
        *_responsibilities(team.spec),
        *_actions(team.spec),
        *_router(team.spec),
        *_transitions(team.spec),
        *_contracts(team.spec),
        *_shared(team.spec),
        *policy(team.spec),
        *bounds(team.spec),
        *guards(team.spec),
        *_doubts(team),
    )


def _responsibilities(spec: "TeamSpec") -> Iterator[Block]:
    yield Heading("Who handles what")
    yield Grid(
        ("specialist", "handles", "works as", "takes", "gives", "owns", "if it fails"),
        tuple(
            (
                s.name,
                s.handles,
                "tools and a model" if s.does is None else type(s.does).__name__.lower(),
                _model(s.input),
                _model(s.output),
                ", ".join(s.owns),
                "a rule-based answer" if s.fallback else "the run fails",
            )
            for s in spec.specialists
        ),
    )


def _model(model: "type[BaseModel] | None") -> str:
    return "text" if model is None else model.__name__


def _actions(spec: "TeamSpec") -> Iterator[Block]:
    rows = tuple(
        (t.name, kind(t), s.name, t.description, ", ".join(t.writes), f"{t.timeout:g} s")
        for s in spec.specialists
        for t in s.tools
    )
    if rows:
        yield Heading("Who may do what")
        columns = ("action", "kind", "by", "what it does", "changes", "at most")
        yield Grid(columns, tuple(sorted(rows, key=lambda row: _KINDS.index(row[1]))))


_KINDS = ("read", "write", "write, high stakes", "read, high stakes")


def kind(tool: "Tool[..., object]") -> str:
    """What a tool is, in words."""
    return f"{tool.effect}, high stakes" if tool.stakes == "high" else tool.effect


def _router(spec: "TeamSpec") -> Iterator[Block]:
    router = spec.router
    yield Heading("How a message finds its specialist")
    if router.rules:
        yield Grid(
            ("rule", "goes to", "where the text has", "or words", "why"),
            tuple((r.name, r.to, r.pattern, ", ".join(r.keywords), r.why) for r in router.rules),
        )
    shown = ", ".join(f"{s.name} {len(s.examples)}" for s in spec.specialists if s.examples)
    points = [
        f"Examples: {shown or 'none'}; of messages that are nobody's: {len(router.out_of_scope)}.",
        f"A message without a route goes to {router.otherwise}."
        if router.otherwise
        else f'A message without a route ends: "{spec.no_route}"',
        *([f"Why so: {router.why}"] if router.why else []),
    ]
    yield Points(tuple(points))


def _transitions(spec: "TeamSpec") -> Iterator[Block]:
    yield Heading("Who may follow whom")
    rows = tuple(
        (frm, to, f"{most} times a run" if (most := spec.edge_limits.get((frm, to))) else "")
        for frm, targets in spec.transitions.items()
        for to in targets
    )
    yield Grid(("from", "to", "at most"), rows)


def _contracts(spec: "TeamSpec") -> Iterator[Block]:
    for s in spec.specialists:
        parts = list(_contract(s))
        if parts:
            yield Heading(f"Contract of {s.name}", 3)
            yield from parts


def _contract(s: "Specialist") -> Iterator[Block]:
    for part, model in (("Takes", s.input), ("Gives", s.output)):
        if model is not None:
            yield Words(f"{part} {model.__name__}:")
            yield Grid(
                ("field", "type", "needed", "what it is"),
                tuple(
                    (
                        name,
                        _type(field.annotation),
                        "yes" if field.is_required() else "no",
                        field.description or "",
                    )
                    for name, field in model.model_fields.items()
                ),
            )
    limits = [
        (tool, str(condition), why_of(condition))
        for tool, conditions in s.limits.items()
        for condition in conditions
    ]
    if limits:
        yield Words("What its calls must be:")
        yield Grid(("action", "only where", "why"), tuple(limits))


def _shared(spec: "TeamSpec") -> Iterator[Block]:
    """The blackboard's entries."""
    if not spec.blackboard.entries:
        return
    yield Heading("What they share")
    yield Grid(
        (
            "entry",
            "type",
            "owner",
            "may write too",
            "may read",
            "of each",
            "for",
            "on a conflict",
            "what it holds",
        ),
        tuple(
            (
                entry.name,
                entry.schema,
                entry.owner,
                ", ".join(entry.writers),
                ", ".join(entry.readers),
                entry.scope,
                "ever" if entry.ttl is None else f"{entry.ttl:g} s",
                "the later write is refused" if entry.resolver is None else "resolved",
                entry.about,
            )
            for entry in spec.blackboard.entries
        ),
    )


def _type(annotation: object) -> str:
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__name__
    return str(annotation).replace("typing.", "").replace("NoneType", "None")


def _doubts(team: "Team") -> Iterator[Block]:
    yield Heading("What the check finds")
    doubts = tuple(str(finding) for finding in team.check())
    yield Points(doubts) if doubts else Words("Nothing.")
