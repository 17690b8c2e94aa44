"""The user's project: its folder, its team, its folder of state."""

import shlex
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import TYPE_CHECKING, cast

from pointsman.errors import Misconfigured, PointsmanError

if TYPE_CHECKING:
    from pointsman.teams.team import Team


@dataclass(frozen=True)
class Project:
    """Where the command line looks for the team. None is the default of each."""

    folder: Path | None = None
    team: str | None = None
    home: Path | None = None
    log_json: bool = False

    @property
    def program(self) -> str:
        """How to call pointsman again for the same team: its name and the options given."""
        given = (("--project", self.folder), ("--team", self.team), ("--home", self.home))
        return shlex.join(
            ["pointsman", *(part for name, value in given if value for part in (name, str(value)))]
        )

    @property
    def root(self) -> Path:
        """The project's folder. Raises Misconfigured where there is none."""
        return self._find()[0]

    def load(self) -> "Team":
        """Import the project's team.

        Raises Misconfigured when there is none, when its module does not import, and when two
        teams of the project share a name; the team's own errors pass through.
        """
        folder, named = self._find()
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
        module_name, _, attr = named.partition(":")
        module = _imported(module_name, folder)
        team = _team_in(module, attr)
        _refuse_twins(folder)
        return self._at_home(team, folder)

    def _at_home(self, team: "Team", folder: Path) -> "Team":
        """The team with its folder of state: --home, its own, POINTSMAN_HOME, or the project's."""
        from pointsman.teams.settings import DEFAULT_HOME, Settings

        home = self.home or team.spec.home or Settings.read().home
        # Only the default belongs to the project; a folder that somebody named stays as named.
        return team.apart(home=folder / home if home == DEFAULT_HOME else home)

    def _find(self) -> tuple[Path, str]:
        """The project's folder and the team's `MODULE:ATTR`."""
        if self.folder is not None and not self.folder.is_dir():
            raise Misconfigured(
                f"There is no folder {str(self.folder)!r}.", hint="Give --project an existing one."
            )
        start = (self.folder or Path()).resolve()
        if self.team is not None:
            return start, self.team
        for folder in (start,) if self.folder else (start, *start.parents):
            named = _team_named_by(folder / "pyproject.toml")
            if named:
                return folder, named
        raise Misconfigured(
            f"No team was found in {str(start)!r}.",
            hint='Name it in pyproject.toml ([tool.pointsman] team = "teams.support:team"), or '
            "give --project FOLDER or --team MODULE:ATTR, or start one: `pointsman new my_team`.",
        )


def _team_named_by(path: Path) -> str:
    """`[tool.pointsman] team` of a pyproject.toml; empty where there is none."""
    if not path.is_file():
        return ""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise Misconfigured(
            f"{path.name} in {str(path.parent)!r} cannot be read: {error}.", hint="Mend the file."
        ) from error
    tool = document.get("tool")
    section = cast("dict[str, object]", tool).get("pointsman") if isinstance(tool, dict) else None
    named = cast("dict[str, object]", section).get("team") if isinstance(section, dict) else None
    if named is not None and not isinstance(named, str):
        raise Misconfigured(
            f"[tool.pointsman] team in {str(path)!r} is no text.",
            hint='Write team = "teams.support:team".',
        )
    return named or ""


def _imported(name: str, folder: Path) -> ModuleType:
    try:
        return import_module(name)
    except PointsmanError:
        raise
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing and (name == missing or name.startswith(f"{missing}.")):
            raise Misconfigured(
                f"There is no module {name!r} in {str(folder)!r}.",
                hint="Check [tool.pointsman] team in pyproject.toml, or --team.",
            ) from error
        raise Misconfigured(
            f"The team's module {name!r} needs {missing!r}, which is not installed.",
            hint=f"Install it, or mend the import{_place(error)}.",
        ) from error
    except Exception as error:
        raise Misconfigured(
            f"The team's module {name!r} raised {type(error).__name__}: {error}{_place(error)}.",
            hint="`pointsman --debug` with the same command shows the traceback.",
        ) from error


def _place(error: BaseException) -> str:
    """` (file, line n)` of the innermost frame of the user's code."""
    frames = [f for f in extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")]
    own = [f for f in frames if "site-packages" not in f.filename] or frames
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


def _team_in(module: ModuleType, attr: str) -> "Team":
    from pointsman.teams.team import Team

    if attr:
        found = getattr(module, attr, None)
        if isinstance(found, Team):
            return found
        what = "nothing" if found is None else f"a {type(found).__name__}, not a Team"
        raise Misconfigured(
            f"{module.__name__}:{attr} is {what}.", hint="Give --team MODULE:ATTR of a Team."
        )
    teams = dict(_teams_of(module))
    if len(teams) != 1:
        names = ", ".join(teams) or "none"
        raise Misconfigured(
            f"Module {module.__name__!r} must hold one team; it holds {names}.",
            hint=f"Say which: --team {module.__name__}:ATTR.",
        )
    return next(iter(teams.values()))


def _teams_of(module: ModuleType) -> Iterator[tuple[str, "Team"]]:
    from pointsman.teams.team import Team

    for attr, value in list(vars(module).items()):
        if isinstance(value, Team):
            yield attr, value


def _refuse_twins(folder: Path) -> None:
    """Two teams of one name would share runs, tickets and effects."""
    seen: dict[str, tuple[str, object]] = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not file or not Path(file).is_relative_to(folder) or "site-packages" in file:
            continue
        for attr, team in _teams_of(module):
            place = f"{module.__name__}:{attr}"
            other = seen.setdefault(team.name, (place, team))
            if other[1] is not team:
                raise Misconfigured(
                    f"Two teams have the name {team.name!r}: {other[0]} and {place}.",
                    hint="They would share runs and tickets: rename one.",
                )
