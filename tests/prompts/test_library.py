"""PromptLibrary: finding, reading and refusing prompt files."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import PromptError
from pointsman.prompts.library import SHIPPED, Example, ExampleCall, PromptLibrary

WHOLE = """\
---
description: Answers questions about invoices.
variables:
  policy: the refund rules
examples:
  - user: Where is my money?
    calls:
      - {tool: find_invoice, args: {id: INV-1, lines: [1, 2]}, result: paid}
    answer: It was paid.
---

You answer questions about invoices.
{{ policy }}
"""


def write(folder: Path, name: str, text: str | bytes) -> Path:
    """Put a prompt file into the folder and give its path."""
    path = folder / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(folder: Path, text: str | bytes) -> str:
    """What the library says of a file with this content."""
    write(folder, "broken", text)
    with pytest.raises(PromptError) as caught:
        PromptLibrary([folder]).get("broken")
    return str(caught.value)


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    """Front matter, body, examples and version all arrive, typed."""
    path = write(tmp_path, "support/billing", WHOLE)
    prompt = PromptLibrary([tmp_path]).get("support/billing")
    assert prompt.name == "support/billing"
    assert prompt.path == path
    assert prompt.description == "Answers questions about invoices."
    assert prompt.variables == ("policy",)
    assert prompt.body == "You answer questions about invoices.\n{{ policy }}"
    assert prompt.examples == (
        Example(
            user="Where is my money?",
            calls=(ExampleCall("find_invoice", {"id": "INV-1", "lines": [1, 2]}, "paid"),),
            answer="It was paid.",
        ),
    )
    assert prompt.version == hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def test_a_file_without_front_matter_declares_what_it_uses(tmp_path: Path) -> None:
    """Plain Markdown is a prompt; its variables are those of the body."""
    write(tmp_path, "plain", "Hello {{ who }}, it is {{ day }}.")
    assert PromptLibrary([tmp_path]).get("plain").variables == ("day", "who")


def test_front_matter_may_be_empty_and_lines_may_end_in_crlf(tmp_path: Path) -> None:
    """Files from other systems (byte order mark, CRLF) read the same."""
    write(tmp_path, "dos", b"\xef\xbb\xbf---\r\n---\r\nHello\r\nyou\r\n")
    assert PromptLibrary([tmp_path]).get("dos").body == "Hello\nyou"


def test_the_users_folder_wins_over_the_packages(tmp_path: Path) -> None:
    """A user's file of a shipped name replaces it; other shipped names stay."""
    library = PromptLibrary([tmp_path])
    shipped = library.get("router/choose").version
    write(tmp_path, "router/choose", "Pick one of {{ specialists }}.")
    assert library.get("router/choose").version != shipped
    assert library.get("specialist/repair").path.is_relative_to(SHIPPED)


def test_a_changed_byte_is_another_version(tmp_path: Path) -> None:
    """The version is the content's hash, and the file is read anew each time."""
    library = PromptLibrary([tmp_path])
    write(tmp_path, "a", "one")
    first = library.get("a").version
    write(tmp_path, "a", "one ")
    assert library.get("a").version != first


def test_names_lists_what_get_finds(tmp_path: Path) -> None:
    """Every listed name can be fetched; files that no name fits are not listed."""
    write(tmp_path, "team/one.two", "text")
    write(tmp_path, ".hidden", "text")
    library = PromptLibrary([tmp_path])
    shipped = PromptLibrary().names()
    assert {"router/choose", "specialist/default", "memory/summary"} <= set(shipped)
    assert library.names() == tuple(sorted((*shipped, "team/one.two")))
    assert [library.get(name).name for name in library.names()] == list(library.names())


def test_a_missing_file_names_the_folders_and_near_names(tmp_path: Path) -> None:
    """The error says where was searched and what was probably meant."""
    write(tmp_path, "support/billing", "text")
    library = PromptLibrary([tmp_path])
    with pytest.raises(PromptError) as caught:
        library.get("support/biling")
    said = str(caught.value)
    assert str(tmp_path) in said
    assert str(SHIPPED) in said
    assert "Did you mean 'support/billing'?" in said
    assert not library.has("support/biling")
    assert library.has("support/billing")


