"""A run's events as a timeline, and as the graph of who gave what to whom."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from pydantic import JsonValue

from pointsman.nodes.event import (
    BoundHit,
    Event,
    FellBack,
    Judged,
    ModelCalled,
    ModelFailed,
    Recorded,
    Resolved,
    Routed,
    RunEnded,
    TicketDecided,
    TicketOpened,
    ToolCalled,
)
from pointsman.views.cli.wording import line_of
from pointsman.views.visible import visible
from pointsman.views.web.console import runshapes

MESSAGE, ROUTER, PERSON, ANSWER = "message", "router", "person", "answer"


@dataclass(frozen=True, slots=True)
class Path:
    """How a run went."""

    nodes: tuple[runshapes.Node, ...]
    edges: tuple[runshapes.Edge, ...]
    steps: tuple[runshapes.Step, ...]


def path_of(events: Sequence[Recorded], children: Sequence[str]) -> Path:
    """The path of these events; `children`: runs to which it gave work."""
    walk = _Walk()
    walk.node(MESSAGE, "message", "message")
    steps = tuple(walk.step(n, one, events[0].at) for n, one in enumerate(events))
    for child in children:
        walk.edge(walk.here, walk.node(f"r:{child}", child[:8], "run"), "gives a task")
    return Path(tuple(walk.nodes.values()), tuple(walk.edges), steps)


@dataclass
class _Walk:
    """Goes along the events; `here` is who has the work."""

    nodes: dict[str, runshapes.Node] = field(default_factory=dict[str, runshapes.Node])
    edges: list[runshapes.Edge] = field(default_factory=list[runshapes.Edge])
    here: str = MESSAGE
    index: int = 0
    asked: dict[str, str] = field(default_factory=dict[str, str])
    """Ticket -> who waits for it."""

    def step(self, index: int, recorded: Recorded, began: float) -> runshapes.Step:
        self.index = index
        event = recorded.event
        node = self._moved(event)
        line = line_of(event)
        if line.tone in ("warn", "bad") and node in self.nodes:
            self.nodes[node] = self.nodes[node].model_copy(update={"tone": line.tone})
        usd = event.usd if isinstance(event, ModelCalled) else 0.0
        return runshapes.Step(
            index=index, seq=recorded.seq, at=round(recorded.at * 1000),
            offset=max(0.0, recorded.at - began),
            seconds=event.seconds if isinstance(event, ModelCalled | ToolCalled) else 0.0,
            kind=event.kind, label=line.label, words=visible(line.text), tone=line.tone,
            who=getattr(event, "specialist", ""), node=node, usd=usd,
            call=event.call if isinstance(event, ModelCalled) else "",
            ticket=event.ticket if isinstance(event, TicketOpened | TicketDecided) else "",
            detail=cast("JsonValue", event.model_dump(mode="json")),
        )  # fmt: skip

    def node(self, name: str, label: str, kind: str) -> str:
        """Go to a place; made when it is new."""
        there = self.nodes.get(name)
        self.nodes[name] = (
            there.model_copy(update={"count": there.count + 1})
            if there
            else runshapes.Node.model_validate({"id": name, "label": visible(label), "kind": kind})
        )
        return name

    def edge(self, frm: str, to: str, label: str = "", message: str = "") -> None:
        """Something went from one to another at this step."""
        self.edges.append(
            runshapes.Edge(frm=frm, to=to, label=visible(label), step=self.index, message=message)
        )

    def _moved(self, event: Event) -> str:
        match event:
            case Routed():
                return self._routed(event)
            case ModelCalled(purpose="route") | ModelFailed(specialist=""):
                return self._router()
            case ModelCalled() | ModelFailed() | FellBack() | Resolved():
                return self._of(event.specialist)
            case Judged():
                return self._of(event.specialist)
            case ToolCalled():
                who = self._of(event.specialist)
                kind = "effect" if event.effect == "write" else "tool"
                tool = self.node(f"t:{event.tool}", event.tool, kind)
                self.edge(who, tool, "writes" if event.effect == "write" else "reads")
                return tool
            case TicketOpened():
                who = self._of(event.specialist) if event.specialist else self.here
                self.asked[event.ticket] = who
                self.edge(who, self.node(PERSON, "person", "person"), event.tool, event.ticket)
                return PERSON
            case TicketDecided():
                self.node(PERSON, "person", "person")
                back = self.asked.get(event.ticket, self.here)
                said = f"{event.ticket}/decision"  # as `runmessages` names it
                self.edge(PERSON, back, f"{event.decision} by {event.by}", said)
                return PERSON
            case BoundHit(to=to) if to:
                self.edge(self.here, self._enter(to), event.bound)
                return self.here
            case RunEnded() if event.status != "waiting":
                self.edge(self.here, self.node(ANSWER, event.status, "answer"), event.status)
                return ANSWER
            case _:
                return self.here

    def _routed(self, event: Routed) -> str:
        before = self.here
        if event.tier == "handoff":
            self.edge(before, self._enter(event.to), "hands on")
            return self.here
        router = self._router()
        for to in event.parts or ((event.to,) if event.to else ()):
            self.edge(router, self._enter(to), event.tier)
        return router

    def _router(self) -> str:
        if ROUTER not in self.nodes:
            self.edge(self.here, ROUTER, "")
            self.node(ROUTER, "router", "router")
            self.here = ROUTER
        return ROUTER

    def _enter(self, specialist: str) -> str:
        self.here = self.node(f"s:{specialist}", specialist, "specialist")
        return self.here

    def _of(self, specialist: str) -> str:
        """The specialist's place, without going there again."""
        name = f"s:{specialist}"
        if not specialist or name in self.nodes:
            return name if specialist else self.here
        return self.node(name, specialist, "specialist")
