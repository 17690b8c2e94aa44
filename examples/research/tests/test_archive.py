"""The archive and the plan by rules."""

import pytest
from pointsman.nodes.message import Request

from nodes.archive import Archive, Missing
from nodes.planning import MOST, planned


def test_every_document_has_a_cost() -> None:
    """And says which document it is."""
    archive = Archive()
    for number in ("DOC-01", "DOC-02", "DOC-03", "DOC-04", "DOC-05"):
        text = archive.read(number, "cost")
        assert "crowns" in text
        assert text.endswith(f"({number}).")
        assert archive.says(number, text)
        assert not archive.says(number, text.replace("crowns", "euros"))


@pytest.mark.parametrize(
    ("number", "section"), [("DOC-06", "cost"), ("DOC-05", "noise"), ("../DOC-01", "cost")]
)
def test_what_is_missing_is_named(number: str, section: str) -> None:
    """No document, no section, no number: an error that says so."""
    with pytest.raises(Missing, match=r"not in the archive|nothing about noise"):
        Archive().read(number, section)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("What does the windmill cost?", ["wind-cost"]),
        ("Tell me of the school.", ["heat-pumps-summary"]),
        ("Is the battery or the turbine loud?", ["wind-noise", "battery-noise"]),
        ("Which is less loud, wind or solar?", ["solar-noise", "wind-noise", "rank"]),
        ("Nice weather.", []),
    ],
)  # fmt: skip
def test_a_question_becomes_tasks(text: str, ids: list[str]) -> None:
    """One for each section of each document that it is about."""
    assert [task.id for task in planned(Archive(), Request(text=text))] == ids


def test_a_plan_is_bounded() -> None:
    """Everything about everything is cut to what a plan may have."""
    text = "Compare cost, yield, time, noise and risks of all: which is the cheapest?"
    tasks = planned(Archive(), Request(text=text))
    assert len(tasks) == MOST
    assert tasks[-1].id == "rank"
