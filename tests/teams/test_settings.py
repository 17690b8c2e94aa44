"""Settings: the environment, read in one place."""

from pathlib import Path

import pytest

from pointsman.errors import Misconfigured
from pointsman.teams.settings import Settings


def test_without_variables_the_defaults_hold() -> None:
    """The embedded model, a folder here, two minutes a call, nothing exported."""
    settings = Settings.read({})
    assert settings.home == Path(".pointsman")
    assert settings.fast == settings.strong == ("embedded",)
    assert settings.model_timeout == 120.0
    assert not settings.otel
    assert settings.keys == frozenset()


def test_chains_are_lists_of_names() -> None:
    """Comma-separated, spaces ignored; strong falls back on fast."""
    settings = Settings.read({"POINTSMAN_FAST": " openai/a , embedded,,", "POINTSMAN_HOME": "/x/y"})
    assert settings.fast == settings.strong == ("openai/a", "embedded")
    assert settings.home == Path("/x/y")
    both = Settings.read({"POINTSMAN_FAST": "a", "POINTSMAN_STRONG": "b"})
    assert (both.fast, both.strong) == (("a",), ("b",))


@pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan"])
def test_a_time_out_that_is_none_is_refused(text: str) -> None:
    """The variable and its value are named."""
    with pytest.raises(Misconfigured, match=f"POINTSMAN_MODEL_TIMEOUT='{text}'"):
        Settings.read({"POINTSMAN_MODEL_TIMEOUT": text})


@pytest.mark.parametrize(
    ("env", "on", "exporters"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True, ("otlp",)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, True, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "console"}, True, ("console",)),
        ({"OTEL_TRACES_EXPORTER": "none"}, False, ("none",)),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"}, False, ("console",)),
    ],
)
def test_export_follows_the_standard_variables(
    env: dict[str, str], on: bool, exporters: tuple[str, ...]
) -> None:
    """OpenTelemetry's own names, nothing of ours."""
    settings = Settings.read(env)
    assert (settings.otel, settings.otel_exporters) == (on, exporters)


def test_keys_are_names_never_values() -> None:
    """Which credentials are set is known; what they are is not kept."""
    settings = Settings.read({"OPENAI_API_KEY": "sk-secret", "EMPTY_API_KEY": "", "PATH": "/bin"})
    assert settings.keys == {"OPENAI_API_KEY"}
    assert "sk-secret" not in repr(settings)


def test_the_vaults_key_is_kept_and_never_shown() -> None:
    """It is needed, so it is read; no repr holds it."""
    settings = Settings.read({"POINTSMAN_VAULT_KEY": " c2VjcmV0 "})
    assert settings.vault_key == "c2VjcmV0"
    assert "c2VjcmV0" not in repr(settings)
    assert Settings.read({}).vault_key == ""


def test_a_providers_key_is_read_when_it_is_used() -> None:
    """Settings pass on how to read the environment, and show nothing of it."""
    environ = {"GROQ_API_KEY": "gsk-1"}
    settings = Settings.read(environ)
    environ["GROQ_API_KEY"] = "gsk-2"
    assert settings.lookup("GROQ_API_KEY") == "gsk-2"
    assert "gsk" not in repr(settings)


def test_the_stores_address_is_taken_and_not_shown() -> None:
    """Files by default; an address of PostgreSQL may hold a password, which no repr shows."""
    assert Settings.read({}).store == "sqlite"
    url = "postgresql://pm:hidden@db.internal/state"
    settings = Settings.read({"POINTSMAN_STORE": url, "POINTSMAN_STORE_CONNECTIONS": "3"})
    assert (settings.store, settings.store_connections) == (url, 3)
    assert "hidden" not in repr(settings)
    assert settings.alone.store == "sqlite"


@pytest.mark.parametrize("text", ["mysql://pm:hidden@h/d", "postgres", "hidden"])
def test_a_store_that_there_is_not_is_refused(text: str) -> None:
    """Without repeating it."""
    with pytest.raises(Misconfigured, match="POINTSMAN_STORE") as caught:
        Settings.read({"POINTSMAN_STORE": text})
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "1001"])
def test_a_number_of_connections_is_one(text: str) -> None:
    """From 1 to 1000."""
    with pytest.raises(Misconfigured, match="POINTSMAN_STORE_CONNECTIONS"):
        Settings.read({"POINTSMAN_STORE_CONNECTIONS": text})
