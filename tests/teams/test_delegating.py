"""Tasks in any order, with any outcome: each once, and all of them to an end."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.errors import StoreBroken
from pointsman.nodes.message import Delegation, Request, Task, TaskResult
from pointsman.nodes.run import Run
from pointsman.teams.assignment import in_circle
from pointsman.teams.children import NEED_FAILED, Above
from pointsman.teams.delegating import Tasks
from pointsman.teams.services import Services
from pointsman.teams.store.rows import RunRow
from pointsman.teams.store.sqlite import SqliteStore
from tests.contracts.rows import a_result, a_run
from tests.guardrails.bench import NoModels

Ends = Literal["done", "partial", "failed", "blocked"]


@dataclass
class Script:
    """What becomes of a task: it waits for people so often, dies so often, then ends so."""

    ends: Ends = "done"
    waits: int = 0
    dies: int = 0


@dataclass
class Crew:
    """Ends runs as the script says."""

    store: SqliteStore
    scripts: dict[str, Script]
    most: int = 0
    now: int = 0
    ended: list[str] = field(default_factory=list[str])
    decided: set[str] = field(default_factory=set[str])

    async def has_work(self, row: RunRow) -> bool:
        """A running one, or one for which somebody decided."""
        return row.state == "running" or row.task in self.decided

    async def take_on(self, row: RunRow, above: Above) -> None:
        """As far as the script says."""
        self.now += 1
        self.most = max(self.most, self.now)
        self.decided.discard(row.task)
        script = self.scripts[row.task]
        try:
            if script.dies:
                script.dies -= 1
                raise StoreBroken("the process died")
            if script.waits:
                script.waits -= 1
                await self.store.move_run(row.run, "waiting", frm=("running", "waiting"))
                return
            result = a_result(row.run, status=script.ends)
            frm = ("running", "waiting")
            # Shielded: when another one crashes meanwhile, this one has ended all the same.
            moving = asyncio.create_task(
                self.store.move_run(row.run, script.ends, frm=frm, result=result)
            )
            self.ended.append(row.task)
            assert await asyncio.shield(moving), "it ran twice"
        finally:
            self.now -= 1


@dataclass(frozen=True)
class Bench:
    """What `Tasks` uses of a team's services."""

    store: SqliteStore
    home: Path = Path()

    @property
    def spec(self) -> "Bench":
        """Its own."""
        return self

    name = "shop"
    max_parallel = 3


async def carried_out(store: SqliteStore, crew: Crew, work: Delegation) -> tuple[TaskResult, ...]:
    """Until all have ended, with a decision whenever some wait, and again after each crash."""
    row = a_run()
    await store.add_run(row)
    run = Run(id="r1", team="shop", thread="c1", tenant="acme", gateway=NoModels(),
              emit=lambda _: None, step="1.1:delegate")  # fmt: skip
    for _ in range(100):
        tasks = Tasks(cast("Services", Bench(store)), crew, row, run, work, durable=True)
        try:
            results = await tasks.work()
        except StoreBroken:
            continue
        if results is not None:
            return results
        assert tasks.waiting, "it neither ended nor waits"
        crew.decided.add(tasks.waiting[-1].task)
    raise AssertionError("it never ended")


@st.composite
def plans(draw: st.DrawFn) -> tuple[tuple[Task, ...], dict[str, Script]]:
    """Tasks in any order of their needs, with outcomes."""
    count = draw(st.integers(1, 8))
    tasks: list[Task] = []
    scripts: dict[str, Script] = {}
    for n in range(count):
        before = [t.id for t in tasks]
        needs = draw(st.lists(st.sampled_from(before), unique=True, max_size=3)) if before else []
        tasks.append(Task(id=f"t{n}", to="tech", text="do", needs=tuple(needs)))
        scripts[f"t{n}"] = Script(
            ends=draw(st.sampled_from(["done", "done", "done", "partial", "failed", "blocked"])),
            waits=draw(st.integers(0, 2)),
            dies=draw(st.sampled_from([0, 0, 0, 1, 2])),
        )
    return tuple(draw(st.permutations(tasks))), scripts


@settings(max_examples=60, deadline=None)
@given(plan=plans())
async def test_every_task_ends_once(
    plan: tuple[tuple[Task, ...], dict[str, Script]],
) -> None:
    """Whatever the needs, the waits, the crashes and the outcomes: every task ends as scripted, or
    is cancelled as one that it needs came to nothing; none runs twice, and never too many at once.
    """
    tasks, scripts = plan
    outcomes = {name: script.ends for name, script in scripts.items()}
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "pointsman.db")
        try:
            crew = Crew(store, {name: replace(script) for name, script in scripts.items()})
            work = Delegation(of="plan", request=Request(text="all"), tasks=tasks)
            results = await carried_out(store, crew, work)
            rows = await store.children("r1")
        finally:
            await store.aclose()
    assert [r.task for r in results] == [t.id for t in tasks]
    came = {r.task: r for r in results}
    for task in tasks:
        fine = all(came[need].status == "done" for need in task.needs)
        result = came[task.id]
        assert result.status == (outcomes[task.id] if fine else "cancelled")
        assert (result.error == NEED_FAILED) == (not fine)
        assert bool(result.run) == fine
    begun = sorted(t.id for t in tasks if came[t.id].run)
    assert sorted(crew.ended) == begun
    assert sorted(row.task for row in rows) == begun
    assert crew.most <= Bench.max_parallel


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """An empty store."""
    made = SqliteStore(tmp_path / "pointsman.db")
    yield made
    await made.aclose()


async def test_a_decision_while_others_run_is_acted_on(store: SqliteStore) -> None:
    """A task that waits goes on when somebody decides, not when all the others have ended."""
    tasks = (Task(id="slow", to="tech", text="x"), Task(id="asks", to="tech", text="y"))
    crew = Crew(store, {"slow": Script(), "asks": Script(waits=1)})
    plain = crew.take_on

    async def take_on(row: RunRow, above: Above) -> None:
        if row.task == "slow":
            while "asks" not in crew.ended:
                waiting = [r.task for r in await store.children("r1") if r.state == "waiting"]
                crew.decided |= {*waiting}
                await asyncio.sleep(0.01)
        await plain(row, above)

    crew.take_on = take_on  # pyright: ignore[reportAttributeAccessIssue]
    work = Delegation(of="plan", request=Request(text="all"), tasks=tasks)
    results = await carried_out(store, crew, work)
    assert [r.status for r in results] == ["done", "done"]
    assert crew.ended == ["asks", "slow"]


@given(
    edges=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12),
)
def test_circles_are_found(edges: list[tuple[int, int]]) -> None:
    """Exactly those tasks that can never begin, whatever order they are tried in."""
    needs = {n: {b for a, b in edges if a == n} for n in range(7)}
    tasks = [
        Task(id=f"t{n}", to="x", text="y", needs=tuple(f"t{b}" for b in sorted(needs[n])))
        for n in range(7)
    ]
    done: set[int] = set()
    for _ in range(7):
        done |= {n for n in range(7) if needs[n] <= done}
    assert set(in_circle(tasks)) == {f"t{n}" for n in range(7) if n not in done}
