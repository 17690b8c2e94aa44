"""Where the published episodes are, and shops made of them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.retail.episodes import Episode, read_database, read_episodes
from tests.retail.shop import RetailShop

BESIDE = Path(__file__).parents[3] / "shared" / "data" / "tau2-retail"
"""In a folder of recorded data beside the repository."""


@pytest.fixture(scope="session")
def retail_data(request: pytest.FixtureRequest) -> Path:
    """The folder with db.json and tasks.json. Tests that need it are skipped where it is absent."""
    told: Path | None = request.config.getoption("--retail-data")
    folder = told or BESIDE
    if not all((folder / name).is_file() for name in ("db.json", "tasks.json")):
        if told is not None:
            pytest.fail(f"--retail-data or POINTSMAN_TEST_DATA: {told} has no db.json, tasks.json")
        pytest.skip(
            "the retail episodes (sierra-research/tau2-bench, MIT) are not here: name their folder"
            " with --retail-data, or the folder that holds tau2-retail with POINTSMAN_TEST_DATA"
        )
    return folder


@pytest.fixture(scope="session")
def episodes(retail_data: Path) -> tuple[Episode, ...]:
    """Every published episode."""
    return read_episodes(retail_data)


@pytest.fixture(scope="session")
def stocked(retail_data: Path, tmp_path_factory: pytest.TempPathFactory) -> RetailShop:
    """The shop as published. Never written to: copied."""
    file = tmp_path_factory.mktemp("retail") / "stocked.db"
    return RetailShop.load(file, read_database(retail_data))


@pytest.fixture
def new_shop(stocked: RetailShop, tmp_path: Path) -> Callable[[str], RetailShop]:
    """Gives a shop as published under a name; given again, it is as published again."""

    def make(name: str) -> RetailShop:
        file = tmp_path / f"{name}.db"
        shutil.copyfile(stocked.file, file)
        return RetailShop(file)

    return make
