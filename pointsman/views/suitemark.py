"""A pytest plugin: a test marked with a suite runs it, and fails when the suite's gate does.

    @pytest.mark.pointsman_suite("evals/support.yaml", baseline="main", replay="tape.jsonl")
    def test_support_may_ship(pointsman_gated):
        assert pointsman_gated.errors == 0

And a fixture by which a test puts faults under a team of its own (see docs/drills.md):

    async def test_nothing_is_lost(pointsman_faults):
        faults = pointsman_faults("500,timeout", rate=0.3)
        team = faults.rig(my_team)

Paths are relative to the file of the test. The team is that of the nearest project upwards, as on
the command line; the record lies where `pointsman eval run` leaves it.
"""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pointsman.evals.drill.fixture import MakeFaults
    from pointsman.evals.gate import Gated

MARK = "pointsman_suite"
_HELD: "pytest.StashKey[Gated]" = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(path, baseline='main', replay=None): run this suite of pointsman and hold it"
        " against its gate",
    )


@pytest.fixture
def pointsman_gated(request: pytest.FixtureRequest) -> "Gated":
    """What the gate says of the marked test's suite; see `pointsman.evals.gate.Gated`."""
    return _gated(request.node)


@pytest.fixture
def pointsman_faults(tmp_path: Path) -> "MakeFaults":
    """Makes injectors of faults; see `pointsman.evals.drill.fixture`."""
    from pointsman.evals.drill.fixture import make_faults

    return make_faults(tmp_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Judge before the test's own body, which then may look closer."""
    if item.get_closest_marker(MARK) is not None:
        found = _gated(item)
        if not found.passed:
            pytest.fail(_said(found), pytrace=False)
    return (yield)


def _gated(item: pytest.Item) -> "Gated":
    if _HELD not in item.stash:
        item.stash[_HELD] = _judged(item)
    return item.stash[_HELD]


def _judged(item: pytest.Item) -> "Gated":
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from pointsman.evals.gating import Gating, gated
    from pointsman.evals.launch import Launch
    from pointsman.evals.suite import Suite
    from pointsman.views.cli.evals.run import home, with_folder
    from pointsman.views.cli.project import Project

    suite, baseline, replay = _told(item)
    project = Project(folder=_project_of(suite))
    with_folder(project)
    launch = Launch(suite=Suite.load(suite), team=project.load, home=home(project), replay=replay)
    gating = Gating(launch=launch, baseline=baseline)
    # In a thread of its own: the test's thread may have an event loop set, which stays as it is.
    with ThreadPoolExecutor(1) as pool:
        found, record = pool.submit(lambda: asyncio.run(gated(gating))).result()
    item.add_report_section("call", "pointsman", f"record: {record}")
    return found


def _told(item: pytest.Item) -> tuple[Path, str, Path | None]:
    mark = item.get_closest_marker(MARK)
    if mark is None:
        raise pytest.UsageError(
            f'{item.nodeid} wants `pointsman_gated`: mark it with @pytest.mark.{MARK}("PATH").'
        )
    known = {"baseline", "replay"}
    if len(mark.args) != 1 or not isinstance(mark.args[0], str) or set(mark.kwargs) - known:
        raise pytest.UsageError(
            f"{item.nodeid}: @pytest.mark.{MARK} takes the path of a suite, and baseline and replay"
            " by name."
        )
    beside = item.path.parent
    replay = mark.kwargs.get("replay")
    return (
        beside / mark.args[0],
        str(mark.kwargs.get("baseline", "main")),
        None if replay is None else beside / str(replay),
    )


def _project_of(suite: Path) -> Path | None:
    """The nearest folder upwards with a pyproject.toml."""
    return next((f for f in suite.resolve().parents if (f / "pyproject.toml").is_file()), None)


def _said(found: "Gated") -> str:
    lines = [f"The gate of suite {found.suite} failed."]
    lines += [f"  {check.name}: {check.why}" for check in found.failed]
    if found.comparison is not None and found.comparison.regressed:
        lost = found.comparison.regressed
        named = ", ".join(moved.case for moved in lost[:10])
        lines.append(f"  {len(lost)} samples no longer pass: {named}{' …' if lost[10:] else ''}")
    return "\n".join(lines)
