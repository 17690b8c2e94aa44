"""The view of a run, from its events alone."""

from io import StringIO

import pytest
from rich.console import Console

from pointsman.nodes.event import (
    BreakerMoved,
    Cascaded,
    Event,
    FellBack,
    Judged,
    ModelCalled,
    ModelFailed,
    Recorded,
    Routed,
    RunEnded,
    RunStarted,
    TicketDecided,
    TicketOpened,
    ToolCalled,
)
from pointsman.teams.result import Result
from pointsman.views.cli.progress import Progress
from pointsman.views.cli.tally import Tally, summary

TICKET = "7d1f0a2b3c4d5e6f7d1f0a2b3c4d5e6f"
STEPS: tuple[tuple[Event, str], ...] = (
    (RunStarted(run="r1", thread="t1"), ""),
    (Routed(to="billing", tier="model", confidence=0.83), "route     billing 83% by the model"),
    (Judged(guard="content", stage="input", verdict="redact", rule="email", count=2),
     "guard     content redacts (input, email, 2 found)"),
    (ModelCalled(purpose="act", model="embedded", source="model", input_tokens=312,
                 output_tokens=18, usd=0.0002, seconds=1.25),
     "model     act: embedded, 312+18 tokens, $0.0002, 1.2 s"),
    (ModelCalled(purpose="act", model="embedded", source="cache", saved_seconds=2, saved_usd=0.5),
     "model     act: cache hit, saved 2.0 s and $0.5000"),
    (ModelFailed(model="openai/x", error="ModelTimeout", message="No answer.", next="embedded"),
     "model     openai/x: No answer.; trying embedded"),
    (Cascaded(tier="fast", specialist="billing", verdict="escalated", model="big"),
     "cascade   fast: no cheap answer held, big answers"),
    (ToolCalled(tool="lookup", specialist="billing", effect="read", args_digest="d", seconds=0.004),
     "tool      lookup (read, 4 ms)"),
    (ToolCalled(tool="lookup", specialist="billing", effect="read", args_digest="d", ok=False,
                error="no such\ninvoice"),
     "tool      lookup (read, 0 ms) failed: no such invoice"),
    (TicketOpened(ticket=TICKET, specialist="billing", tool="refund", reason="money"),
     "ticket    7d1f0a2b refund waits for a person: money"),
    (TicketDecided(ticket=TICKET, decision="approve", by="ana"),
     "decision  7d1f0a2b approve by ana"),
    (FellBack(specialist="billing", error="Ungrounded", message="$5 stands nowhere."),
     "fallback  billing answers by rules: Ungrounded, $5 stands nowhere."),
    (BreakerMoved(of="model", key="openai/x", state="open"),
     "breaker   model openai/x failed too often: left alone for a while"),
    (BreakerMoved(of="specialist", key="billing", state="half_open"),
     "breaker   specialist billing is tried again"),
    (BreakerMoved(of="specialist", key="billing", state="closed"),
     "breaker   specialist billing works again"),
    (RunEnded(run="r1", status="done"), ""),
)  # fmt: skip


def screen(width: int = 80, *, terminal: bool = False) -> Console:
    """A screen whose text can be read back."""
    return Console(
        file=StringIO(), width=width, force_terminal=terminal, color_system=None, highlight=False
    )


def text_of(out: Console) -> str:
    """What is on the screen."""
    file = out.file
    assert isinstance(file, StringIO)
    return file.getvalue()


def result(**changes: object) -> Result:
    """A finished run."""
    whole = Result(
        run="r1", thread="t1", team="support", status="done", specialist="billing", by="model",
        route="billing", route_tier="model", model_calls=2, input_tokens=312, output_tokens=18,
        usd=0.0002, seconds=1.25,
    )  # fmt: skip
    return whole.model_copy(update=changes)


@pytest.mark.parametrize(("event", "line"), STEPS)
def test_each_event_is_one_plain_line(event: Event, line: str) -> None:
    """Without a terminal every step is one line of plain text, however long."""
    out = screen(40)
    Progress(out).event(Recorded(run="r1", seq=0, at=0, event=event))
    assert text_of(out) == (f"  {line}\n" if line else "")


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_never_sees_a_line_too_long(width: int) -> None:
    """In a terminal long steps wrap under themselves, within the width."""
    out = screen(width, terminal=True)
    progress = Progress(out)
    progress.begin(1, "word " * 100, "customer-17")
    for seq, (event, _) in enumerate(STEPS):
        progress.event(Recorded(run="r1", seq=seq, at=0, event=event))
    long = FellBack(specialist="billing", error="Ungrounded", message="word " * 60)
    progress.event(Recorded(run="r1", seq=99, at=0, event=long))
    progress.pause()
    steps = [line for line in text_of(out).splitlines() if "\x1b" not in line and "\r" not in line]
    assert len(steps) > 10
    assert max(map(len, steps)) <= width


def test_a_step_is_shown_once() -> None:
    """After a decision the whole record is read again; what was shown is not shown twice."""
    out = screen()
    progress = Progress(out)
    recorded = [Recorded(run="r1", seq=n, at=0, event=event) for n, (event, _) in enumerate(STEPS)]
    for one in [*recorded[:5], *recorded]:
        progress.event(one)
    assert text_of(out).count("billing 83% by the model") == 1
    assert text_of(out).count("decision") == 1


def test_the_closing_line_says_who_answered_and_what_it_cost() -> None:
    """Status, source, calls, cache hits, tokens, price and time close a message."""
    out = screen()
    Progress(out).end(result(cache_hits=1, by="fallback"))
    assert text_of(out) == (
        "  end       done, answered by the fallback (billing); 2 model calls, 1 from the cache,"
        " 312+18 tokens, $0.0002, 1.2 s\n"
    )


def test_a_batch_counts_statuses_and_sources() -> None:
    """The summary counts routes and answers by source, and what the cache saved."""
    tally = Tally()
    tally.add(result())
    tally.add(result(route_tier="rules", by="fallback", cache_hits=2, saved_seconds=3.5,
                     saved_usd=0.25))  # fmt: skip
    tally.add(result(status="waiting", by=None, usd=None))
    tally.add_fault()
    out = screen(100)
    summary(out, tally, wall=12.5)
    text = " ".join(text_of(out).split())
    for part in (
        "4 messages in 12.5 s",
        "2 done, 1 waiting for a person, 1 failed",
        "1 of the failed could not be run",
        "routes by model 2, rules 1",
        "answers by model 1, rules 0, fallback 1, person 0, nobody yet 1",
        "model calls 6",
        "cache hits 2",
        "tokens 936 in, 54 out",
        "cost $0.0004 and 1 runs whose price is unknown",
        "saved by the cache 3.5 s and $0.2500",
    ):
        assert part in text


def test_a_message_that_ran_before_costs_nothing_again() -> None:
    """The result of an earlier run is counted by status, and its calls are not counted again."""
    tally = Tally()
    tally.add(result(), repeated=True)
    assert (tally.total, tally.model_calls, tally.input_tokens) == (1, 0, 0)
    out = screen(100)
    summary(out, tally, wall=0.1)
    assert "1 had run before" in text_of(out)
