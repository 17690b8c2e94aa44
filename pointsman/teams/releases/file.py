"""Release files: `releases/<team>/<release>.yaml`, written to be read by people and committed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import yaml
from pydantic import ValidationError

from pointsman.errors import InvalidRelease, NotFound
from pointsman.teams.releases.release import Release

SUFFIX = ".yaml"
MAX_BYTES = 10_000_000
_BREAKS = frozenset("\r\x85\u2028\u2029\ufeff")
"""YAML would read these as ends of lines, or not at all, outside double quotes."""


def write(release: Release, folder: Path) -> Path:
    """Write the release below `folder`, and give the file. One of equal parts that is there already
    stays, and is given instead. Raises OSError."""
    of_team = _of_team(folder, release.team)
    for there in sorted(of_team.glob(f"*.{release.digest[:8]}{SUFFIX}")):
        if read(there).digest == release.digest:
            return there
    of_team.mkdir(parents=True, exist_ok=True)
    path = of_team / f"{release.release}{SUFFIX}"
    path.write_text(text_of(release), encoding="utf-8", newline="")
    return path


def text_of(release: Release) -> str:
    """The release as YAML: the summary first, texts as blocks."""
    said = release.model_dump(mode="json", by_alias=True)
    parts = said.pop("parts")
    digests: dict[str, str] = {str(part): one for part, one in release.parts.digests.items()}
    whole = {**said, "digests": digests, "parts": parts}
    return yaml.dump(whole, Dumper=_Readable, sort_keys=False, allow_unicode=True, width=100)


def read(path: Path) -> Release:
    """The release in a file. Raises InvalidRelease for one that cannot be read, and for one that
    was changed after it was made."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _invalid(path, f"it has more than {MAX_BYTES:,} bytes")
        given: object = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise _invalid(path, str(error).splitlines()[0]) from error
    if not isinstance(given, dict):
        raise _invalid(path, "it is no mapping")
    said = cast("dict[str, object]", given)
    digests = said.pop("digests", {})
    try:
        release = Release.model_validate(said)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise _invalid(path, f"{where}: {fault['msg']}") from error
    if digests != release.parts.digests:
        raise _invalid(path, "its digests are not those of its parts")
    return release.checked()


def find(folder: Path, team: str, name: str) -> Release:
    """The release of that name, or the only one whose name or digest begins so. Raises NotFound
    and InvalidRelease."""
    files = {path.stem: path for path in _files(folder, team)}
    near = [n for n in files if n == name or n.startswith(name) or n.partition(".")[2] == name]
    if name in files or len(near) == 1:
        return read(files[name if name in files else near[0]])
    what = f"several: {', '.join(near)}" if near else "none"
    raise NotFound(
        f"Which release of team {team!r} is {name!r}? There is {what} in {folder}.",
        hint="`pointsman release list` shows those that are there.",
    )


def listed(folder: Path, team: str) -> tuple[Release, ...]:
    """The releases of a team, newest first. Raises InvalidRelease for a file that is none."""
    found = [read(path) for path in _files(folder, team)]
    return tuple(sorted(found, key=lambda release: release.created, reverse=True))


def _files(folder: Path, team: str) -> Iterator[Path]:
    yield from sorted(_of_team(folder, team).glob(f"*{SUFFIX}"))


def _of_team(folder: Path, team: str) -> Path:
    return folder / re.sub(r"[^\w-]", "_", team)


def _invalid(path: Path, why: str) -> InvalidRelease:
    return InvalidRelease(
        f"Release file {path} cannot be used: {why}.",
        hint="Take it back from version control, or create a new release.",
    )


class _Readable(yaml.SafeDumper):
    """Texts of several lines as blocks."""

    def ignore_aliases(self, data: object) -> bool:
        """Equal parts are written out again: nobody reads `*id001`."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _BREAKS & set(text) else "|" if "\n" in text else None
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=style)


_Readable.add_representer(str, _text)
