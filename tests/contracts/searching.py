"""The contract of the lists of runs."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointsman.errors import BadInput
from pointsman.nodes.message import Failure, Request, Status
from pointsman.teams.search import NEWEST, RunFilter, RunLine, search
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import RunRow
from tests.contracts.rows import a_result, a_run

# One method is every store's test, and a worker may run those of two stores.
SHARED = (HealthCheck.function_scoped_fixture, HealthCheck.differing_executors)

WORDS = ("parcel", "parcels", "refund", "invoice", "late", "wrong", "where", "broken")
STATES: tuple[Status, ...] = ("done", "failed", "waiting", "cancelled")


def asking(run: str, text: str, **change: object) -> RunRow:
    """A run whose request is that text."""
    row = a_run(run)
    message = row.request.model_copy(update={"payload": Request(text=text)})
    return replace(row, request=message, **change)  # pyright: ignore[reportArgumentType]


async def _filled(store: Store, clock: list[float]) -> None:
    """Runs of every kind, some in the same moment, and one of another team."""
    dice = random.Random(8)
    for n in range(60):
        clock[0] += dice.choice((0.0, 0.0, 0.5, 3.0))
        text = " ".join(dice.sample(WORDS, 3))
        row = asking(
            f"r{n}", text, tenant=dice.choice(("acme", "bolt")), thread=f"c{dice.randrange(3)}",
            release=dice.choice(("", "v1", "v2")), team="other" if n == 30 else "shop",
            parent=dice.choice(("", "", f"r{n - 1}" if n else "")),
            fork_of=dice.choice(("", "", "", f"r{n - 2}" if n > 1 else "")),
        )  # fmt: skip
        await store.add_run(row)
        await store.record(row.run, [], seconds=float(dice.randrange(4)))
        if dice.random() < 0.7:
            state = dice.choice(STATES)
            result = a_result(row.run, specialist=dice.choice(("billing", "tech", "")))
            result = result.model_copy(
                update={
                    "status": state, "answer": " ".join(dice.sample(WORDS, 2)),
                    "usd": dice.choice((None, 0.0, 0.25, 1.0)), "model_calls": dice.randrange(5),
                    "error": "ModelAuth" if state == "failed" else "",
                }
            )  # fmt: skip
            await store.move_run(row.run, state, frm=("running",), result=result)


def _or(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(("", *values))


_FLOAT = st.none() | st.sampled_from((0.0, 0.25, 1.0, 2.0, 9.0))
_TIME = st.none() | st.floats(990.0, 1_100.0)
FILTERS = st.builds(
    RunFilter,
    text=_or("parcel", "ref", "INVOICE late", "w", "zebra"),
    thread=_or("c0", "c2", "c9"),
    specialist=_or("billing", "tech"),
    states=st.lists(st.sampled_from(("running", *STATES)), max_size=3).map(tuple),
    tenant=_or("acme", "bolt"),
    release=_or("v1"),
    since=_TIME,
    until=_TIME,
    usd_at_least=_FLOAT,
    usd_at_most=_FLOAT,
    seconds_at_least=_FLOAT,
    seconds_at_most=_FLOAT,
    children=st.booleans(),
    forks=st.booleans(),
)


def fits(line: RunLine, answer: str, wanted: RunFilter) -> bool:
    """The filter in plain words."""
    said = f"{line.text} {answer}".split()

    def between(value: float | None, least: float | None, most: float | None) -> bool:
        if value is None:
            return least is None and most is None
        return (least is None or value >= least) and (most is None or value <= most)

    return (
        all(any(w.startswith(word.lower()) for w in said) for word in wanted.text.split())
        and wanted.thread in ("", line.thread)
        and wanted.specialist in ("", line.specialist)
        and (not wanted.states or line.state in wanted.states)
        and wanted.tenant in ("", line.tenant)
        and wanted.release in ("", line.release)
        and (wanted.since is None or line.created >= wanted.since)
        and (wanted.until is None or line.created < wanted.until)
        and between(line.usd, wanted.usd_at_least, wanted.usd_at_most)
        and between(line.seconds, wanted.seconds_at_least, wanted.seconds_at_most)
        and (wanted.children or not line.parent)
        and (wanted.forks or not line.fork_of)
    )


async def pages(store: Store, wanted: RunFilter, limit: int) -> list[RunLine]:
    """Every line of every page."""
    page = await search(store, "shop", wanted, limit=limit)
    lines = list(page.lines)
    while page.next is not None:
        assert len(page.lines) == limit
        page = await search(store, "shop", wanted, page.next, limit)
        lines += page.lines
    return lines


class SearchContract:
    """What every Store promises of its lists of runs."""

    @settings(max_examples=80, deadline=None, suppress_health_check=SHARED)
    @given(wanted=FILTERS, limit=st.sampled_from((1, 3, 50)))
    async def test_pages_hold_each_run_that_fits_once_newest_first(
        self, store: Store, clock: list[float], wanted: RunFilter, limit: int
    ) -> None:
        """Whatever is asked for, in pages of any size: as a plain filter over all runs."""
        if await store.find_run("r0") is None:
            await _filled(store, clock)
        every = (await search(store, "shop", RunFilter(children=True, forks=True), limit=500)).lines
        assert len(every) == 59
        rows = [await store.find_run(line.run) for line in every]
        answers = [row.result.answer if row and row.result else "" for row in rows]
        expected = [
            line for line, said in zip(every, answers, strict=True) if fits(line, said, wanted)
        ]
        assert await pages(store, wanted, limit) == expected

    async def test_forks_are_listed_where_they_are_asked_for(self, store: Store) -> None:
        """With what they are a fork of; no list of runs has them otherwise."""
        await store.add_run(a_run("r1"))
        await store.add_run(replace(a_run("f1"), fork_of="r1", release="v1"))
        assert [line.run for line in (await search(store, "shop", RunFilter())).lines] == ["r1"]
        both = (await search(store, "shop", RunFilter(forks=True))).lines
        assert [(line.run, line.fork_of) for line in both] == [("f1", "r1"), ("r1", "")]
        assert (await search(store, "shop", RunFilter(release="v1"))).lines == ()
        assert [row.run for row in await store.runs("shop")] == ["r1"]
        assert [row.run for row in await store.runs("shop", forks=True)] == ["f1", "r1"]

    async def test_the_newest_is_first(self, store: Store, clock: list[float]) -> None:
        """By the time of its creation; of one moment the one that was added last."""
        for n, wait in enumerate((0, 5, 0, 0, 1)):
            clock[0] += wait
            await store.add_run(a_run(f"r{n}"))
        page = await search(store, "shop", RunFilter())
        assert [line.run for line in page.lines] == ["r4", "r3", "r2", "r1", "r0"]
        assert [line.created for line in page.lines] == sorted(
            (line.created for line in page.lines), reverse=True
        )

    async def test_a_line_says_what_came_of_the_run(self, store: Store, clock: list[float]) -> None:
        """Its request's first 200 characters, cost, calls, error, time; nothing before it ended."""
        row = asking("r1", "x" * 300, release="v1")
        await store.add_run(row)
        begun = (await search(store, "shop", RunFilter())).lines[0]
        assert begun == RunLine(
            "r1", "shop", "c1", "acme", "running", "", "x" * 200, clock[0], None, 0.0, None, 0, "",
            "v1", "",
        )  # fmt: skip
        clock[0] += 2.5
        await store.record("r1", [], seconds=1.5)
        result = a_result().model_copy(update={"usd": 0.5, "model_calls": 3, "error": "HopLimit"})
        await store.move_run("r1", "failed", frm=("running",), result=result)
        ended = (await search(store, "shop", RunFilter())).lines[0]
        assert ended == replace(
            begun, state="failed", specialist="billing", ended=clock[0], seconds=1.5, usd=0.5,
            calls=3, error="HopLimit",
        )  # fmt: skip

    async def test_what_was_said_is_found_by_its_words(self, store: Store) -> None:
        """Request and answer; case and accents do not matter, marks are no words, and nothing in
        the text is an operator."""
        await store.add_run(asking("r1", 'Où est la Überweisung INV-17? "quote" OR nothing*'))
        answer = a_result("r1").model_copy(update={"answer": "Your parcel NEAR the door"})
        await store.move_run("r1", "done", frm=("running",), result=answer)
        for text in (
            "uberweisung", "ou EST", "inv-17", "inv", "parcel la", '"quote"', "or", "near", "OR (",
            "17?", 'quo"',
        ):  # fmt: skip
            found = (await search(store, "shop", RunFilter(text=text))).lines
            assert [line.run for line in found] == ["r1"], text
        for text in ("weisung", "inv-18", "request:parcel", "?", "*", '"', "parcel zebra"):
            assert (await search(store, "shop", RunFilter(text=text))).lines == (), text

    async def test_a_later_answer_takes_the_place_of_the_earlier(self, store: Store) -> None:
        """A run is found by what it came to, not by what it had said while it waited."""
        await store.add_run(a_run())
        for said, state, frm in (("draft", "waiting", "running"), ("final", "done", "waiting")):
            result = a_result().model_copy(update={"answer": said})
            await store.move_run("r1", state, frm=(frm,), result=result)  # pyright: ignore[reportArgumentType]
        assert (await search(store, "shop", RunFilter(text="draft"))).lines == ()
        assert len((await search(store, "shop", RunFilter(text="final hello"))).lines) == 1

    async def test_a_run_without_a_request_is_listed(self, store: Store) -> None:
        """With an empty text."""
        row = a_run()
        message = row.request.model_copy(update={"payload": Failure(error="X", text="no")})
        await store.add_run(replace(row, request=message))
        assert [line.text for line in (await search(store, "shop", RunFilter())).lines] == [""]

    async def test_runs_that_begin_meanwhile_do_not_move_the_pages(
        self, store: Store, clock: list[float]
    ) -> None:
        """The second page goes on where the first one ended."""
        for n in range(4):
            clock[0] += 1
            await store.add_run(a_run(f"r{n}"))
        first = await search(store, "shop", RunFilter(), limit=2)
        assert first.next is not None
        clock[0] += 1
        await store.add_run(a_run("r9"))
        second = await search(store, "shop", RunFilter(), first.next, limit=2)
        assert [line.run for line in (*first.lines, *second.lines)] == ["r3", "r2", "r1", "r0"]

    @pytest.mark.parametrize("after", ["zebra", "-1", "f" * 40])
    async def test_a_place_that_no_page_gave_is_refused(self, store: Store, after: str) -> None:
        """With an error that says so."""
        with pytest.raises(BadInput, match="begins at"):
            await search(store, "shop", RunFilter(), after)

    @pytest.mark.parametrize("limit", [0, 501])
    async def test_a_page_is_bounded(self, store: Store, limit: int) -> None:
        """1 to 500 lines."""
        with pytest.raises(BadInput, match="1 to 500"):
            await search(store, "shop", RunFilter(), limit=limit)

    async def test_one_look_begins_before_a_place(self, store: Store) -> None:
        """What `search` builds its pages from: some lines, and where to look on."""
        for n in range(3):
            await store.add_run(a_run(f"r{n}"))
        found = await store.search("shop", RunFilter(), before=NEWEST, limit=2)
        assert found.next is not None
        rest = await store.search("shop", RunFilter(), before=found.next, limit=2)
        assert [line.run for line in (*found.lines, *rest.lines)] == ["r2", "r1", "r0"]
        assert rest.next is None
