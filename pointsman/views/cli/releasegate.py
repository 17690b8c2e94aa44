"""Before a promotion: suites run on the release's own prompts and models, and their gates judge."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from pointsman.errors import BadInput, ReleaseDrift
from pointsman.evals import baselines, metrics
from pointsman.evals.gate import Gated, judge
from pointsman.evals.launch import Launch
from pointsman.evals.rules import gate_of
from pointsman.evals.suite import Suite
from pointsman.teams.releases.release import Release
from pointsman.teams.settings import Settings
from pointsman.teams.team import Team
from pointsman.views.cli.project import Project
from pointsman.views.cli.screen import console, plain


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the gates of all suites said."""

    gated: tuple[Gated, ...]

    @property
    def passed(self) -> bool:
        """Whether every one let it pass, and there was one."""
        return bool(self.gated) and all(one.passed for one in self.gated)

    @property
    def said(self) -> str:
        """For the audit log."""
        return ", ".join(
            f"{one.suite} {'passed' if one.passed else 'failed'}" for one in self.gated
        )


async def gate_before(
    project: Project, team: Team, release: Release, suites: Sequence[Path], baseline: str
) -> Outcome:
    """Run the suites on the release, and hold each against its gate.

    Raises ReleaseDrift for a release of other code than this, which cannot be tried here, and
    BadInput where no suite has a gate, where a baseline is missing, or where a suite is put to
    something that is not the project's team.
    """
    drifted = await team.drift(release)
    if drifted:
        raise ReleaseDrift(
            f"Release {release.release} of team {release.team!r} was made of other code than this:"
            f" {', '.join(drifted)} differ, and no gate could try it.",
            parts=drifted,
            hint="Check out the commit that it was made of, or create a new release.",
        )
    found = [Suite.load(path) for path in suites] or _with_gates(project.root / "evals")
    spec = await team.spec_on(release)
    other = team.apart(models=spec.models, prompts=spec.prompts)
    return Outcome(tuple([await _gated(suite, other, baseline) for suite in found]))


def _with_gates(folder: Path) -> list[Suite]:
    """The suites of a folder that have a gate. Raises BadInput where none has."""
    loaded: list[Suite] = []
    for path in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
        suite = Suite.load(path)
        if suite.gate is not None:
            loaded.append(suite)
    if not loaded:
        raise BadInput(
            f"No suite in {folder} has a gate that the release could pass.",
            hint="Give --suite, write a `gate:` section, or promote with --no-gate --reason.",
        )
    return loaded


async def _gated(suite: Suite, team: Team, baseline: str) -> Gated:
    if not (suite.target in ("team", "router") or suite.target.startswith("specialist:")):
        raise BadInput(
            f"Suite {suite.name!r} is put to {suite.target!r}, which is no part of a release.",
            hint="A gate of a release has the target team, router or specialist:NAME.",
        )
    gate = gate_of(suite.gate, suite.name)
    before = baselines.place(suite, baseline)
    home = team.spec.home or Settings.read().home
    launch = Launch(suite=suite, team=lambda: team, home=home)
    path = launch.place()
    err = console(stderr=True)
    plain(err, f"Gate: suite {suite.name} into {path}")
    await launch.run(path)
    run = metrics.read(path)
    against = metrics.read(before) if before.is_file() else None
    gated = judge(gate, run, against, name=baseline if against else "")
    for check in gated.checks:
        mark = "passed" if check.passed else "FAILED"
        click.echo(f"  {mark}  {check.name}: {check.why}", err=True)
    return gated
