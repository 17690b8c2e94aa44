"""Which folders of prompts a command line works with."""

import tomllib
from pathlib import Path

from pointsman.errors import BadInput
from pointsman.prompts.library import PromptLibrary
from pointsman.views.cli.project import Project


def library_of(project: Project, folders: tuple[Path, ...]) -> PromptLibrary:
    """The folders given, else those of --team, else `prompts` in the project's folder.

    The team is imported with --team only: faults of prompts can be looked for in a project whose
    team cannot be built for them.
    """
    if folders:
        return PromptLibrary(tuple(folder.resolve() for folder in folders))
    if project.team is not None:
        named = project.load().spec.prompts
        return PromptLibrary((named,) if named else ())
    folder = _project_folder(project.folder)
    if folder is None:
        return PromptLibrary()
    own = folder / "prompts"
    return PromptLibrary((own,) if own.is_dir() else ())


def _project_folder(given: Path | None) -> Path | None:
    """--project, or the nearest folder upwards whose pyproject.toml has [tool.pointsman]."""
    if given is not None:
        if not given.is_dir():
            raise BadInput(f"There is no folder {str(given)!r}.", hint="Give --project one.")
        return given.resolve()
    start = Path().resolve()
    for folder in (start, *start.parents):
        try:
            text = (folder / "pyproject.toml").read_text(encoding="utf-8")
            tool = tomllib.loads(text).get("tool")
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            continue
        if isinstance(tool, dict) and "pointsman" in tool:
            return folder
    return None
