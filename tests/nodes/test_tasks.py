"""Whether a plan's tasks can be done: no circle, nobody unknown, nothing too deep gets through."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from pointsman.nodes.message import Task
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tasks import MERGE, faults


class Query(BaseModel):
    """An input schema."""

    table: str


MEMBERS = {
    "facts": Specialist("facts", handles="facts"),
    "rows": Specialist("rows", handles="rows", input=Query),
}


def check(*tasks: Task, earlier: Sequence[str] = (), max_tasks: int = 8, max_depth: int = 3) -> str:
    """What is wrong, in one text."""
    found = faults(tasks, MEMBERS, earlier=earlier, max_tasks=max_tasks, max_depth=max_depth)
    return " ".join(found)


def task(name: str, *needs: str, to: str = "facts", text: str = "look") -> Task:
    """A task for facts."""
    return Task(id=name, to=to, text=text, needs=needs)


def test_a_plan_that_can_be_done() -> None:
    """Branches that meet again are fine."""
    assert check(task("a"), task("b"), task("c", "a", "b")) == ""


def test_each_fault_is_named() -> None:
    """Every fault has its sentence, with the task and the name it is about."""
    assert "0 tasks" in check()
    assert "1 to 1" in check(task("a"), task("b"), max_tasks=1)
    assert "Two tasks have the id 'a'" in check(task("a"), task("a"))
    assert "'a' needs 'z'" in check(task("a", "z"))
    assert "for 'nobody'" in check(task("a", to="nobody"))
    assert "has no text" in check(task("a", text="  "))
    assert "'a', 'b' wait for each other" in check(task("a", "b"), task("b", "a"))
    assert "'a' wait for each other" in check(task("a", "a"))
    assert "3 tasks wait" in check(task("a"), task("b", "a"), task("c", "b"), max_depth=2)
    assert "is done already" in check(task("a"), earlier=("a",))
    assert "may have the id 'merge'" in check(task(MERGE))


def test_what_is_done_may_be_needed() -> None:
    """A new plan builds on the results that stand."""
    assert check(task("b", "a"), earlier=("a",)) == ""


def test_data_fit_the_receiver() -> None:
    """Data are for those with an input schema, and fit it, whether as data or as JSON text."""
    good = Task(id="a", to="rows", text="", data={"table": "t"})
    assert check(good) == ""
    assert check(Task(id="a", to="rows", text='{"table": "t"}')) == ""
    assert "fit Query: table" in check(Task(id="a", to="rows", text="", data={"tabel": "t"}))
    assert "fit Query" in check(Task(id="a", to="rows", text="rows please"))
    assert "takes text only" in check(Task(id="a", to="facts", text="x", data={"table": "t"}))


IDS = st.sampled_from("abcdef")
PLANS = st.lists(
    st.tuples(IDS, st.lists(IDS, max_size=3, unique=True)).map(lambda t: task(t[0], *t[1])),
    max_size=6,
)


def can_end(tasks: Sequence[Task]) -> int:
    """How many steps a plain run of the tasks takes; -1 when some never begin."""
    done: set[str] = set()
    steps = 0
    while len(done) < len(tasks):
        ready = {t.id for t in tasks if t.id not in done and done.issuperset(t.needs)}
        if not ready:
            return -1
        done |= ready
        steps += 1
    return steps


@given(PLANS, st.integers(1, 6))
def test_what_gets_through_can_be_done(plan: list[Task], depth: int) -> None:
    """A plan without a fault runs to its end in at most `max_depth` steps, and one that could not
    has a fault."""
    found = check(*plan, max_depth=depth)
    unique = len({t.id for t in plan}) == len(plan) > 0
    steps = can_end(plan) if unique else -1
    assert (found == "") == (unique and 0 <= steps <= depth)
