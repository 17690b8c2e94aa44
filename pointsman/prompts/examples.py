"""Renders the examples of prompts and compares each with what it must say.

Where an example does not say the whole text itself, the text may stand in a snapshot beside the
prompt: `billing.snapshot.yaml` for `billing.md`, a mapping of example names to texts. A snapshot is
no part of the prompt: writing one leaves the prompt's version as it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from pointsman.errors import PromptError
from pointsman.prompts.prompt import Prompt, RenderExample
from pointsman.prompts.variable import Value, Variable

SUFFIX = ".snapshot.yaml"
_BREAKS = "\r\x85\u2028\u2029\ufeff"
PLACEHOLDERS = "placeholders"
"""Name of the example that every prompt has which says no other: each variable shows its name."""
MAX_BYTES = 4_194_304
"""Of a file of snapshots."""

Outcome = Literal["same", "renders", "differs", "fails"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one example: `renders` where no text is expected."""

    prompt: str
    example: str
    outcome: Outcome
    text: str = ""
    """The prompt as rendered; empty where it fails."""
    expected: str | None = None
    why: str = ""

    @property
    def passed(self) -> bool:
        """Whether it says what it must."""
        return self.outcome in ("same", "renders")


def checked(prompt: Prompt) -> Iterator[Checked]:
    """Every example of rendering of a prompt, checked.

    Raises PromptError for a file of snapshots that cannot be read.
    """
    snapshots = read_snapshots(prompt.path)
    examples = shown_examples(prompt)
    for example in examples:
        yield _checked(prompt, example, snapshots.get(example.name))
    for name in sorted(set(snapshots) - {example.name for example in examples}):
        yield Checked(
            prompt.name, name, "fails",
            why="The snapshot is of no example. Write the snapshots anew, or bring it back.",
        )  # fmt: skip


def shown_examples(prompt: Prompt) -> tuple[RenderExample, ...]:
    """The examples of the file; where it has none, one in which each variable shows its name."""
    if prompt.render_examples:
        return prompt.render_examples
    values = {name: placeholder(prompt.variable(name)) for name in prompt.variables}
    return (RenderExample(PLACEHOLDERS, values),)


def placeholder(variable: Variable) -> Value:
    """A value that shows where it stands: its default, else its name, 1, or true."""
    if variable.default is not None:
        return variable.default
    match variable.type:
        case "str":
            return f"<{variable.name}>"
        case "list[str]":
            return (f"<{variable.name} 1>", f"<{variable.name} 2>")
        case "bool":
            return True
        case "int" | "float":
            return 1


def _checked(prompt: Prompt, example: RenderExample, snapshot: str | None) -> Checked:
    expected = snapshot if example.renders is None else example.renders.strip("\n")
    try:
        text = prompt.render(example.values)
    except PromptError as error:
        return Checked(prompt.name, example.name, "fails", expected=expected, why=str(error))
    faults = [f"It does not say {part!r}." for part in example.contains if part not in text]
    faults += [f"It says {part!r}." for part in example.lacks if part in text]
    if faults:
        return Checked(prompt.name, example.name, "fails", text, expected, " ".join(faults))
    if expected is None:
        outcome: Outcome = "same" if example.contains or example.lacks else "renders"
    else:
        outcome = "same" if text == expected else "differs"
    return Checked(prompt.name, example.name, outcome, text, expected)


def snapshot_path(path: Path) -> Path:
    """Where the snapshots of the prompt in this file stand."""
    return path.with_name(path.name.removesuffix(".md") + SUFFIX)


def read_snapshots(path: Path) -> dict[str, str]:
    """The snapshots of the prompt in this file, by the example's name; none without a file.

    Raises PromptError for a file that holds something else.
    """
    import yaml

    file = snapshot_path(path)
    if not file.is_file():
        return {}
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES // 1024} KiB")
        found: object = yaml.safe_load(file.read_bytes())
        if not isinstance(found, dict) or not all(
            isinstance(part, str)
            for pair in cast("dict[object, object]", found).items()
            for part in pair
        ):
            raise ValueError("it is no mapping of names to texts")
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise PromptError(
            f"Snapshots {file} cannot be read: {error}.",
            hint="Delete the file and write it anew: pointsman prompts test --update.",
            rule="snapshot",
        ) from error
    return cast("dict[str, str]", found)


def write_snapshots(prompt: Prompt) -> bool:
    """Write the snapshots of a prompt's examples that do not say their text themselves.

    Gives whether a file changed. Raises PromptError for an example that does not render, and for a
    folder that cannot be written.
    """
    texts = {
        example.name: prompt.render(example.values)
        for example in shown_examples(prompt)
        if example.renders is None
    }
    file = snapshot_path(prompt.path)
    try:
        if not texts:
            there = file.is_file()
            file.unlink(missing_ok=True)
            return there
        new = _as_yaml(texts)
        if file.is_file() and file.read_bytes() == new:
            return False
        file.write_bytes(new)
    except OSError as error:
        raise PromptError(
            f"Snapshots {file} cannot be written: {error.strerror or error}.",
            hint="Choose a folder that you may write to.",
            rule="snapshot",
        ) from error
    return True


def _as_yaml(texts: Mapping[str, str]) -> bytes:
    """YAML with each text as a block of lines, as far as YAML can say it so."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def block(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
        style = "|" if "\n" in text else None
        if any(char in text for char in _BREAKS):
            style = '"'  # YAML reads these as line breaks, and would give back others
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)  # pyright: ignore[reportUnknownMemberType]

    Dumper.add_representer(str, block)  # pyright: ignore[reportUnknownMemberType]
    made = yaml.dump(dict(texts), Dumper=Dumper, allow_unicode=True, sort_keys=False, width=10_000)
    return made.encode()
