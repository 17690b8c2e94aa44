"""Grants: what they cover, and never more."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from pointsman.errors import InvalidDecision
from pointsman.nodes.digest import JsonObject, canonical
from pointsman.nodes.message import Origin, Provenance
from pointsman.teams.approvals.grant import LONGEST, MOST_USES, Grant, grant_from
from pointsman.teams.tickets import Ticket
from tests.contracts.store import NOW, a_grant, a_ticket

SECOND = timedelta(seconds=1)

money = st.floats(-50, 50, allow_nan=False) | st.integers(-50, 50) | st.booleans() | st.text()

names = ("invoice", "usd", "to", "note")
numbers = st.integers(-3, 30) | st.floats(-3, 30, allow_nan=False)
others: tuple[JsonValue, ...] = ("INV-1", "INV-2", "5", "", True, False, None, [], [1], [1, 2])
values = numbers | st.sampled_from(others)
origins: st.SearchStrategy[Origin] = st.sampled_from(["person", "tool", "document", "model"])
wild_bounds = st.builds(dict[str, float]) | st.dictionaries(
    st.sampled_from(names), st.floats(-1, 25)
)
some_names = st.just([]) | st.lists(st.sampled_from(names), max_size=2, unique=True)


@st.composite
def sources(draw: st.DrawFn) -> Ticket:
    """Tickets that a grant can be given from."""
    args = draw(st.dictionaries(st.sampled_from(names), values, min_size=1))
    return a_ticket("t0", args=args, provenance=draw(provenance()))


@st.composite
def provenance(draw: st.DrawFn) -> tuple[Provenance, ...]:
    """Where some arguments, or parts of them, come from."""
    paths = st.builds("{}{}".format, st.sampled_from(names), st.sampled_from(["", ".0", ".0.x"]))
    said = draw(st.just([]) | st.lists(st.tuples(paths, origins), max_size=2))
    return tuple(Provenance(argument=path, origin=origin) for path, origin in said)


@st.composite
def near(draw: st.DrawFn, ticket: Ticket) -> Ticket:
    """A ticket like this one, apart from a few things."""
    args = dict(ticket.args)
    if draw(st.integers(0, 5)) == 0:
        args.pop(draw(st.sampled_from(names)), None)
    for name in draw(st.lists(st.sampled_from(names), max_size=2)):
        args[name] = draw(values)
    changes: dict[str, str | int] = {
        "team": "other", "tenant": "acme", "specialist": "sales", "tool": "pay", "approvals": 2,
        "kind": draw(st.sampled_from(["compensate", "ambiguous", "admit", "release"])),
    }  # fmt: skip
    changed = draw(st.sampled_from([*[None] * 12, *changes]))
    change = {} if changed is None else {changed: changes[changed]}
    return a_ticket("t1", args=args, provenance=draw(provenance())).model_copy(update=change)


@st.composite
def grants(draw: st.DrawFn, source: Ticket) -> Grant:
    """A grant from the ticket that leaves some of its arguments open or bounded."""
    left = draw(st.permutations(sorted(source.args)))
    free = left[: draw(st.integers(0, min(2, len(left) - 1)))]
    countable = [name for name in left[len(free) :] if number(source.args[name]) is not None]
    at_most = {name: draw(st.floats(0, 30)) for name in countable if draw(st.booleans())}
    return grant_from(
        source, by="ana", at=NOW, until=NOW + draw(st.timedeltas(SECOND, timedelta(days=5))),
        times=draw(st.integers(1, 3)), at_most=at_most, free=free,
    )  # fmt: skip


def number(value: JsonValue) -> float | None:
    """The value where a bound can hold for it."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def written_by_documents(ticket: Ticket) -> set[str]:
    """Arguments that a document wrote, wholly or in part."""
    return {p.argument.split(".")[0] for p in ticket.provenance if p.origin == "document"}


