"""What a run is given of its thread: messages within a bound, a summary of the rest, facts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pointsman.errors import ModelOverloaded
from pointsman.nodes.event import Summarised
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.specialist import Specialist
from pointsman.teams.memory import Memory
from pointsman.teams.team import Team


@dataclass
class Model:
    """Says what number it is at; sums up as `sum <n>`; keeps what it was asked."""

    fails: bool = False
    answers: list[ModelRequest] = field(default_factory=list[ModelRequest])
    summaries: list[ModelRequest] = field(default_factory=list[ModelRequest])

    def __call__(self, request: ModelRequest) -> Scripted:
        if request.purpose == "summary":
            self.summaries.append(request)
            if self.fails:
                return ModelOverloaded("busy", retry_after=100.0)
            return f"sum {len(self.summaries)}, write to [EMAIL_1]"
        self.answers.append(request)
        return f"answer {len(self.answers)}"


def team_of(home: Path, model: Model, memory: Memory, *, window: int = 12) -> Team:
    """One specialist that talks."""
    transport = ScriptedTransport(model)
    return Team(
        "talk",
        specialists=[Specialist("guide", handles="everything")],
        home=home,
        models={"fast": ("scripted",), "strong": ("scripted",)},
        transports=Transports({"scripted": lambda: transport}),
        memory=memory,
        window=window,
    )


def said(request: ModelRequest) -> str:
    """Everything that was shown to the model."""
    return "\n".join(turn.content for turn in request.turns)


async def test_the_window_is_bounded_by_tokens(home: Path) -> None:
    """Long messages leave less room: the newest that fit are seen, the older ones are not."""
    model = Model()
    team = team_of(home, model, Memory(tokens=120))
    for n in range(4):
        await team.run(f"message {n} " + "x" * 200, thread="t")
    last = said(model.answers[-1])
    assert "message 3" in last
    assert "message 2" in last
    assert "message 0" not in last
    assert not model.summaries


async def test_what_does_not_fit_is_summed_up_once(home: Path) -> None:
    """Half a window at a time, by one call; later runs see the summary and the rest; the messages
    themselves are all kept."""
    model = Model()
    team = team_of(home, model, Memory(summary=True), window=4)
    results = [await team.run(f"message {n}", thread="t") for n in range(6)]
    assert [result.status for result in results] == ["done"] * 6
    assert len(model.summaries) == 2
    assert "message 0" in said(model.summaries[0])
    assert "sum 1" in said(model.summaries[1])
    assert "message 0" not in said(model.summaries[1])
    last = said(model.answers[-1])
    assert "sum 2" in last
    assert "message 5" in last
    assert "message 0" not in last
    made = [e.event for e in await team.events(results[-1].run) if isinstance(e.event, Summarised)]
    kept = [e.event for r in results for e in await team.events(r.run)]
    assert len([e for e in kept if isinstance(e, Summarised)]) == 2
    assert all(event.messages > 0 for event in made)


async def test_no_placeholder_goes_from_run_to_run(home: Path) -> None:
    """`[EMAIL_1]` stands for another value in another run: a summary says only what was there."""
    model = Model()
    team = team_of(home, model, Memory(summary=True), window=2)
    for n in range(4):
        await team.run(f"message {n}, from ana{n}@example.com", thread="t")
    shown = [said(request) for request in model.summaries]
    assert shown
    assert not [text for text in shown if "@example.com" in text or "[EMAIL" in text]
    assert "write to (redacted email)" in said(model.answers[-1])


async def test_a_summary_that_fails_is_done_without(home: Path) -> None:
    """The run goes on with the window alone, and the next one tries again."""
    model = Model(fails=True)
    team = team_of(home, model, Memory(summary=True), window=2)
    for n in range(3):
        result = await team.run(f"message {n}", thread="t")
        assert result.status == "done"
    assert "message 0" not in said(model.answers[-1])
    model.fails = False
    await team.run("message 3", thread="t")
    assert "sum" in said(model.answers[-1])


@dataclass
class Fact:
    """What a fact store gives."""

    key: str
    value: dict[str, object]


@dataclass
class FactStore:
    """A store with one fact, or one that is broken."""

    broken: bool = False
    asked: list[tuple[tuple[str, ...], str | None]] = field(
        default_factory=list[tuple[tuple[str, ...], str | None]]
    )

    async def asearch(
        self, namespace_prefix: tuple[str, ...], /, *, query: str | None = None, limit: int = 10
    ) -> Sequence[Fact]:
        """That fact."""
        self.asked.append((namespace_prefix, query))
        if self.broken:
            raise OSError("the host is away")
        return [Fact("diet", {"eats": "no fish"})]


async def test_facts_of_a_users_store_are_quoted(home: Path) -> None:
    """What it finds for the request is shown as a quote; a store that fails is done without."""
    model, facts = Model(), FactStore()
    team = team_of(home, model, Memory(facts=facts))
    await team.run("what shall I cook?", thread="t", tenant="ana")
    assert facts.asked == [(("talk", "ana"), "what shall I cook?")]
    assert "no fish" in said(model.answers[-1])
    facts.broken = True
    assert (await team.run("and tomorrow?", thread="t", tenant="ana")).status == "done"


async def test_langgraphs_store_is_a_fact_store(home: Path) -> None:
    """A real InMemoryStore: what was put in the team's namespace is found."""
    from langgraph.store.memory import InMemoryStore

    model, facts = Model(), InMemoryStore()
    await facts.aput(("talk", "default"), "diet", {"eats": "no fish"})
    team = team_of(home, model, Memory(facts=facts))
    await team.run("what shall I cook?", thread="t")
    assert "no fish" in said(model.answers[-1])
