"""One server for these tests, and one browser for each file of them."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.views.notebook.browser import chromium
from tests.views.web.browser.driven import Console, Shop, console, served

# Read here, because each test begins with a clean environment.
PICTURES = os.environ.get("POINTSMAN_TEST_PICTURES", "")
Opens = Callable[..., AbstractContextManager[Console]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as play:
        made = play.chromium.launch(
            executable_path=chromium(),
            args=["--no-sandbox", "--disable-gpu", "--no-proxy-server"],
        )
        yield made
        made.close()


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A served team. What one test leaves in its store the next ones see."""
    with served(tmp_path_factory.mktemp("shop")) as one:
        yield one


@pytest.fixture
def opens(browser: Browser, shop: Shop) -> Opens:
    """Opens a person's browser: `with opens() as one`."""
    return partial(console, browser, shop)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures of the pages are kept, for people to look at."""
    folder = Path(PICTURES) if PICTURES else tmp_path / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
