"""Schemathesis holds the server to its own OpenAPI document: every check, the same each time."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.flow.shop import shop_team
from tests.views.web.api.conftest import serving, waiting

# What a decision needs beyond its schema: a digest, in one of two places, of what the ticket shows
# now; arguments that its tool takes; a ticket that is open.
OF_DECISIONS = """
[[operations]]
include-path = "/v1/tickets/{ticket}/decision"
checks.positive_data_acceptance.expected-statuses = [
  "2xx", "401", "403", "404", "409", "410", "412", "422", "428"
]
checks.negative_data_rejection.expected-statuses = [
  "400", "401", "403", "404", "405", "409", "410", "412", "413", "415", "422", "428", "429"
]
"""


async def schemathesis(url: str, secret: str, folder: Path, *options: str) -> tuple[int, str]:
    """Run it against a server; its exit code, and what it printed."""
    (folder / "schemathesis.toml").write_text(
        f'headers = {{ Authorization = "Bearer {secret}" }}\n{OF_DECISIONS}'
    )
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "schemathesis"), "--config-file",
        str(folder / "schemathesis.toml"), "run", f"{url}/v1/openapi.json",
        "--checks", "all", "--no-color",
        "--generation-deterministic", "--request-timeout", "20", *options,
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        out, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    return process.returncode or 0, out.decode()


async def checked(tmp_path: Path, *options: str) -> None:
    """All phases against a server with something on record."""
    home = tmp_path / "home"
    async with (
        serving(shop_team(home), home, rate=10_000_000, waiting=10_000) as served,
        await served.client() as client,
    ):
        for n in range(3):
            await waiting(client, f"refund INV-{n} 5")
        code, said = await schemathesis(served.url, served.secrets[0], tmp_path, *options)
        sys.stdout.write(said)
        assert code == 0, said
        health = await client.get("/healthz")
        assert health.json() == {"status": "ok"}


@pytest.mark.timeout(180)
async def test_the_server_keeps_its_document(tmp_path: Path) -> None:
    """A few examples of each operation, in every phase."""
    await checked(tmp_path, "--max-examples", "3")


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_the_server_keeps_its_document_for_long(tmp_path: Path) -> None:
    """The same with many."""
    await checked(tmp_path, "--max-examples", "400")
