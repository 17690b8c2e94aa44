"""`pointsman bridge` in a process of its own, whose broker is away."""

import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.scale.server import free_port

if TYPE_CHECKING:
    from tests.views.conftest import Shop


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["nats", "amqp", "kafka"])
def test_it_waits_for_its_broker_and_stops_in_order(shop: "Shop", scheme: str) -> None:
    """It says what it bridges, of Kafka that it was never tried with a real one, and that the
    broker is away; told to stop it ends with 0."""
    url = f"{scheme}://me:secret@127.0.0.1:{free_port()}"
    if scheme == "kafka":
        url = url.replace("me:secret@", "")
    process = subprocess.Popen(
        shop.command("bridge", "--broker", url, "--requests", "a", "--results", "b"),
        cwd=shop.folder, env=shop.environ, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        said = ""
        while "the broker is away" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert (process.returncode, "Traceback" in rest) == (0, False), said + rest
    assert "bridge of team shop: a -> b" in said
    assert ("warning: Kafka" in said) == (scheme == "kafka")
    assert "secret" not in said + rest
