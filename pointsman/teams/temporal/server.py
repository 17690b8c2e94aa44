"""The Temporal server that a team's runs are given to."""

# pyright: reportUnknownMemberType=false

from collections.abc import Callable
from typing import TYPE_CHECKING

from pointsman.errors import Misconfigured, MissingExtra, StoreUnreachable
from pointsman.teams.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

DEFAULT_NAMESPACE = "default"
SECRETS = (
    "TEMPORAL_API_KEY", "TEMPORAL_TLS", "TEMPORAL_TLS_SERVER_NAME",
    "TEMPORAL_TLS_CLIENT_CERT_PATH", "TEMPORAL_TLS_CLIENT_CERT_DATA",
    "TEMPORAL_TLS_CLIENT_KEY_PATH", "TEMPORAL_TLS_CLIENT_KEY_DATA",
    "TEMPORAL_TLS_SERVER_CA_CERT_PATH", "TEMPORAL_TLS_SERVER_CA_CERT_DATA",
)  # fmt: skip
"""Temporal's own variables for how to get in, which its other tools read too."""


def no_variable(name: str) -> str | None:
    """An environment that says nothing."""
    return None


async def named(settings: Settings, team: str) -> "Client":
    """A client of the server that the settings name. Raises Misconfigured where they name none, and
    what `connect` does."""
    if not settings.temporal:
        raise Misconfigured(
            f"Runs of team {team!r} go to no engine: they are worked on where they are asked for.",
            hint="Name a Temporal server: POINTSMAN_TEMPORAL=host:port.",
        )
    return await connect(settings.temporal, settings.lookup)


async def connect(address: str, lookup: Callable[[str], str | None] = no_variable) -> "Client":
    """A client of the server at `host:port` or `host:port/namespace`.

    TLS and keys come from Temporal's own variables (see SECRETS), read with `lookup`. Raises
    MissingExtra, and StoreUnreachable when nobody answers there.
    """
    try:
        from temporalio.client import Client
        from temporalio.envconfig import ClientConfigProfile
    except ImportError as error:
        raise MissingExtra(
            "Runs on many machines need packages that are not installed.",
            hint='pip install "pointsman[scale]"',
        ) from error
    host, _, namespace = address.partition("/")
    told = {name: value for name in SECRETS if (value := lookup(name))}
    profile = ClientConfigProfile.load(disable_file=True, override_env_vars=told)
    how = profile.to_client_connect_config()
    try:
        return await Client.connect(
            host, namespace=namespace or DEFAULT_NAMESPACE,
            api_key=how.get("api_key"), tls=how.get("tls", False),
        )  # fmt: skip
    except RuntimeError as error:
        raise StoreUnreachable(
            f"No Temporal server answers at {host}: {error}.",
            hint="Start it, or correct POINTSMAN_TEMPORAL.",
        ) from error
