"""Which transport serves a model."""

import subprocess
import sys

import pytest

from pointsman.errors import UnknownModel
from pointsman.nodes.gateway.litellm import LiteLLMTransport
from pointsman.nodes.gateway.openai_wire import OpenAIWireTransport
from pointsman.nodes.gateway.providers import PROVIDERS
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Read
from pointsman.nodes.gateway.transports import Transports


class Broken:
    """A transport that fails to close."""

    async def send(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        """Never used."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Fail."""
        raise RuntimeError("cannot close")


def test_the_name_decides() -> None:
    """The part before the slash finds the transport; whatever else is LiteLLM's."""
    script = ScriptedTransport([])
    transports = Transports({"scripted": lambda: script})
    assert transports.of("scripted") is script
    assert transports.of("scripted/big") is script
    assert isinstance(transports.of("openai/gpt-x"), LiteLLMTransport)
    assert transports.of("anthropic/x") is transports.of("openai/gpt-x")


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_the_lean_transport_serves_its_providers(provider: str) -> None:
    """One for all of them where the environment can be read; the user's own choice wins."""
    transports = Transports(lookup={}.get)
    lean = transports.of(f"{provider}/x")
    assert isinstance(lean, OpenAIWireTransport)
    assert lean is transports.of("openai/y")
    assert isinstance(transports.of("anthropic/x"), LiteLLMTransport)
    own = Transports({provider: LiteLLMTransport}, lookup={}.get)
    assert isinstance(own.of(f"{provider}/x"), LiteLLMTransport)


def test_the_first_lookup_stays() -> None:
    """Whoever opens a team gives its environment only where none was given."""
    transports = Transports()
    transports.read_with({"OPENAI_API_KEY": "k"}.get)
    assert isinstance(transports.of("openai/x"), OpenAIWireTransport)


def test_no_script_is_an_error() -> None:
    """The model `scripted` exists only with a script."""
    with pytest.raises(UnknownModel, match="ScriptedTransport"):
        Transports().of("scripted")


def test_each_is_made_once_and_late() -> None:
    """A factory is called at the first use, and not again."""
    made: list[ScriptedTransport] = []

    def factory() -> ScriptedTransport:
        made.append(ScriptedTransport([]))
        return made[-1]

    transports = Transports({"mine": factory})
    assert not made
    assert transports.of("mine/a") is transports.of("mine/b")
    assert len(made) == 1


async def test_all_are_closed_even_when_one_fails() -> None:
    """A transport that fails to close does not keep the others open; unused ones are not made."""
    script = ScriptedTransport([])
    never = ScriptedTransport([])
    transports = Transports({"broken": Broken, "scripted": lambda: script, "never": lambda: never})
    transports.of("broken")
    transports.of("scripted")
    with pytest.raises(RuntimeError, match="cannot close"):
        await transports.aclose()
    assert script.closed
    assert not never.closed
    await transports.aclose()


def test_nothing_heavy_is_loaded_before_the_first_call() -> None:
    """Making the gateway with every part imports neither LiteLLM nor diskcache nor LangGraph."""
    code = """
import sys
from pathlib import Path
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.gateway.transports import Transports
transports = Transports(lookup={}.get)
ModelGateway(chains={"fast": ("openai/x",)}, transports=transports, journal=MemoryJournal(),
             cache=ResponseCache(Path("never")))
transports.of("openai/x"), transports.of("anthropic/x")
heavy = {"litellm", "openai", "diskcache", "langgraph", "xllamacpp", "aiohttp"}
print(sorted(heavy & set(sys.modules)), Path("never").exists())
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[] False"
