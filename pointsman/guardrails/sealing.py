"""The vault that keeps values sealed: AES-256-GCM under a key that is not in the store.

A row holds the placeholder's label and number, a keyed digest of the value by which it is found
again (HMAC-SHA-256), and the value sealed. Label, number, digest and run are authenticated with it,
so a row that was changed or moved does not open.
"""

import hmac
import os
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Protocol

from pointsman.errors import Conflict, StoreBroken
from pointsman.nodes.digest import canonical
from pointsman.nodes.vault import Hidden, Name, Numbers, placeholder

KEY_BYTES = 32
_NONCE_BYTES = 12
_TRIES = 20


@dataclass(frozen=True, slots=True)
class VaultRow:
    """One redacted value of a run."""

    label: str
    number: int
    mac: str
    """Keyed digest of the value, in hex."""
    key_id: str
    """Which key sealed it, 16 hex digits."""
    sealed: bytes


class VaultRows(Protocol):
    """Where the rows are kept."""

    async def vault_add(self, run: str, rows: Sequence[VaultRow]) -> bool:
        """Insert all of them, or none: False when a number or a value of the run has a row."""
        ...

    async def vault(self, run: str) -> tuple[VaultRow, ...]:
        """The run's rows, in the order in which they were added."""
        ...


@dataclass
class SealedVault:
    """A `Vault` over rows. `key` gives 32 bytes, and is asked when the first value is hidden."""

    rows: VaultRows
    key: Callable[[], bytes]

    async def hide(
        self, run: str, hidden: Sequence[Hidden], taken: Set[Name] = frozenset()
    ) -> Mapping[tuple[str, str], int]:
        """See `Vault.hide`. Raises Conflict when others number values of this run all the time."""
        if not hidden:
            return {}
        macs = {(one.label, one.key): self._keys.mac(run, one) for one in hidden}
        for _ in range(_TRIES):
            numbers = Numbers({(r.label, r.mac): r.number for r in await self.rows.vault(run)})
            numbers.take(taken)
            new: dict[str, VaultRow] = {}
            for one in hidden:
                mac = macs[one.label, one.key]
                if (one.label, mac) not in numbers.given:
                    number = numbers.number(one.label, mac)
                    new[mac] = self._keys.seal(run, one, number, mac)
            if not new or await self.rows.vault_add(run, tuple(new.values())):
                return {name: numbers.given[name[0], mac] for name, mac in macs.items()}
        raise Conflict(
            f"Run {run}: redacted values could not be numbered, as others were always faster.",
            hint="Try again.",
        )

    async def values(self, run: str, names: Set[Name]) -> Mapping[Name, str]:
        """See `Vault.values`."""
        found = {(r.label, r.number): r for r in await self.rows.vault(run)} if names else {}
        return {n: self._keys.opened(run, found[n]) for n in names if n in found}

    @cached_property
    def _keys(self) -> "_Keys":
        return _Keys(self.key())


class _Keys:
    """One key for sealing and one for digests, both from the vault's."""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._seal = AESGCM(_derived(key, b"seal"))
        self._mac = _derived(key, b"mac")
        self._id = _derived(key, b"id").hex()[:16]

    def mac(self, run: str, one: Hidden) -> str:
        said = canonical([run, one.label, one.key])
        return hmac.new(self._mac, said, sha256).hexdigest()

    def seal(self, run: str, one: Hidden, number: int, mac: str) -> VaultRow:
        nonce = os.urandom(_NONCE_BYTES)
        value = one.value.encode("utf-8", "surrogatepass")
        sealed = self._seal.encrypt(nonce, value, _bound(run, one.label, number, mac))
        return VaultRow(one.label, number, mac, self._id, nonce + sealed)

    def opened(self, run: str, row: VaultRow) -> str:
        from cryptography.exceptions import InvalidTag

        shown = placeholder(row.label, row.number)
        if row.key_id != self._id:
            raise StoreBroken(
                f"Run {run}: {shown} was sealed with another key than the vault has now.",
                hint="Put back the file vault.key or POINTSMAN_VAULT_KEY of that time. Without it"
                " the value is lost, and the placeholder stays.",
            )
        nonce, sealed = row.sealed[:_NONCE_BYTES], row.sealed[_NONCE_BYTES:]
        try:
            value = self._seal.decrypt(nonce, sealed, _bound(run, row.label, row.number, row.mac))
        except (InvalidTag, ValueError) as error:
            raise StoreBroken(
                f"Run {run}: the sealed value of {shown} was changed, and cannot be opened.",
                hint="Restore the store from a backup.",
            ) from error
        return value.decode("utf-8", "surrogatepass")


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.new(key, b"pointsman vault " + purpose, sha256).digest()


def _bound(run: str, label: str, number: int, mac: str) -> bytes:
    return canonical([run, label, number, mac])
