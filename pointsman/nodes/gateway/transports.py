"""Transports: which transport serves a model, by its name. Each is made at its first use."""

from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import urlsplit

from pointsman.errors import Misconfigured, UnknownModel
from pointsman.nodes.gateway.providers import PROVIDERS, Lookup, base_of, provider_of
from pointsman.nodes.gateway.transport import Embeds, Transport

TransportFactory = Callable[[], Transport]

LITELLM = "litellm"
LEAN = "openai wire format"
"""Where the lean transport is kept; no provider's name has a space."""


class Transports:
    """The transports of one gateway.

    `factories` maps a provider (all of a model's name before the first `/`) to what makes its
    transport, and comes on top of `embedded`. The providers of `providers.PROVIDERS` share the lean
    transport, which reads its keys and base URLs with `lookup`. Every other provider is served by
    `litellm`, a key that can be given too; without `lookup`, those of the table are as well.
    `scripted` exists only where given.
    """

    def __init__(
        self,
        factories: Mapping[str, TransportFactory] | None = None,
        *,
        lookup: Lookup | None = None,
    ) -> None:
        self._lookup = lookup
        self._factories: dict[str, TransportFactory] = {
            "embedded": _embedded,
            LITELLM: _litellm,
            **(factories or {}),
        }
        self._made: dict[str, Transport] = {}

    def read_with(self, lookup: Lookup) -> None:
        """Read the environment with this, where no other `lookup` was given."""
        self._lookup = self._lookup or lookup

    def of(self, model: str) -> Transport:
        """The transport that serves the model.

        Raises UnknownModel for `scripted` without a script, MissingExtra where the embedded model's
        packages are missing.
        """
        name = provider_of(model)
        if name == "scripted" and name not in self._factories:
            raise UnknownModel(
                f"Model {model!r} has no script.",
                hint='Pass Transports({"scripted": lambda: ScriptedTransport(answers)}).',
            )
        if name in self._factories:
            factory = self._factories[name]
        elif name in PROVIDERS and (lookup := self._lookup) is not None:
            name, factory = LEAN, lambda: _lean(lookup)
        else:
            name, factory = LITELLM, self._factories[LITELLM]
        return self._kept(name, factory)

    def _kept(self, name: str, factory: TransportFactory) -> Transport:
        if name not in self._made:
            self._made[name] = factory()
        return self._made[name]

    def embedder(self, model: str) -> Embeds:
        """What embeds texts with the model: its own transport where that embeds, else LiteLLM's.

        Raises Misconfigured where neither does.
        """
        name = provider_of(model)
        own = self.of(model) if name in self._factories else None
        for transport in (own, self._kept(LITELLM, self._factories[LITELLM])):
            embed = getattr(transport, "embed", None)
            if embed is not None:
                return cast("Embeds", transport)
        raise Misconfigured(
            f"Nothing embeds texts with model {model!r}.",
            hint='Try "openai/text-embedding-3-small", or a LocalEmbedding.',
        )

    def address(self, model: str) -> tuple[str, int] | None:
        """Host and port of the model's server; None where that is not known, or there is none."""
        name = provider_of(model)
        if name in self._factories or name not in PROVIDERS or self._lookup is None:
            return None
        url = urlsplit(base_of(name, self._lookup))
        try:
            port = url.port or (80 if url.scheme == "http" else 443)
        except ValueError:
            return None
        return (url.hostname, port) if url.hostname else None

    async def aclose(self) -> None:
        """Close every transport that was made, also when one fails to. Safe to call twice."""
        made, self._made = list(self._made.values()), {}
        failures: list[Exception] = []
        for transport in made:
            try:
                await transport.aclose()
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]


def _embedded() -> Transport:
    from pointsman.nodes.gateway.embedded import EmbeddedTransport

    return EmbeddedTransport()


def _lean(lookup: Lookup) -> Transport:
    from pointsman.nodes.gateway.openai_wire import OpenAIWireTransport

    return OpenAIWireTransport(lookup)


def _litellm() -> Transport:
    from pointsman.nodes.gateway.litellm import LiteLLMTransport

    return LiteLLMTransport()
