"""A router's figures, on decisions that a test writes."""

from pathlib import Path

import pytest

from pointsman.errors import BadInput, ModelUnreachable
from pointsman.evals.routing.figures import Figures
from pointsman.evals.routing.measure import Measured, calibration, figures, measure
from pointsman.evals.routing.plot import draw
from pointsman.evals.routing.rows import Row
from pointsman.evals.routing.trained import alone, trained
from pointsman.nodes.event import Abstention
from pointsman.nodes.routing.parts import Part
from pointsman.nodes.routing.router import ORDER, Chances, Route
from pointsman.nodes.routing.threshold import Costs
from tests.nodes.routing.rooms import SURE


def by(
    tier: str, to: str = "", *, chances: Chances = (), usd: float | None = 0.0, calls: int = 0
) -> Route:
    """A route settled by this tier (empty: by none) for `to` (empty: nobody)."""
    before = ORDER[: ORDER.index(tier)] if tier else ORDER  # type: ignore[arg-type]
    return Route(
        to, tier if to else "none", probabilities=chances, usd=usd, calls=calls,  # type: ignore[arg-type]
        abstained=tuple(Abstention(tier=one, reason="-") for one in before),
    )  # fmt: skip


ROUTES = {
    "1": ("x", by("rules", "x")),
    "2": ("x", by("classifier", "x", chances=(("x", 0.95), ("y", 0.05)))),
    "3": ("x", by("classifier", "y", chances=(("y", 0.9), ("x", 0.1)))),
    "4": ("x", by("classifier")),
    "5": ("y", by("", chances=(("y", 0.5), ("x", 0.5)), usd=0.01, calls=1)),
    "6": ("y", by("model", "y", usd=0.02, calls=1)),
    "7": (None, by("classifier")),
    "8": (None, by("model", "x", usd=0.02, calls=1)),
    "9": (None, by("")),
    "10": ("y", None),
}


async def measured() -> Figures:
    """The figures of ROUTES, ten rows of which the last raises."""

    async def decide(text: str) -> Route:
        route = ROUTES[text][1]
        if route is None:
            raise ModelUnreachable("All models are down.")
        return route

    rows = [Row(text, expected, n) for n, (text, (expected, _)) in enumerate(ROUTES.items(), 1)]
    seen: list[int] = []
    found = await measure(rows, decide, jobs=3, done=lambda: seen.append(1))
    assert [m.row for m in found] == rows
    assert len(seen) == len(rows)
    assert found[-1].error == "ModelUnreachable: All models are down."
    return figures(found, bad_rows=2)


async def test_every_share_has_its_own_denominator() -> None:
    """Abstentions and errors are no decisions, and count in the shares of all."""
    found = await measured()
    assert (found.rows, found.in_scope, found.out_of_scope) == (10, 7, 3)
    assert (found.errors, found.bad_rows) == (1, 2)
    counts = {
        "accuracy": (found.accuracy.count, found.accuracy.total),
        "of all": (found.accuracy_of_all.count, found.accuracy_of_all.total),
        "abstained": (found.abstained.count, found.abstained.total),
        "abstained in scope": (found.abstained_in_scope.count, found.abstained_in_scope.total),
        "recall": (found.out_of_scope_recall.count, found.out_of_scope_recall.total),
        "kept out": (found.kept_out.count, found.kept_out.total),
        "no model": (found.without_model.count, found.without_model.total),
    }
    assert counts == {
        "accuracy": (3, 5), "of all": (3, 7), "abstained": (2, 10), "abstained in scope": (1, 7),
        "recall": (1, 2), "kept out": (2, 3), "no model": (5, 10),
    }  # fmt: skip


