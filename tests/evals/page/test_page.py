"""The HTML report: everything is on it, nothing of it is code, and it fetches nothing."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pointsman.evals.compare import compare
from pointsman.evals.metrics import read
from pointsman.evals.page.escaped import safe
from pointsman.evals.page.page import Shown, write
from pointsman.evals.record import EffectSeen, Sample, Step, TicketSeen, Verdict
from pointsman.nodes.message import ToolCall, Turn
from tests.evals import records

XSS = "\"'><script>window.broken=1</script><img src=x onerror=window.broken=1><svg/onload=alert(1)>"
VOID = {"meta", "input"}


class Page(HTMLParser):
    """Elements, attributes and text of a page; raises on tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def nasty(case: str, **more: object) -> Sample:
    """A sample whose every text that somebody else may write is an attack."""
    return records.sample(
        f"{case}{XSS}", input=XSS, output=XSS, notes={XSS: XSS}, route=XSS, tags=(XSS,),
        scores={XSS: True, f"label{XSS}": XSS, f"n{XSS}": 0.5}, unscored={f"u{XSS}": XSS},
        expected={"route": XSS + "!", XSS: XSS}, version=XSS,
        tickets=[TicketSeen(tool=XSS, args={XSS: XSS}, status=XSS, decision=XSS)],
        effects=[EffectSeen(tool=XSS, args={XSS: XSS}, state=XSS, result=XSS)],
        trajectory=[Step(kind="tool", name=XSS, by=XSS)],
        verdicts=[Verdict(guard=XSS, verdict=XSS, rule=XSS)],
        transcript=[
            Turn(role="user", content=XSS),
            Turn(role="assistant", tool_calls=(ToolCall(id="1", name=XSS, args={XSS: XSS}),)),
            Turn(role="tool", content=XSS, name=XSS, tool_call_id="1"),
        ], **more,
    )  # fmt: skip


def attacked(folder: Path) -> Path:
    """A page of two runs in which every text is an attack."""
    head = {"suite": XSS, "target": XSS, "version": XSS, "replayed": XSS, "approver": XSS}
    versions = {XSS: XSS}
    now = [nasty(f"a{n}", error="") for n in range(8)] + [records.sample("e", error=XSS)]
    before = [nasty(f"a{n}") for n in range(9)]
    run = read(records.write(folder / "a.jsonl", now, versions=versions, due=30, **head))
    base = read(records.write(folder / "b.jsonl", before, versions=versions, **head))
    write(Shown(run, base, compare(run, base)), folder / "page.html")
    return folder / "page.html"


def page_of(folder: Path, samples: list[Sample], before: list[Sample] | None = None) -> str:
    """The page of these samples."""
    run = read(records.write(folder / "a.jsonl", samples))
    base = None if before is None else read(records.write(folder / "b.jsonl", before))
    write(Shown(run, base, compare(run, base) if base else None), folder / "page.html")
    return (folder / "page.html").read_text("utf-8")


def test_no_text_of_others_becomes_markup(tmp_path: Path) -> None:
    """Through every string of samples and head: one script (ours), no image, no handler, no
    style attribute, and the text is there to be read."""
    page = Page(attacked(tmp_path).read_text("utf-8"))
    assert page.tags.count("script") == 1
    assert {"img", "iframe", "object", "link", "a", "base", "form"}.isdisjoint(page.tags)
    names = {name for name, _ in page.attributes}
    assert not [name for name in names if name.startswith("on") or name in ("href", "src", "style")]
    assert "".join(page.text).count(XSS) > 20


def test_only_our_script_and_style_may_run(tmp_path: Path) -> None:
    """The policy names both by their hash and lets nothing else in."""
    text = attacked(tmp_path).read_text("utf-8")
    policy = next(v for n, v in Page(text).attributes if n == "content" and "default-src" in v)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"https?://", text.replace("http://www.w3.org/2000/svg", ""))


@pytest.mark.parametrize("odd", ["\x00", "\x1b", "\u202e", "\u2066", "\ud800", "\x85"])
def test_what_would_hide_or_turn_text_is_written_out(odd: str) -> None:
    """Control characters, turns of direction and halves of pairs."""
    assert safe(f"a{odd}b") == f"a\\u{ord(odd):04x}b"


def test_figures_and_denominators_are_on_the_page(tmp_path: Path) -> None:
    """Pass rate with its interval, what was scored of how many, errors."""
    text = page_of(tmp_path, records.many("p" * 15 + "f" * 3 + "eu", tags=("x",)))
    assert "<b>75.0%</b><span>pass: 18 scored of 20, 95 % sure: 53.1% to 88.8%</span>" in text
    assert "<b>1</b><span>errors in 20 samples</span>" in text
    assert '<td class="n">18 of 20</td>' in text


def test_what_got_worse_comes_first_with_both_transcripts(tmp_path: Path) -> None:
    """Then errors, then fails; the rest follows."""
    before = records.many("p" * 10)
    now = records.many("pfpppppppe")
    now[5] = records.sample("c0005", ok=True, output="fine")
    text = page_of(tmp_path, now, before)
    order = re.findall(r'<details class="case (\w+)" data-state="\w+" data-moved="(\w*)"', text)
    assert order[:2] == [("fail", "worse"), ("error", "worse")]
    assert len(order) == 10
    assert text.count('<div class="beside">') == 2


def test_a_page_of_many_samples_says_what_it_leaves_out(tmp_path: Path) -> None:
    """Fails are shown first, and the count is told."""
    run = read(records.write(tmp_path / "a.jsonl", records.many("p" * 30 + "ff")))
    write(Shown(run, most=5), tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "5 of 32 samples are shown" in text
    assert re.findall(r'<details class="case (\w+)"', text)[:3] == ["fail", "fail", "pass"]


def test_routes_make_a_matrix(tmp_path: Path) -> None:
    """Expected against taken, errors apart; nobody is a route too."""
    samples = [
        records.sample(f"c{n}", expected={"route": want}, route=got, error=error)
        for n, (want, got, error) in enumerate(
            [
                ("billing", "billing", ""),
                ("billing", "tech", ""),
                ("tech", "", "Bad: x"),
                ("", "", ""),
            ]
        )
    ]
    text = page_of(tmp_path, samples)
    assert "2 of 4 right" in text
    assert "<th>nobody</th>" in text
    assert "<th>(error)</th>" in text


def test_a_partial_run_says_so(tmp_path: Path) -> None:
    """In a banner at the top."""
    run = read(records.write(tmp_path / "a.jsonl", records.many("pp"), due=9))
    write(Shown(run), tmp_path / "page.html")
    assert "This run is partial: 2 of 9 samples" in (tmp_path / "page.html").read_text()
