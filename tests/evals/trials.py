"""What tests of suites share: cases, results, a target that answers at once."""

from pointsman.evals.suite import Case, Expected
from pointsman.teams.result import Result


def result(case: Case, *, route: str = "billing", answer: str = "It is 20.00") -> Result:
    """A result as a team gives it."""
    return Result(
        run="r1", thread=case.thread, team="t", status="done", route=route, route_tier="model",
        specialist=route, answer=answer, by="model", model_calls=2, usd=0.01, seconds=0.5,
    )  # fmt: skip


def case(name: str, route: str = "billing", thread: str = "") -> Case:
    """A case that expects a route."""
    return Case(id=name, text=name, thread=thread, expected=Expected(route=route))


async def billing(given: Case) -> Result:
    """A target that always answers."""
    return result(given)
