"""The one place that reads the environment."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pointsman.errors import Misconfigured

DEFAULT_CHAIN = ("embedded",)
DEFAULT_HOME = Path(".pointsman")
_CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_CAPTURES = ("true", "span_only", "span_and_event")
_SIGNALS = {
    "TRACES": ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
    "METRICS": ("OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"),
    "LOGS": ("OTEL_LOGS_EXPORTER", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"),
}
_CREDENTIALS = ("_API_KEY", "_TOKEN", "_ACCESS_KEY_ID", "_APPLICATION_CREDENTIALS")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. Arguments given in code win over it."""

    home: Path
    """Folder of state. `POINTSMAN_HOME`, else `.pointsman` in the current folder."""
    fast: tuple[str, ...]
    """Chain of the tier `fast`: model names, first one first. `POINTSMAN_FAST`, comma-separated."""
    strong: tuple[str, ...]
    """Chain of the tier `strong`. `POINTSMAN_STRONG`; without it, the chain of `fast`."""
    model_timeout: float
    """Seconds one model call may take. `POINTSMAN_MODEL_TIMEOUT`, default 120."""
    otel: bool
    """Whether the standard `OTEL_*` variables ask for an export."""
    otel_exporters: tuple[str, ...] = ()
    """Names of the span exporters they ask for: `otlp`, `console`, or an installed one's."""
    otel_metrics: tuple[str, ...] = ()
    """Names of the metric exporters they ask for: `otlp` or `console`."""
    otel_logs: tuple[str, ...] = ()
    """Names of the exporters of events they ask for: `otlp` or `console`."""
    capture_content: bool = False
    """Whether spans hold prompts, answers, arguments and results, filtered.
    `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`: `true`, `span_only` or `span_and_event`.
    """
    metric_tenants: int = 50
    """How many tenants the metrics of a process tell apart; the rest are `other`.
    `POINTSMAN_METRIC_TENANTS`."""
    keys: frozenset[str] = frozenset()
    """Names of the variables that hold a provider's credentials. Never their values."""
    store: str = field(default="sqlite", repr=False)  # an address may hold a password
    """Where state is kept: `sqlite` (files in the folder of state), or the address of a PostgreSQL
    database. `POINTSMAN_STORE`."""
    store_connections: int = 8
    """Connections of a process to that PostgreSQL at most, for the store and again for checkpoints.
    `POINTSMAN_STORE_CONNECTIONS`."""
    cache: str = field(default="disk", repr=False)
    """Where answers of models are kept for equal requests: `disk`, `memory`, `off`, or a Redis
    address, which may hold a password. `POINTSMAN_CACHE`."""
    cache_grace: float = 0.0
    """Seconds for which an answer past its time may still serve when every model fails.
    `POINTSMAN_CACHE_GRACE`."""
    limits: str = field(default="store", repr=False)  # an address may hold a password
    """Where rate limits are kept: `store` (a file in the folder of state, for all processes of this
    machine), `memory`, or a Redis address. `POINTSMAN_LIMITS`."""
    limits_lost: Literal["closed", "open"] = "closed"
    """What happens when that Redis is lost: nothing passes, or everything. `POINTSMAN_LIMITS_LOST`,
    default `closed`."""
    vault_key: str = field(default="", repr=False)
    """32 bytes in base64 that seal what filters redact. `POINTSMAN_VAULT_KEY`; without it, a file
    in the folder of state."""

    proxy_key: str = field(default="", repr=False)
    """What a proxy in front of the console signs its headers with, at least 32 characters.
    `POINTSMAN_PROXY_KEY`; without it, no proxy is trusted."""
    oidc: Path | None = None
    """A TOML file of the OpenID Connect issuer that signs people in to the console.
    `POINTSMAN_OIDC`; without it, none does."""
    flights: bool = True
    """Whether equal calls that are under way at once become one. Suites turn it off."""
    serves: Literal["production", "staging", "none"] = "production"
    """Which releases new threads begin with: those in production and the canary, what is staged, or
    none: the files as they are. `POINTSMAN_RELEASES`."""
    release_drift: Literal["warn", "refuse"] = "warn"
    """What follows when a run's release was made of other code: a line in the log, or the end of
    the run. `POINTSMAN_RELEASE_DRIFT`."""
    flags: Path | None = None
    """A file of flags. `POINTSMAN_FLAGS`; without it, no flags."""

    temporal: str = ""
    """Where a Temporal server takes this team's runs, `host:port` or `host:port/namespace`; without
    it they run in this process. `POINTSMAN_TEMPORAL`."""

    signing_key: Path | None = None
    """A file of this process's private key, with the sender's name: signs what it sends to other
    processes. `POINTSMAN_SIGNING_KEY`; `pointsman keys new` makes one."""
    senders: Path | None = None
    """A TOML file of the public keys of senders that are believed; without it every one is.
    `POINTSMAN_SENDERS`."""

    step_summary: Path | None = None
    """File that GitHub shows as the summary of a job's step. `GITHUB_STEP_SUMMARY`."""
    lookup: Callable[[str], str | None] = field(default=os.environ.get, repr=False, compare=False)
    """Reads one variable: a provider's key or base URL, at the call that needs it."""

    @property
    def alone(self) -> "Settings":
        """The same, with state in files and work in this process."""
        return replace(self, store="sqlite", temporal="")

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment now. Raises Misconfigured for a value that cannot be used."""
        env = os.environ if environ is None else environ
        fast = _chain(env.get("POINTSMAN_FAST", "")) or DEFAULT_CHAIN
        exporter = env.get("OTEL_TRACES_EXPORTER", "")
        return cls(
            home=Path(env.get("POINTSMAN_HOME") or DEFAULT_HOME),
            fast=fast,
            strong=_chain(env.get("POINTSMAN_STRONG", "")) or fast,
            model_timeout=_seconds(env, "POINTSMAN_MODEL_TIMEOUT", 120.0),
            otel=bool(_exporters(env, "TRACES")),
            otel_exporters=_chain(exporter) or ("otlp",),
            otel_metrics=_exporters(env, "METRICS"),
            otel_logs=_exporters(env, "LOGS"),
            capture_content=env.get(_CAPTURE, "").strip().lower() in _CAPTURES,
            metric_tenants=_count(env, "POINTSMAN_METRIC_TENANTS", 50),
            keys=frozenset(n for n, value in env.items() if value and n.endswith(_CREDENTIALS)),
            store=_store(env),
            store_connections=_connections(env),
            cache=env.get("POINTSMAN_CACHE", "").strip() or "disk",
            cache_grace=_seconds(env, "POINTSMAN_CACHE_GRACE", 0.0),
            limits=env.get("POINTSMAN_LIMITS", "").strip() or "store",
            limits_lost=_lost(env),
            vault_key=env.get("POINTSMAN_VAULT_KEY", "").strip(),
            proxy_key=_proxy_key(env),
            oidc=_file(env, "POINTSMAN_OIDC"),
            serves=_serves(env),
            release_drift=_drift(env),
            flags=Path(env["POINTSMAN_FLAGS"]) if env.get("POINTSMAN_FLAGS") else None,
            temporal=env.get("POINTSMAN_TEMPORAL", "").strip(),
            signing_key=_file(env, "POINTSMAN_SIGNING_KEY"),
            senders=_file(env, "POINTSMAN_SENDERS"),
            step_summary=Path(summary) if (summary := env.get("GITHUB_STEP_SUMMARY")) else None,
            lookup=env.get,
        )


def _file(env: Mapping[str, str], name: str) -> Path | None:
    text = env.get(name, "").strip()
    return Path(text) if text else None


def _store(env: Mapping[str, str]) -> str:
    text = env.get("POINTSMAN_STORE", "").strip() or "sqlite"
    if text == "sqlite" or text.startswith(("postgresql://", "postgres://")):
        return text
    raise Misconfigured(
        "POINTSMAN_STORE names no store there is.",
        hint="Use sqlite, or postgresql://user:password@host:5432/database.",
    )


def _connections(env: Mapping[str, str]) -> int:
    text = env.get("POINTSMAN_STORE_CONNECTIONS", "").strip() or "8"
    if text.isascii() and text.isdigit() and 0 < int(text) <= 1000:
        return int(text)
    raise Misconfigured(
        f"POINTSMAN_STORE_CONNECTIONS={text!r} is no number from 1 to 1000.", hint="Try 8."
    )


def _exporters(env: Mapping[str, str], signal: str) -> tuple[str, ...]:
    """The exporters that the standard variables ask for, of traces, metrics or logs."""
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return ()
    exporter, endpoint = _SIGNALS[signal]
    named = _chain(env.get(exporter, ""))
    if named:
        return tuple(name for name in named if name != "none")
    sent = env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or env.get(endpoint)
    return ("otlp",) if sent else ()


def _lost(env: Mapping[str, str]) -> Literal["closed", "open"]:
    match env.get("POINTSMAN_LIMITS_LOST", "").strip():
        case "" | "closed":
            return "closed"
        case "open":
            return "open"
        case text:
            raise Misconfigured(
                f"POINTSMAN_LIMITS_LOST={text!r} is neither closed nor open.", hint="Try closed."
            )


def _proxy_key(env: Mapping[str, str]) -> str:
    key = env.get("POINTSMAN_PROXY_KEY", "").strip()
    if key and len(key) < 32:
        raise Misconfigured(
            f"POINTSMAN_PROXY_KEY has {len(key)} characters: too few to trust.",
            hint="Make one of 32 or more: `openssl rand -hex 32`.",
        )
    return key


def _serves(env: Mapping[str, str]) -> Literal["production", "staging", "none"]:
    match env.get("POINTSMAN_RELEASES", "").strip():
        case "" | "production":
            return "production"
        case "staging":
            return "staging"
        case "none":
            return "none"
        case text:
            raise Misconfigured(
                f"POINTSMAN_RELEASES={text!r} is neither production, staging nor none.",
                hint="Try production.",
            )


def _drift(env: Mapping[str, str]) -> Literal["warn", "refuse"]:
    match env.get("POINTSMAN_RELEASE_DRIFT", "").strip():
        case "" | "warn":
            return "warn"
        case "refuse":
            return "refuse"
        case text:
            raise Misconfigured(
                f"POINTSMAN_RELEASE_DRIFT={text!r} is neither warn nor refuse.", hint="Try warn."
            )


def _chain(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _count(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, "").strip() or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise Misconfigured(f"{name}={text!r} is no number above 0.", hint=f"Try {default}.")
    return int(text)


def _seconds(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise Misconfigured(f"{name}={text!r} is no number of seconds.", hint=f"Try {name}=60.")
    return value
