"""A suite run once per tier gives the rows that a calibration reads."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pointsman.errors import BadInput, Misconfigured
from pointsman.evals.calibration.recorded import record
from pointsman.evals.suite import Case, Expected, Suite
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Read, Usage
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.specialist import Specialist
from pointsman.teams.team import Team

SUITE = Suite(
    "sums",
    tuple(
        Case(id=f"c{n}", text=f"What is {n} and {n}?", expected=Expected(contains=(str(2 * n),)))
        for n in range(1, 7)
    ),
)


class TwoModels:
    """`mine/weak` is right about even numbers only; `mine/strong` always."""

    def __init__(self, usd: float | None = 0.01) -> None:
        self.asked: list[str] = []
        self.usd = usd

    async def send(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        """The sum, or not."""
        self.asked.append(model)
        number = int(request.turns[-1].content.split()[2])
        right = model.endswith("strong") or number % 2 == 0
        usd = None if self.usd is None else self.usd * (10 if model.endswith("strong") else 1)
        text = f"It is {2 * number if right else 'more'}."
        return ModelReply(model=model, text=text, usage=Usage(9, 4), usd=usd)

    async def aclose(self) -> None:
        """Nothing to close."""


@pytest.fixture
def team(tmp_path: Path) -> Callable[[TwoModels], Team]:
    """Makes the team of one, over both models."""

    def make(models: TwoModels) -> Team:
        return Team(
            "sums", specialists=[Specialist("sums", handles="sums", leak="off")], home=tmp_path,
            models={"fast": ("mine/weak",), "strong": ("mine/strong",)},
            transports=Transports({"mine": lambda: models}),
        )  # fmt: skip

    return make


async def test_each_tier_answers_every_case(
    team: Callable[[TwoModels], Team], tmp_path: Path
) -> None:
    """Right or wrong by the suite's scorers, at what it cost; begun again, nobody is asked."""
    models = TwoModels()
    made = team(models)
    assert made.spec.models is not None
    rows = await record(made, SUITE, made.spec.models, tmp_path / "cal")
    assert [row.weak.correct for row in rows] == [0, 1, 0, 1, 0, 1]
    assert [row.strong.correct for row in rows] == [1] * 6
    assert rows[0].weak.answer == "It is more."
    assert rows[0].strong.usd == pytest.approx(10 * rows[0].weak.usd)
    assert {row.group for row in rows} == {"sums"}
    asked = len(models.asked)
    assert set(models.asked) == {"mine/weak", "mine/strong"}
    assert await record(made, SUITE, made.spec.models, tmp_path / "cal") == rows
    assert len(models.asked) == asked


async def test_a_price_that_is_not_known_is_refused(
    team: Callable[[TwoModels], Team], tmp_path: Path
) -> None:
    """Unknown is not nothing: no share of a cost could be told."""
    made = team(TwoModels(usd=None))
    assert made.spec.models is not None
    with pytest.raises(BadInput, match="price of a model"):
        await record(made, SUITE, made.spec.models, tmp_path / "cal")


async def test_two_equal_tiers_are_refused(
    team: Callable[[TwoModels], Team], tmp_path: Path
) -> None:
    """There would be nothing to compare."""
    models = TwoModels()
    with pytest.raises(Misconfigured, match="the same models"):
        await record(team(models), SUITE, {"fast": ("a",), "strong": ("a",)}, tmp_path)
    assert models.asked == []