def test_a_missing_file_with_nothing_near_says_what_to_write(tmp_path: Path) -> None:
    """With no near name the hint is the file to create."""
    with pytest.raises(PromptError, match=r"Write .*zzz\.md"):
        PromptLibrary([tmp_path]).get("zzz")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a/./b",
        "a//b",
        "a\\b",
        "a/",
        ".git/x",
        "a\0b",
        "a\n",
    ],
)
def test_names_that_could_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    """Only plain relative names are looked up at all."""
    with pytest.raises(PromptError, match="is not a prompt's name"):
        PromptLibrary([tmp_path]).get(name)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """A symbolic link does not make another file a prompt."""
    outside = write(tmp_path / "outside", "secret", "text")
    inside = tmp_path / "prompts"
    inside.mkdir()
    (inside / "link.md").symlink_to(outside)
    with pytest.raises(PromptError, match="leaves"):
        PromptLibrary([inside]).get("link")


def test_bytes_that_are_not_utf8_are_located(tmp_path: Path) -> None:
    """The line of the first bad byte is named."""
    assert "is not UTF-8 (line 2, byte 4)" in refusal(tmp_path, b"abc\n\xff\xfe")


def test_broken_yaml_is_located(tmp_path: Path) -> None:
    """The line is the file's own, counting the fence."""
    said = refusal(tmp_path, "---\ndescription: a\nvariables: {x: [}\n---\nbody")
    assert "line 3" in said
    assert "broken YAML" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("---\ndescription: a\nbody", "never closes it"),
        ("---\ncolour: red\n---\nbody", "colour: Extra inputs are not permitted"),
        ("---\n- a list\n---\nbody", "the front matter does not fit"),
        ("---\ndescription: a\ndescription: b\n---\nbody", "line 3: the key 'description' stands"),
        ("---\nexamples: [{answer: x}]\n---\nbody", "examples.0.user: Field required"),
        ("---\nexamples: [{user: x, calls: [{tool: t, args: {d: 2026-01-02}}]}]\n---\nb", "Quote"),
        ("---\nexamples: [{user: 2026-13-40}]\n---\nbody", "cannot be read"),
        ("---\nexamples: &x [*x]\n---\nbody", "cannot be read"),
        ("---\nvariables: {x: doc}\n---\nbody {{ x }} {{ y }}", "uses 'y' without declaring it"),
        ("---\nvariables: {x: doc, y: doc}\n---\nbody {{ x }}", "declares 'y' and never uses it"),
        ("body {{ x", "line 1 of the body"),
        ("{% include 'other.md' %}", "a prompt loads no other file"),
        ("{% from '/etc/passwd' import x %}", "a prompt loads no other file"),
        ("", "has no text"),
        ("---\ndescription: a\n---\n\n", "has no text"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, said: str) -> None:
    """Each fault of a file is one sentence that names the file and the fault."""
    message = refusal(tmp_path, text)
    assert said in message
    assert str(tmp_path / "broken.md") in message


def test_a_folder_named_like_a_prompt_is_not_one(tmp_path: Path) -> None:
    """`x.md` must be a file."""
    (tmp_path / "x.md").mkdir()
    with pytest.raises(PromptError, match="There is no prompt 'x'"):
        PromptLibrary([tmp_path]).get("x")


@pytest.mark.parametrize("name", PromptLibrary().names())
def test_what_ships_renders(name: str) -> None:
    """Every shipped prompt declares its variables, describes itself and shows what it is given."""
    prompt = PromptLibrary().get(name)
    text = prompt.render({variable: f"<{variable}>" for variable in prompt.variables})
    assert prompt.description
    assert text.strip()
    assert all(f"<{variable}>" in text for variable in prompt.variables)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_prompt_or_a_prompt_error(data: bytes) -> None:
    """No content of a file makes reading fail in another way."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        write(Path(folder), "any", data)
        try:
            prompt = PromptLibrary([Path(folder)]).get("any")
        except PromptError:
            return
        assert prompt.body


@given(st.text(alphabet="-\n{}%a: [&*]!'\"|>#", max_size=80))
def test_any_front_matter_gives_a_prompt_or_a_prompt_error(text: str) -> None:
    """Odd YAML and odd templates end in PromptError too."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        write(Path(folder), "any", f"---\n{text}\n---\nbody {text}")
        try:
            PromptLibrary([Path(folder)]).get("any")
        except PromptError:
            return
