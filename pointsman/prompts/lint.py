"""Lint: what is wrong with the prompt files of a library, with a rule, a place and a fix for each.

A file that cannot be used is a finding like any other, so one run tells of every file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pointsman.errors import PromptError
from pointsman.prompts.examples import checked
from pointsman.prompts.library import PARTIALS, SHIPPED, SUFFIX, PromptLibrary
from pointsman.prompts.prompt import Prompt, quoted

RULES: Mapping[str, str] = {
    "unreadable": "The file cannot be read, or is not UTF-8.",
    "too-large": "The file, or what it includes, is larger than a prompt may be.",
    "link": "The file is a link that leaves the folder.",
    "front-matter": "The front matter is broken, or has keys or types of its own.",
    "empty": "The file has no text.",
    "template-syntax": "The body is no template: braces, an unknown filter or test.",
    "include": "It loads something else than a partial of the library.",
    "partial-missing": "It includes a partial that is not there.",
    "partial-cycle": "Partials include each other in a circle.",
    "partial-extras": "A partial has examples or hints for a model.",
    "attribute": "It reads an attribute that no value has.",
    "variable-name": "A variable has a name that a template cannot say.",
    "variable-undeclared": "The body uses a variable that is not declared.",
    "variable-unused": "A variable is declared and not used.",
    "variable-type": "A default, or a value of an example, does not fit its variable's type.",
    "example": "Two examples of rendering have one name.",
    "example-fails": "An example does not render, or says something else than it must.",
    "snapshot": "The snapshots cannot be read.",
    "no-description": "The prompt does not say what it is for.",
    "variable-undescribed": "A variable does not say what it is.",
    "partial-unused": "No prompt includes the partial.",
    "override-lacks": "A file in place of the package's lacks a variable that the package's has.",
    "override-adds": "A file in place of the package's wants a value that nobody gives.",
    "override-same": "A file in place of the package's says the same, byte for byte.",
    "name": "A file's name is none that a prompt can have: nobody finds it.",
}
"""Rule -> what it finds. `docs/prompts.md` has the same table."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding: the rule's id, the prompt, the file, its line (0: none), what, and the fix."""

    rule: str
    prompt: str
    path: Path
    line: int
    message: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{place}: {self.message} {self.fix} [{self.rule}]"


def lint(library: PromptLibrary, names: tuple[str, ...] = ()) -> tuple[Fault, ...]:
    """Every fault of the prompts named (all of them without a name), by file.

    Raises PromptError for a name that the library does not have.
    """
    for name in names:
        if not library.has(name):
            library.get(name)
    prompts: dict[str, Prompt] = {}
    found: list[Fault] = []
    for name in library.names():
        try:
            prompts[name] = library.get(name)
        except PromptError as error:
            found.append(_broken(library, name, error))
    for name, prompt in prompts.items():
        found += _described(prompt)
        found += _examples(prompt)
        found += _override(library, name, prompt)
    found += _unused(library, prompts, all_read=len(prompts) == len(library.names()))
    chosen = [fault for fault in found if not names or fault.prompt in names]
    if not names:
        chosen += _nameless(library)
    return tuple(sorted(chosen, key=lambda f: (str(f.path), f.line, f.rule)))


def _broken(library: PromptLibrary, name: str, error: PromptError) -> Fault:
    path = next(
        (path for folder in library.folders if (path := folder / f"{name}{SUFFIX}").is_file()),
        library.folders[0] / f"{name}{SUFFIX}",
    )
    rule = error.rule if error.rule in RULES else "unreadable"
    return Fault(rule, name, path, error.line, error.message, error.hint or "Mend the file.")


def _described(prompt: Prompt) -> Iterator[Fault]:
    if not prompt.description.strip():
        yield _of(
            prompt, "no-description", "It does not say what it is for.",
            "Write `description: …` into the front matter.",
        )  # fmt: skip
    silent = [one.name for one in prompt.declared if not one.description.strip()]
    if silent:
        yield _of(
            prompt, "variable-undescribed", f"It does not say what {quoted(silent)} is.",
            f"Write `{silent[0]}: what it is` under variables in the front matter.",
        )  # fmt: skip


def _examples(prompt: Prompt) -> Iterator[Fault]:
    try:
        for one in checked(prompt):
            if not one.passed:
                why = one.why or "It says something else than its example expects."
                yield _of(
                    prompt, "example-fails", f"Example {one.example!r}: {why}",
                    "`pointsman prompts test` shows the difference.",
                )  # fmt: skip
    except PromptError as error:
        yield _of(prompt, "snapshot", error.message, error.hint)


def _override(library: PromptLibrary, name: str, prompt: Prompt) -> Iterator[Fault]:
    if library.origin(name) != "override":
        return
    shipped = PromptLibrary().get(name)
    lacks = [one for one in shipped.variables if one not in prompt.variables]
    if lacks:
        yield _of(
            prompt, "override-lacks", f"The package's {name!r} has {quoted(lacks)}; this has not.",
            f"Say {{{{ {lacks[0]} }}}} in it, or the model is not told.",
        )  # fmt: skip
    adds = [one for one in prompt.required if one not in shipped.variables]
    if adds:
        yield _of(
            prompt, "override-adds",
            f"The package's {name!r} has no {quoted(adds)}: no value comes.",
            "Take it out, or give it a default.",
        )  # fmt: skip
    if prompt.path.read_bytes() == shipped.path.read_bytes():
        yield _of(
            prompt, "override-same", "It is the package's file, byte for byte.",
            "Delete it: a later version of the package then brings its own.",
        )  # fmt: skip


def _unused(
    library: PromptLibrary, prompts: Mapping[str, Prompt], *, all_read: bool
) -> Iterator[Fault]:
    # Who includes what is not known of a file that cannot be read.
    if not all_read:
        return
    included = {
        part.name
        for name, prompt in prompts.items()
        if not name.startswith(PARTIALS)
        for part in prompt.partials
    }
    for name, prompt in prompts.items():
        if name.startswith(PARTIALS) and name not in included:
            yield _of(
                prompt, "partial-unused", "No prompt includes it.",
                f'Write {{% include "{name}" %}} somewhere, or delete it.',
            )  # fmt: skip


def _nameless(library: PromptLibrary) -> Iterator[Fault]:
    names = set(library.names())
    for folder in library.folders:
        if folder == SHIPPED:
            continue
        for path in sorted(folder.rglob(f"*{SUFFIX}")):
            name = path.relative_to(folder).as_posix().removesuffix(SUFFIX)
            if name not in names:
                yield Fault(
                    "name", name, path, 0, f"{name!r} is no name of a prompt: nobody finds it.",
                    "Use letters, digits, dots, dashes and underscores, or move the file away.",
                )  # fmt: skip


def _of(prompt: Prompt, rule: str, message: str, fix: str) -> Fault:
    return Fault(rule, prompt.name, prompt.path, 0, message, fix)
