"""The Temporal server that a team's runs are given to."""

# pyright: reportUnknownMemberType=false

from temporalio.client import Client

from pointsman.errors import StoreBroken

DEFAULT_NAMESPACE = "default"


async def connect(address: str) -> Client:
    """A client of the server at `host:port` or `host:port/namespace`. Raises StoreBroken when
    nobody answers there."""
    host, _, namespace = address.partition("/")
    try:
        return await Client.connect(host, namespace=namespace or DEFAULT_NAMESPACE)
    except RuntimeError as error:
        raise StoreBroken(
            f"No Temporal server answers at {host}: {error}.",
            hint="Start it, or correct POINTSMAN_TEMPORAL.",
        ) from error