@settings(max_examples=300)
@given(st.data())
def test_nothing_is_covered_beyond_any_bound(data: st.DataObject) -> None:
    """Whatever it was given from and whatever is asked: a covered ticket is the same action of the
    same people, in time, with uses left, each argument the same, within its bound or free, and
    nothing that a document wrote unless the grant names that value. And what is all that is
    covered."""
    source = data.draw(sources())
    grant = data.draw(grants(source)).model_copy(
        update={"uses": data.draw(st.sampled_from([0, 0, 1, 2, 3]))}
    )
    ticket = data.draw(near(source))
    at = NOW + data.draw(st.timedeltas(timedelta(0), timedelta(days=3)))

    def allowed(name: str) -> bool:
        value = ticket.args[name]
        if name in grant.at_most:
            amount = number(value)
            return amount is not None and 0 <= amount <= grant.at_most[name]
        same = name in source.args and canonical(value) == canonical(source.args[name])
        return same or name in grant.free

    wanted = (
        all(getattr(source, p) == getattr(ticket, p) for p in ("team", "tenant", "tool"))
        and source.specialist == ticket.specialist
        and (ticket.kind, ticket.approvals) == ("action", 1)
        and grant.uses < grant.times
        and at < grant.until
        and all(map(allowed, ticket.args))
        and grant.args.keys() | grant.at_most.keys() <= ticket.args.keys()
        and written_by_documents(ticket) <= source.args.keys() - {*grant.at_most, *grant.free}
    )
    event(f"covered: {wanted}")
    assert grant.covers(ticket, at) == wanted


@given(st.data())
def test_what_was_shown_is_covered(data: st.DataObject) -> None:
    """The ticket it was given from, unless its own number is over the bound or below nothing, or a
    document wrote what the grant leaves open."""
    source = data.draw(sources())
    grant = data.draw(grants(source))
    amounts = {name: number(source.args[name]) or 0.0 for name in grant.at_most}
    within = all(0 <= amounts[name] <= most for name, most in grant.at_most.items())
    bound = source.args.keys() - {*grant.at_most, *grant.free}
    assert grant.covers(source, NOW) == (within and written_by_documents(source) <= bound)


@given(
    sources().flatmap(near), wild_bounds, some_names,
    st.integers(1, 5) | st.integers(-2, 5) | st.integers(9_990, 10_010),
    st.timedeltas(SECOND, LONGEST) | st.timedeltas(timedelta(days=-1), timedelta(days=100)),
)  # fmt: skip
def test_every_grant_is_bounded(
    source: Ticket, limits: dict[str, float], free: list[str], times: int, until: timedelta
) -> None:
    """In time, in number and in what it binds; of an action that one person may approve; for each
    argument exactly one of equal, bounded and free; itself and its digest stored and read alike."""
    try:
        grant = grant_from(
            source, by="ana", at=NOW, until=NOW + until, times=times, at_most=limits, free=free
        )
    except InvalidDecision:
        event("refused")
        return
    assert NOW < grant.until <= NOW + LONGEST
    assert 1 <= grant.times <= MOST_USES
    assert (source.kind, source.approvals) == ("action", 1)
    assert grant.args.keys() | grant.at_most.keys() | {*grant.free} == source.args.keys()
    assert not grant.args.keys() & (grant.at_most.keys() | {*grant.free})
    assert {*grant.free} != source.args.keys()
    again = Grant.model_validate_json(grant.model_dump_json())
    assert (again, again.digest) == (grant, grant.digest)


@given(
    usd=money, invoice=st.sampled_from(("INV-1", "INV-2", "inv-1")), later=st.integers(0, 200_000),
    uses=st.integers(0, 3),
)  # fmt: skip
def test_what_is_covered_is_within_every_bound(
    usd: object, invoice: str, later: int, uses: int
) -> None:
    """Equal arguments, a number from 0 to the bound, in time, uses left: all of it or nothing."""
    grant = a_grant(times=2).model_copy(update={"uses": uses})
    ticket = a_ticket(args={"invoice": invoice, "usd": usd})
    within = isinstance(usd, int | float) and not isinstance(usd, bool) and 0 <= usd <= 20
    wanted = within and invoice == "INV-1" and uses < 2 and later < 86_400
    assert grant.covers(ticket, NOW + timedelta(seconds=later)) == wanted


