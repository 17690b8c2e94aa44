"""The names that a server answers to."""

import pytest

from pointsman.errors import Misconfigured
from pointsman.views.web.config import Own, WebConfig


def test_a_loopback_address_has_three_names() -> None:
    """Whichever a person types; each with its port."""
    own = Own.of("http://127.0.0.1:8321")
    assert own.hosts == {"127.0.0.1:8321", "localhost:8321", "[::1]:8321"}
    assert own.origins == {f"http://{host}" for host in own.hosts}


def test_the_usual_port_may_be_left_out() -> None:
    """As browsers do, in Host and Origin."""
    own = Own.of("https://Console.Example.org")
    assert own.hosts == {"console.example.org", "console.example.org:443"}
    assert own.origins == {"https://console.example.org"}


def test_a_proxys_address_is_added() -> None:
    """Beside the server's own; cookies are secure where people come through TLS only."""
    config = WebConfig("http://127.0.0.1:8321", public_urls=("https://console.example.org",))
    assert {"console.example.org", "localhost:8321"} <= config.own.hosts
    assert config.secure
    assert config.cookie == "__Host-pointsman-8321"
    assert not WebConfig("http://127.0.0.1:8321").secure


@pytest.mark.parametrize(
    "url", ["", "console.example.org", "ftp://x", "http://", "http://x:y", "https://x/path",
            "https://x?q", "https://u@x", "https://x#f", "http://x:99999"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    """At the start, and not by turning everybody away."""
    with pytest.raises(Misconfigured):
        Own.of(url)
