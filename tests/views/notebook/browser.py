"""A real JupyterLab and a real Chromium, started by the test."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, sync_playwright

# Read here, because each test begins with a clean environment.
TOLD = os.environ.get("POINTSMAN_CHROMIUM", "")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TOKEN = "e2e"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--no-proxy-server", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip
NOTIFICATIONS = '{"fetchNews":"false","checkForUpdates":false,"doNotDisturbMode":true}'
# As in hosts without subshells: a busy kernel hears nothing, and hears changes merged.
KERNELS = '{"commsOverSubshells":"disabled"}'

# Without waiting for all of it the first command is silently lost.
READY = """async () => { const app = window.jupyterapp; await app.restored;
  for (let n = 0; n < 600; n++) { const w = app.shell.currentWidget;
    if (w && w.context && w.sessionContext) { await w.context.ready; await w.sessionContext.ready;
      const k = w.sessionContext.session?.kernel;
      if (k) { await k.info; if (k.status === 'idle') return true; } }
    await new Promise((r) => setTimeout(r, 100)); }
  throw new Error('notebook not ready'); }"""
RUN = """(i) => { const a = window.jupyterapp, w = a.shell.currentWidget;
  a.shell.activateById(w.id); w.content.activeCellIndex = i; w.content.deselectAll();
  a.commands.execute('notebook:run-cell'); }"""
RAN = """(i) => { const m = window.jupyterapp.shell.currentWidget.content.model.cells.get(i);
  return m.executionCount !== null && m.executionState !== 'running'; }"""
RAISED = """(i) => window.jupyterapp.shell.currentWidget.content.model.cells.get(i).outputs.toJSON()
  .filter((o) => o.output_type === 'error').map((o) => `${o.ename}: ${o.evalue}`).join()"""
CLEAR = "() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"
BUSY = """async (code) => { const w = window.jupyterapp.shell.currentWidget;
  const kernel = w.sessionContext.session.kernel; kernel.requestExecute({ code });
  while (kernel.status !== 'busy') await new Promise((r) => setTimeout(r, 20)); }"""
RESTART = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"


def chromium() -> str:
    """The browser's path; fails the test where there is none."""
    if TOLD:
        if not shutil.which(TOLD):
            pytest.fail(f"POINTSMAN_CHROMIUM is {TOLD!r}, and that is no program.")
        return TOLD
    for name in NAMES:
        if found := shutil.which(name):
            return found
    pytest.fail(
        f"No Chromium on PATH ({', '.join(NAMES)}). `make test` installs one where apt-get is;"
        " else install it, or set POINTSMAN_CHROMIUM to a browser's path."
    )


def folders(state: Path) -> dict[str, str]:
    """Variables that keep Jupyter away from what the person who runs the tests has set up."""
    return {
        name: str(state / folder)
        for name, folder in {
            "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime", "IPYTHONDIR": "ipython",
            "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        }.items()
    }  # fmt: skip


@dataclass
class Notebook:
    """A notebook open in a page."""

    page: Page
    errors: list[str]
    """What the page's own code raised."""

    def run(self, index: int) -> None:
        """Run one cell to its end, which must be a good one."""
        self.page.evaluate(RUN, index)
        self.page.wait_for_function(RAN, arg=index, timeout=60_000)
        assert self.page.evaluate(RAISED, index) == ""

    def restart(self) -> None:
        """Restart the kernel. What the cells showed stays."""
        self.page.evaluate(RESTART)
        self.page.evaluate(READY)

    def clear(self) -> None:
        """Forget what the cells showed."""
        self.page.evaluate(CLEAR)

    def busy(self, seconds: float) -> None:
        """Keep the kernel busy for a while from now on."""
        self.page.evaluate(BUSY, f"import time; time.sleep({seconds})")


@contextmanager
def jupyter(root: Path, state: Path) -> Iterator[int]:
    """A JupyterLab over the folder `root`; its port. Its own state lies under `state`."""
    settings = state / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(NOTIFICATIONS)
    (settings / "kernels-settings.jupyterlab-settings").write_text(KERNELS)
    environ = {**os.environ, **folders(state)}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly",
    ]  # fmt: skip
    log = (state / "jupyter.log").open("w")
    server = subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=root)
    try:
        _answers(server, port, state / "jupyter.log")
        yield port
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def _answers(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    url = f"http://127.0.0.1:{port}/api/status?token={TOKEN}"
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    give_up = time.monotonic() + 90
    while time.monotonic() < give_up:
        if server.poll() is not None:
            break
        try:
            with ask(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@contextmanager
def opened(browser_path: str, port: int, notebook: str, state: Path) -> Iterator[Notebook]:
    """A notebook open in a real page; a screenshot lies in `state` when the block fails."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            state / "profile", executable_path=browser_path, headless=True, args=list(FLAGS),
            viewport={"width": 1300, "height": 1500},
        )  # fmt: skip
        try:
            page = browser.pages[0] if browser.pages else browser.new_page()
            shown = Notebook(page, [])
            page.on("pageerror", lambda error: shown.errors.append(str(error)))
            page.goto(f"http://127.0.0.1:{port}/lab/tree/{notebook}?token={TOKEN}&reset")
            page.wait_for_function("() => window.jupyterapp !== undefined", timeout=60_000)
            page.evaluate(READY)
            try:
                yield shown
            except BaseException as error:
                with suppress(Error):
                    page.screenshot(path=state / "failed.png", full_page=True)
                    error.add_note(f"What the page showed: {state / 'failed.png'}")
                raise
        finally:
            browser.close()