async def test_coverage_and_cost_by_tier() -> None:
    """Who settled how many, how many of them right, and what it cost."""
    found = await measured()
    tiers = {t.tier: (t.settled, t.right, t.calls, t.usd) for t in found.tiers}
    assert tiers == {
        "rules": (1, 1, 0, 0.0),
        "sticky": (0, 0, 0, 0.0),
        "classifier": (4, 2, 0, 0.0),
        "model": (2, 1, 2, 0.04),
    }
    assert (found.calls, found.usd) == (3, pytest.approx(0.05))


async def test_the_confusion_matrix_has_every_row() -> None:
    """By what was expected and what it came to, the outcomes that are no specialist too."""
    found = await measured()
    assert found.confusion == {
        "x": {"x": 2, "(nobody)": 1, "y": 1},
        "y": {"(abstained)": 1, "(error)": 1, "y": 1},
        "(nobody)": {"(abstained)": 1, "(nobody)": 1, "x": 1},
    }
    assert Figures.model_validate_json(found.model_dump_json()) == found


def test_an_unknown_price_is_not_nothing() -> None:
    """One call without a price makes the sum unknown."""
    rows = [Measured(Row("a", "x", 1), by("model", "x", usd=None, calls=1), 0.1)]
    assert figures(rows).usd is None


def test_calibration_is_over_all_that_have_probabilities() -> None:
    """Worked by hand: two bins, one exact and one 0.3 off; abstentions and nobody's rows count."""
    sure = by("classifier", "x", chances=(("x", 0.8), ("y", 0.2)))
    doubt = by("", chances=(("x", 0.35), ("y", 0.3)))
    rows = [Measured(Row("a", e, 1), sure, 0.1) for e in ("x", "x", "x", "x", "y")]
    rows += [Measured(Row("a", e, 1), doubt, 0.1) for e in ("x", "x", None)]
    rows += [Measured(Row("a", "x", 1), by("rules", "x"), 0.1)]
    found = calibration(rows)
    assert found.rows == 8
    assert [(b.low, b.rows, round(b.mean, 3), round(b.right, 3)) for b in found.bins] == [
        (0.3, 3, 0.35, 0.667),
        (0.8, 5, 0.8, 0.8),
    ]
    assert found.error == pytest.approx(3 / 8 * (2 / 3 - 0.35))


def test_nothing_measured_is_no_share() -> None:
    """No division by nothing."""
    found = figures([])
    assert (found.accuracy.share, found.usd, found.calibration.rows) == (None, 0.0, 0)


def test_a_split_row_counts_by_its_first_part() -> None:
    """And is counted as split."""
    parts = (Part("x", "a"), Part("y", "b"))
    route = Route("x", "classifier", parts=parts)
    found = figures([Measured(Row("a b", "x", 1), route, 0.1)])
    assert (found.accuracy.count, found.parts) == (1, 1)


async def test_a_router_of_a_files_labels_is_the_classifier_alone() -> None:
    """It decides like the examples, abstains where it is unsure, and asks nobody."""
    decide = alone(SURE, ("billing", "tech"), refuses=True)
    assert (await decide("a refund")).settled == "classifier"
    assert (await decide("nobody's")).settled == "classifier"
    unsure = await decide("maybe")
    assert (unsure.to, unsure.settled, unsure.abstained[-1].tier) == ("", "", "model")
    examples = {
        "x": [f"refund my invoice {n} please" for n in range(20)],
        "y": [f"the screen of device {n} is black" for n in range(20)],
    }
    route = await trained(examples, (), Costs(wrong=3))("please refund my invoice")
    assert route.probabilities[0][0] == "x"


@pytest.mark.parametrize("suffix", [".svg", ".png"])
async def test_the_plot_is_drawn(tmp_path: Path, suffix: str) -> None:
    """As its name says; another suffix is refused before anything is drawn."""
    path = tmp_path / f"plot{suffix}"
    draw((await measured()).calibration, path)
    assert path.read_bytes().startswith(b"\x89PNG" if suffix == ".png" else b"<?xml")
    with pytest.raises(BadInput, match="gif"):
        draw((await measured()).calibration, tmp_path / "plot.gif")