@pytest.mark.parametrize(
    "change",
    [
        {"team": "other"},
        {"tenant": "other"},
        {"specialist": "other"},
        {"tool": "other"},
        {"kind": "ambiguous"},
        {"kind": "compensate"},
        {"kind": "admit"},
        {"kind": "release"},
        {"approvals": 2},
        {"args": {"invoice": "INV-1", "usd": 5.0, "note": "new argument"}},
        {"args": {"invoice": "INV-1"}},
        {"args": {"usd": 5.0}},
        {"args": {}},
        {"provenance": (Provenance(argument="usd", origin="document", source="mail"),)},
        {"provenance": (Provenance(argument="usd.0.x", origin="document", source="mail"),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_class_is_not_covered(change: dict[str, object]) -> None:
    """Another team, tenant, specialist, tool or kind; two people wanted; an argument nobody spoke
    of, or that is gone; an argument that a document wrote."""
    assert a_grant().covers(a_ticket(), NOW)
    assert not a_grant().covers(a_ticket("t5", **change), NOW)  # pyright: ignore[reportArgumentType]


def test_a_value_the_grant_names_may_come_from_a_document() -> None:
    """A person has fixed it: it does not matter who repeats it."""
    said = (Provenance(argument="invoice", origin="document", source="mail"),)
    assert a_grant().covers(a_ticket(provenance=said), NOW)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (1, 1.0), ("1", 1), (None, ""), ([1], [1, 1]), ({"a": 1}, {"a": 1, "b": 2})],
)
def test_equal_is_equal_in_the_canonical_form(one: object, other: object) -> None:
    """What JSON tells apart is another argument; the order of an object's names is not."""
    grant = a_grant(a_ticket("t0", args={"x": one}), at_most={})
    assert grant.covers(a_ticket(args={"x": one}), NOW)
    assert not grant.covers(a_ticket(args={"x": other}), NOW)
    nested: JsonObject = {"x": {"a": 1, "b": 2}}
    turned: JsonObject = {"x": {"b": 2, "a": 1}}
    assert a_grant(a_ticket(args=nested), at_most={}).covers(a_ticket(args=turned), NOW)


@pytest.mark.parametrize(
    ("bounds", "why"),
    [
        ({"until": NOW}, "must end within"),
        ({"until": NOW + timedelta(days=91)}, "must end within 90 days"),
        ({"times": 0}, "1 to 10,000 times"),
        ({"times": 10_001}, "1 to 10,000 times"),
        ({"at_most": {"euro": 5}}, "no argument 'euro'"),
        ({"free": ("euro",)}, "no argument 'euro'"),
        ({"at_most": {"invoice": 5}}, "no number"),
        ({"at_most": {"usd": float("inf")}}, "finite"),
        ({"at_most": {"usd": float("nan")}}, "finite"),
        ({"at_most": {"usd": -1}}, "finite number, 0 or more"),
        ({"until": datetime(2026, 11, 22)}, "time zone"),
        ({"at_most": {}, "free": ("usd", "invoice")}, "bind at least one"),
    ],
)
def test_a_class_without_bounds_is_refused(bounds: dict[str, object], why: str) -> None:
    """In time, in number, in what it binds."""
    with pytest.raises(InvalidDecision, match=why):
        a_grant(a_ticket(), **bounds)


@pytest.mark.parametrize(
    "change", [{"approvals": 2}, {"kind": "ambiguous"}, {"kind": "compensate"}, {"kind": "release"}]
)
def test_what_one_person_cannot_approve_is_no_source(change: dict[str, object]) -> None:
    """One person's grant cannot stand for two people's approval, nor for a look at the world."""
    with pytest.raises(InvalidDecision, match="one person"):
        a_grant(a_ticket("t0").model_copy(update=change))


def test_a_grant_from_an_edited_ticket_is_for_what_would_run() -> None:
    """The person granted what stood there after the edit."""
    edited = a_ticket(approved_args={"invoice": "INV-7", "usd": 4.0})
    grant = a_grant(edited)
    assert grant.args == {"invoice": "INV-7"}
    assert grant.covers(a_ticket(args={"invoice": "INV-7", "usd": 1.0}), NOW)
    assert not grant.covers(a_ticket(), NOW)


def test_a_grant_ends_to_the_second() -> None:
    """At its end it is over; revoked, it is over at once."""
    until = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    grant = a_grant(until=until)
    assert grant.live(until - timedelta(seconds=1))
    assert not grant.live(until)
    assert not grant.model_copy(update={"revoked": NOW}).live(NOW)
    assert not grant.model_copy(update={"uses": 1}).live(NOW)


def test_what_a_grant_allows_is_in_its_digest() -> None:
    """The audit log holds this digest: another class has another one; a use changes nothing."""
    grant = a_grant()
    assert grant.model_copy(update={"uses": 1}).digest == grant.digest
    wider: tuple[dict[str, object], ...] = (
        {"team": "x"}, {"tenant": "x"}, {"specialist": "x"}, {"tool": "x"}, {"args": {}},
        {"at_most": {"usd": 21.0}}, {"free": ("usd",)}, {"times": 2},
        {"until": NOW + timedelta(days=2)},
    )  # fmt: skip
    digests = {grant.model_copy(update=change).digest for change in wider}
    assert len(digests) == len(wider)
    assert grant.digest not in digests
