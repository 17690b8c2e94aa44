"""Links: what is fetched without a click, what carries data out, what leads outside the list."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Misconfigured
from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.links import Links

LISTED = Links(allow=("example.com", "*.example.com"))
LONG = "a" * 80


def found(check: Links, text: str) -> list[tuple[str, str]]:
    """(rule, what stands there) of each link found."""
    plain = canonical(text)
    return [(one.rule, text[slice(*plain.span(one.start, one.end))]) for one in check.find(plain)]


@pytest.mark.parametrize(
    "text",
    [
        "![x](https://evil.test/?d=1)",
        "![x]( <https://evil.test/?d=1> 'title')",
        "![a [b] c](https://evil.test)",
        "![x](//evil.test/a)",
        "![x](https:\\\\evil.test/a)",
        "![x](https&#58;//evil.test/a)",
        "![a `]` b](https://evil.test)",
        '<img alt=">" src=https://evil.test/a>',
        "<img title=it's src=https://evil.test/a>",
        "<IMG/SRC='https://evil.test/a'>",
        "<img srcset='https://evil.test/a 2x'>",
        "<video poster=https://evil.test/a>",
        "<iframe src=//evil.test>",
        "<meta http-equiv=refresh content='0;url=https://evil.test/'>",
        "<link rel=stylesheet href=https://evil.test/a.css>",
        "[img]https://evil.test/a.png",
        "url(https://evil.test/x",
    ],
)
def test_what_is_fetched_without_a_click_is_found(text: str) -> None:
    """However an image is written, it is found as a whole, with a list of hosts and without."""
    for check in (Links(), LISTED):
        assert ("links-fetched", text) in found(check, text)


@pytest.mark.parametrize(
    "text",
    [
        "![x][pic] and so on\n\n[pic]: https://evil.test/a",
        "![pic][]\n\n[PIC]: https://evil.test/a",
        "![pic]\n\n> [pic]: //evil.test/a",
    ],
)
def test_an_image_by_reference_is_found_where_its_address_stands(text: str) -> None:
    """The definition of a reference that an image uses is as bad as the image."""
    ((rule, what),) = found(Links(), text)
    assert rule == "links-fetched"
    assert "evil.test" in what


def test_an_image_inside_a_link_is_found() -> None:
    """A link around an image does not hide it."""
    text = "[![a](https://evil.test/i)](https://example.com/x)"
    assert found(Links(), text) == [("links-fetched", "![a](https://evil.test/i)")]


@pytest.mark.parametrize(
    "text",
    [
        f"https://evil.test/?q={LONG}",
        f"[more](https://evil.test/a?x=1&y={LONG})",
        f"https://evil.test/{LONG}",
        f"https://{'a' * 50}.{'b' * 30}.evil.test/",
        "https://evil.test/" + "%20".join(["word"] * 20),
        f"<a href='https://evil.test/?q={LONG}'>",
    ],
)
def test_a_link_that_carries_data_is_found(text: str) -> None:
    """Much in the query, in a part of the path or in the host's name is data on its way out."""
    assert [rule for rule, _ in found(Links(), text)] == ["links-data"]


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.test",
        "https://example.com@evil.test",
        "https://example.com:pass@evil.test/",
        "https://example.com.evil.test",
        "https://example.com\\@evil.test",
        "https:\\\\evil.test",
        "https:evil.test",
        "https:///evil.test",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://[::1]/",
        "https://xn--exmple-cua.com",
        "https://ex\u00e4mpl\u00eb.test",
        "https://evil.test\uff0fexample.com",
        "https://good\u3002test",
        "https://%65vil.test/",
        "https://example.com,https://evil.test",
        "https://example.com.\u200bevil.test",
        "https://notexample.com",
        "HTTPS://EVIL.TEST",
        "www.evil.test",
        "<https://evil.test>",
        "[x](//evil.test)",
        "[x](https:/\\evil.test)",
        "<a href=//evil.test>",
        "[a]: https://evil.test",
        "mailto:me@evil.test",
        "ftp://evil.test/a",
        "See (https://example.com),(https://evil.test).",
    ],
)
def test_a_host_outside_the_list_is_found(text: str) -> None:
    """No trick of spelling makes another host look like one of the list."""
    assert [rule for rule, _ in found(LISTED, text)] == ["links-host"]


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/a?b=1",
        "https://EXAMPLE.com.",
        "https://www.example.com:443/help",
        "See https://example.com/help, or [docs](https://docs.example.com/a).",
        "![logo](https://www.example.com/logo.png)",
        "https://ex%61mple.com/",
        "[docs](docs/a.md) and [top](#top) and ![p](/logo.png)",
        "![p](data:image/png;base64,AAAA)",
        "JavaScript: the good parts. See file:main.py, or data: none.",
        "a[0](x) and b[i][j] and <T> and x < y",
    ],
)
def test_what_stays_inside_passes(text: str) -> None:
    """Allowed hosts, relative links, embedded pictures and code pass, with a list of hosts."""
    assert found(LISTED, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:alert(1))",
        "[x](java&#115;cript:alert(1))",
        "[x](data:text/html;base64,AAAA)",
        "<a href=' javascript:alert(1)'>",
        "<img src=data:image/svg+xml;base64,AAAA>",
        "vbscript:msgbox",
        "file:///etc/passwd",
    ],
)
def test_addresses_that_run_or_read_are_found(text: str) -> None:
    """A script, a document in an address and a local file are no links to show."""
    for check in (Links(), LISTED):
        assert [rule for rule, _ in found(check, text)] == ["links-script"]


