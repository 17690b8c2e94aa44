"""Teams as Mermaid, SVG and PNG."""

import struct
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman import Specialist, Team
from pointsman.nodes.panel import Panel
from pointsman.nodes.plan import Plan
from pointsman.views.picture import Picture, Role, mermaid, picture_of
from pointsman.views.svg import png, svg

BILLING = Role(
    "billing",
    "charges and refunds",
    (("lookup_invoice", "read"), ("refund", "ask")),
    ("shipping",),
    fallback=True,
)
SHIPPING = Role("shipping", "parcels", (("track", "read"), ("hold", "write")), ("billing",))
ADVICE = Role("advice", "questions")
TEAM = Picture("support", (BILLING, SHIPPING, ADVICE), ("billing", "shipping", "advice"))
ANY_TEXT = st.text(max_size=60)


def test_mermaid_has_every_edge() -> None:
    """Routes, hand-offs, proposals, outcomes and the no-route edge are all drawn."""
    text = mermaid(TEAM)
    for edge in (
        "route --> s1",
        "route -. no route .-> finish",
        "s1 -. hands off .-> s2",
        "s2 -. hands off .-> s1",
        "s1 -- proposes --> gate",
        "execute -. outcome .-> s2",
        "s3 --> finish",
    ):
        assert f"  {edge}\n" in text
    assert "s3 -- proposes --> gate" not in text


def test_a_team_that_only_reads_has_no_gate() -> None:
    """Without write tools there is neither an approval nor an execute step."""
    team = Picture("advice", (ADVICE,), ("advice",))
    assert "gate" not in mermaid(team)
    assert "approval" not in svg(team)


GIVEN = Picture(
    "incident",
    (
        Role("lead", "incidents", gives_tasks_to=("logs", "repair")),
        Role("logs", "what the logs say", (("read_logs", "read"),)),
        Role("repair", "fixes", inside="crew", fallback=True),
    ),
    ("lead",),
)


def test_who_gives_tasks_is_drawn() -> None:
    """Members of a plan hang on who gives them tasks; their results are not the run's answer."""
    text = mermaid(GIVEN)
    assert "  s1 -. gives tasks to .-> s2\n" in text
    assert "  s1 -. gives tasks to .-> s3\n" in text
    assert [line for line in text.splitlines() if "--> finish" in line] == ["  s1 --> finish"]
    assert "team crew" in text
    drawn = svg(GIVEN)
    assert drawn.count('marker-end="url(#blue)"') == 3, "two edges and the legend"
    assert "gives tasks to" in drawn
    assert "team crew · rule fallback" in drawn


def test_who_gets_tasks_and_messages_answers_too() -> None:
    """A member that the router or a hand-off may choose still ends runs."""
    lead = Role("lead", "incidents", hands_off_to=("logs",), gives_tasks_to=("logs", "repair"))
    team = Picture("t", (lead, *GIVEN.roles[1:]), ("lead", "repair"))
    assert [role.name for role in team.answering] == ["lead", "logs", "repair"]


def test_a_team_with_plans_is_read() -> None:
    """A plan's and a panel's members, and the team inside, come out of the team's description."""
    a, b = Specialist("a", handles="a"), Specialist("b", handles="b")
    inner = Team("inner", specialists=[Specialist("c", handles="c")])
    crew = Specialist("crew", handles="all of c", does=inner)
    panel = Specialist("panel", handles="p", does=Panel((a, b)))
    lead = Specialist("lead", handles="l", does=Plan((panel, crew)))
    team = Team("outer", specialists=[lead, panel, a, b, crew])
    drawn = {role.name: role for role in picture_of(team).roles}
    assert drawn["lead"].gives_tasks_to == ("panel", "crew")
    assert drawn["panel"].gives_tasks_to == ("a", "b")
    assert (drawn["crew"].inside, drawn["crew"].gives_tasks_to) == ("inner", ())


@given(ANY_TEXT, ANY_TEXT)
def test_mermaid_labels_cannot_break_out(name: str, handles: str) -> None:
    """Whatever a name or a description holds, a label stays one quoted label on one line."""
    text = mermaid(Picture("t", (Role(name, handles),), (name,)))
    line = next(line for line in text.splitlines() if line.startswith("  s1["))
    assert line.startswith('  s1["<b>')
    assert line.endswith('"]:::role')
    assert line.count('"') == 2


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_svg_is_well_formed_whatever_the_names(team: str, name: str, handles: str) -> None:
    """Names and descriptions are escaped: the SVG always parses, and runs no script."""
    drawn = svg(Picture(team, (Role(name, handles, ((name, "write"),)),), (name,)))
    root = ElementTree.fromstring(drawn)
    assert not root.findall(".//{http://www.w3.org/2000/svg}script")


def test_svg_shows_every_name() -> None:
    """Every specialist and every tool can be read in the picture."""
    words = " ".join(ElementTree.fromstring(svg(TEAM)).itertext())
    for name in ("billing", "shipping", "advice", "lookup_invoice", "refund", "track", "hold"):
        assert name in words


def test_cards_do_not_overlap() -> None:
    """However many tools a specialist has, the next card begins below it."""
    roles = tuple(
        Role(f"r{n}", "x " * 200, tuple((f"tool_number_{k}", "read") for k in range(3 * n)))
        for n in range(6)
    )
    root = ElementTree.fromstring(svg(Picture("t", roles, ())))
    cards = [
        (float(r.get("y", 0)), float(r.get("height", 0)))
        for r in root.iter("{http://www.w3.org/2000/svg}rect")
        if r.get("fill") == "#ffffff" and r.get("y")
    ]
    assert len(cards) == 6
    assert all(y + h < after for (y, h), (after, _) in pairwise(cards))


@pytest.mark.parametrize("zoom", [1, 2])
def test_png_has_the_size_of_the_drawing(zoom: int) -> None:
    """The PNG is the SVG's size times the zoom, and its labels are drawn."""
    drawing = svg(TEAM)
    root = ElementTree.fromstring(drawing)
    data = png(drawing, zoom=zoom)
    assert data.startswith(b"\x89PNG")
    size = struct.unpack(">II", data[16:24])
    assert size == tuple(round(float(root.get(k, "0")) * zoom) for k in ("width", "height"))
    without = drawing.replace(">support<", "><")
    assert png(without, zoom=zoom) != data
