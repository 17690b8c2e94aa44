"""docs/api.md: its examples run as they stand, one after another, against a real server."""

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from pointsman.views.web.api.models import MessageIn
from pointsman.views.web.api.problems import TITLES
from tests.views.cli.test_serve import serving

if TYPE_CHECKING:
    from tests.views.conftest import Shop

PAGE = (Path(__file__).parents[4] / "docs" / "api.md").read_text()


def test_the_examples_run(shop: "Shop") -> None:
    """Every curl succeeds; the refund that the page approves has happened, once."""
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 7
    with serving(shop) as (_, url, secret):
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", "\n".join(blocks)], cwd=shop.folder,
            env={**shop.environ, "URL": url, "TOKEN": secret, "no_proxy": "*"},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"ticket_opened"' in done.stdout
    assert '{"status":"ok"}' in done.stdout
    assert shop.effects == ["A-1002 20"]


def test_every_field_and_status_is_on_the_page() -> None:
    """What a message can say, and which errors there are."""
    for name in MessageIn.model_fields:
        assert f"`{name}`" in PAGE
    for status in set(TITLES) - {405, 406, 408, 500, 507}:
        assert str(status) in PAGE
