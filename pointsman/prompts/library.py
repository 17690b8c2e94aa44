"""PromptLibrary: finds prompt files by name. A user's folder wins over the package's own files."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pointsman.errors import PromptError
from pointsman.prompts import file
from pointsman.prompts.prompt import Example, ExampleCall, ModelHints, Prompt

__all__ = ["SHIPPED", "Example", "ExampleCall", "ModelHints", "Prompt", "PromptLibrary"]

SHIPPED = Path(__file__).parent / "files"
"""The prompts that come with the package."""

SUFFIX = ".md"
PARTIALS = "partials/"
"""How names begin of prompts that others include."""

Origin = Literal["package", "override", "user"]
"""The package's own, a user's file in place of one of those, or a user's."""

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")


class PromptLibrary:
    """Prompt files of several folders, first folder first, the package's own always last.

    Nothing is read when a library is made, and nothing is kept: `get` reads the file as it is now.
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self.folders = tuple(dict.fromkeys((*folders, SHIPPED)))

    def get(self, name: str) -> Prompt:
        """The prompt `name`, e.g. `support/billing` for `support/billing.md`.

        Raises PromptError for a name that is none, a file that is not there (with near names and
        the folders that were searched), and a file that cannot be used.
        """
        path = self._find(name)
        if path is None:
            raise self._missing(name)
        return file.read(name, path, self._find)

    def has(self, name: str) -> bool:
        """Whether there is a file of that name. Raises PromptError for a name that is none."""
        return self._find(name) is not None

    def origin(self, name: str) -> Origin:
        """Where the prompt `name` comes from. Raises PromptError for a name that is none, and
        where there is no such file."""
        path = self._find(name)
        if path is None:
            raise self._missing(name)
        if path.is_relative_to(SHIPPED):
            return "package"
        return "override" if (SHIPPED / f"{name}{SUFFIX}").is_file() else "user"

    def names(self) -> tuple[str, ...]:
        """Every name `get` would find, sorted."""
        found = {
            path.relative_to(folder).with_suffix("").as_posix()
            for folder in self.folders
            for path in folder.rglob(f"*{SUFFIX}")
        }
        return tuple(sorted(name for name in found if _NAME.fullmatch(name)))

    def _missing(self, name: str) -> PromptError:
        near = difflib.get_close_matches(name, self.names(), n=3)
        folders = ", ".join(str(folder) for folder in self.folders)
        return PromptError(
            f"There is no prompt {name!r}: no file {name}{SUFFIX} in {folders}.",
            hint=f"Did you mean {' or '.join(map(repr, near))}?"
            if near
            else f"Write {self.folders[0] / (name + SUFFIX)}.",
            rule="missing",
        )

    def _find(self, name: str) -> Path | None:
        if not _NAME.fullmatch(name):
            raise PromptError(
                f"{name!r} is not a prompt's name.",
                hint="A name is a path below the prompts folder without the suffix, "
                "such as support/billing.",
                rule="name",
            )
        for folder in self.folders:
            path = folder / f"{name}{SUFFIX}"
            if not path.is_file():
                continue
            # A link inside the folder could still point anywhere.
            if not path.resolve().is_relative_to(folder.resolve()):
                raise PromptError(
                    f"Prompt file {path} is a link that leaves {folder}.",
                    hint="Put the file itself into the folder.",
                    rule="link",
                )
            return path
        return None