def test_without_a_list_ordinary_links_pass() -> None:
    """A link waits for a click; nothing is said against it unless it carries data."""
    text = "See https://anywhere.test/path/to-a-page?id=42&lang=en and [this](https://b.test)."
    assert found(Links(), text) == []


def test_a_wildcard_holds_only_what_is_below() -> None:
    """`*.example.com` does not hold `example.com`, nor a host that only ends so."""
    below = Links(allow=("*.example.com",))
    assert found(below, "https://a.b.example.com") == []
    assert found(below, "https://example.com")
    assert found(below, "https://badexample.com")


@pytest.mark.parametrize(
    "host",
    ["", "*", "*.com", "https://example.com", "example.com/a", "Example.com", "a b", "x:443"],
)
def test_what_is_no_host_is_refused(host: str) -> None:
    """A list that would not hold what its author means is a mistake."""
    with pytest.raises(Misconfigured):
        Links(allow=(host,))


def test_the_version_says_what_decides() -> None:
    """The hosts and the bound change it, their order does not."""
    one, two = Links(allow=("a.test", "b.test")), Links(allow=("b.test", "a.test"))
    assert one.version == two.version
    assert len({one.version, Links().version, Links(carry=10).version}) == 3


PIECES = (
    *("![", "[", "](", "]", "(", ")", "<img ", "src=", "'", '"', ">", "https:", "//", "\\", "@"),
    *("evil.test", "example.com", "?q=", "\n", "\n\n", " ", "data:", "url(", "%", "&#58;", "[::"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_any_text_is_read(pieces: list[str]) -> None:
    """No mixture raises; spans hold text, in order, none inside another."""
    plain = canonical("".join(pieces))
    for check in (Links(), LISTED):
        spans = [(one.start, one.end) for one in check.find(plain)]
        assert all(0 <= start < end <= len(plain.text) for start, end in spans)
        ends = [end for _, end in spans]
        assert ends == sorted(set(ends))


@pytest.mark.parametrize(
    "piece", ["![", "](", "[a](", "<img src=", "https:", "url(", "[a]: ", "[img]"]
)
def test_work_grows_with_the_text(piece: str) -> None:
    """Twice the text is at most about twice the steps, whatever is opened and never closed."""
    assert steps(piece * 8000) < 3 * steps(piece * 4000) + 2000


def steps(text: str) -> int:
    """How many lines of Python the search runs: every regular expression is a single pass."""
    count = 0

    def tracer(*_: object) -> object:
        nonlocal count
        count += 1
        return tracer

    plain = canonical(text)
    before = sys.gettrace()
    sys.settrace(tracer)  # pyright: ignore[reportArgumentType]
    try:
        LISTED.find(plain)
    finally:
        sys.settrace(before)
    return count


def test_a_host_that_only_looks_allowed_is_not() -> None:
    """Cyrillic letters lead elsewhere; in a label or an allowed host's path they do no harm."""
    links = Links(allow=("example.com",))
    for text in ("https://ex\u0430mple.com/x", "[ok](https://ex\u0430mple.com)"):
        assert [f.rule for f in links.find(canonical(text))] == ["links-host"], text
    for text in ("https://example.com/zo\u00eb", "[\u0434\u0430](https://example.com)"):
        assert links.find(canonical(text)) == [], text
