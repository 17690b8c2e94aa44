"""The Temporal server that a team's runs are given to."""

# pyright: reportUnknownMemberType=false

import atexit
import os
import re
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from pointsman.errors import Misconfigured, MissingExtra, StoreUnreachable
from pointsman.teams.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client
    from temporalio.envconfig import ClientConnectConfig
    from temporalio.runtime import Runtime

DEFAULT_NAMESPACE = "default"
SECRETS = (
    "TEMPORAL_API_KEY", "TEMPORAL_TLS", "TEMPORAL_TLS_SERVER_NAME",
    "TEMPORAL_TLS_CLIENT_CERT_PATH", "TEMPORAL_TLS_CLIENT_CERT_DATA",
    "TEMPORAL_TLS_CLIENT_KEY_PATH", "TEMPORAL_TLS_CLIENT_KEY_DATA",
    "TEMPORAL_TLS_SERVER_CA_CERT_PATH", "TEMPORAL_TLS_SERVER_CA_CERT_DATA",
)  # fmt: skip
"""Temporal's own variables for how to get in, which its other tools read too."""
SWITCH = ("true", "false", "1", "0")
"""What TEMPORAL_TLS may be. Temporal's reader takes anything else for nothing, and the key or the
messages would go over the network as plain text."""

LET_GO_SECONDS = 0.05
"""How long the end of the process waits for the client library's threads."""


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

    TLS and keys come from Temporal's own variables (see SECRETS), read with `lookup`; a key alone
    turns TLS on. Raises MissingExtra, Misconfigured for what cannot be used of these or of the
    address, and StoreUnreachable when nobody answers there.
    """
    try:
        from temporalio.client import Client
    except ImportError as error:
        raise MissingExtra(
            "Runs on many machines need packages that are not installed.",
            hint='pip install "pointsman[scale]"',
        ) from error
    host, _, namespace = address.partition("/")
    how = _way_in(lookup)
    tls = how.get("tls") or False
    try:
        return await Client.connect(
            host, namespace=namespace or DEFAULT_NAMESPACE, api_key=how.get("api_key"), tls=tls,
            runtime=_runtime(os.getpid()),
        )  # fmt: skip
    except ValueError as error:
        raise Misconfigured(
            f"Temporal at {host!r} cannot be asked: {error}.",
            hint="POINTSMAN_TEMPORAL is host:port or host:port/namespace; TLS and keys are"
            " TEMPORAL_API_KEY and TEMPORAL_TLS_….",
        ) from error
    except RuntimeError as error:
        said = "with TLS, as TEMPORAL_API_KEY or TEMPORAL_TLS… say" if tls else "without TLS"
        raise StoreUnreachable(
            f"No Temporal server answers at {host}, asked {said}: {_reason(error)}.",
            hint="Start it, or correct POINTSMAN_TEMPORAL or TEMPORAL_TLS….",
        ) from error


@cache
def _runtime(process: int) -> "Runtime":
    """The client library's threads of this process, which do not live on in one that is forked.

    They write to stderr past the process's log: errors only, since a server that is gone is a
    warning for each of some ten pollers of a queue at each of their tries (`watching` says it
    once). They give an answer to Python a moment before they let go of it: a process that ends at
    once with an answer is aborted in one of four cases, so its end waits for that moment. For the
    same reason they do not log through Python.
    """
    from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

    atexit.register(time.sleep, LET_GO_SECONDS)
    levels = TelemetryFilter(core_level="ERROR", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(levels)))


def _reason(error: RuntimeError) -> str:
    """The part of the client library's text that says something to people."""
    text = str(error)
    if said := re.search(r'(?:message|error): "([^"]+)"', text):
        return said[1]
    if doubt := re.search(r"InvalidCertificate\((\w+)", text):
        return f"its certificate is not believed, {doubt[1]}"
    return text


def _way_in(lookup: Callable[[str], str | None]) -> "ClientConnectConfig":
    from temporalio.envconfig import ClientConfigProfile

    told = {name: value for name in SECRETS if (value := lookup(name))}
    switch = told.get("TEMPORAL_TLS", "true")
    if switch.lower() not in SWITCH:
        raise Misconfigured(
            f"TEMPORAL_TLS is {switch!r}, which says neither yes nor no.",
            hint="Give it true or false.",
        )
    try:
        profile = ClientConfigProfile.load(disable_file=True, override_env_vars=told)
        return profile.to_client_connect_config()
    except (OSError, ValueError, RuntimeError) as error:
        raise Misconfigured(
            f"What TEMPORAL_TLS_… name for the way to Temporal cannot be used: {error}.",
            hint="Each certificate and key is a file that can be read (_PATH) or its text (_DATA).",
        ) from error
