"""How processes say that they live and take work."""

from collections.abc import Sequence

import httpx
import pytest

from pointsman.errors import Misconfigured
from pointsman.views.health import Standing, address_of, health
from pointsman.views.web.api.models import Health


async def test_a_worker_says_it_as_a_server_does() -> None:
    """JSON of the API's own model; 503 with the reason and when to ask again, where it takes none.
    Living is another question."""
    stands: list[Standing] = [Standing(), Standing("stopping", "draining")]

    async def next_one() -> Standing:
        return stands.pop(0)

    async with (
        health("127.0.0.1", 0, next_one) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        well, ill = await client.get("/readyz"), await client.get("/readyz")
        alive = await client.get("/healthz")
    assert Health.model_validate_json(well.text).model_dump_json() == well.text == alive.text
    assert (well.status_code, alive.status_code) == (200, 200)
    assert (ill.status_code, ill.json()) == (503, {"status": "stopping", "why": "draining"})
    assert int(ill.headers["retry-after"]) > 0
    for one in (well, ill, alive):
        assert one.headers["cache-control"] == "no-store"
        assert one.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("wrong", ["here", ":x", "127.0.0.1:99999", ""])
def test_an_address_that_is_none_is_refused(wrong: str) -> None:
    """With one sentence."""
    with pytest.raises(Misconfigured, match="no HOST:PORT"):
        address_of(wrong)


@pytest.mark.parametrize(
    ("text", "given"), [(":8080", ("127.0.0.1", 8080)), ("[::1]:1", ("::1", 1))]
)
def test_the_host_may_be_left_out(text: str, given: Sequence[object]) -> None:
    """It is the loopback then."""
    assert address_of(text) == given
