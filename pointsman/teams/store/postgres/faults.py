"""PostgreSQL's errors as ours, and which of them pass by themselves."""

import psycopg
from psycopg import errors

from pointsman.errors import StoreBroken, StoreError, StoreFull, StoreUnreachable
from pointsman.teams.store.postgres.address import Address

_AWAY = ("08", "57P01", "57P02", "57P03", "53300", "25006")
"""SQLSTATE by prefix: no connection, shutting down or starting up, too many, only a standby."""
_FIRST_WINS = ("40001", "40P01")
"""Serialization failure and deadlock: nothing was changed, at once is soon enough."""
_DAMAGED = ("XX001", "XX002", "58030")
_MISSING = ("42P01", "42703", "42883")
_TIMED_OUT = ("55P03", "57014", "25P03")


def away(error: BaseException) -> bool:
    """Whether the server was lost or takes no connection now. It may come back."""
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    state = error.sqlstate
    if state is None:
        # Without a SQLSTATE it comes from libpq: a connection that failed or broke. A server that
        # refuses the user or does not know the database says so in words only.
        said = str(error)
        return not any(
            word in said for word in ("authentication failed", "does not exist", "no password")
        )
    return state.startswith(_AWAY)


def passes(error: psycopg.Error) -> bool:
    """Whether the same transaction may simply be tried again."""
    return away(error) or (error.sqlstate or "") in _FIRST_WINS


def store_error(error: psycopg.Error, address: Address) -> StoreError:
    """PostgreSQL's error as one of ours, by its SQLSTATE."""
    state, where = error.sqlstate or "", address.shown
    said = address.hide(" ".join(str(error).split()))[:500]
    if state == errors.DiskFull.sqlstate:
        return StoreFull(
            f"There is no space left for the store {where}.",
            hint="Free some on the server; runs go on with `pointsman resume`.",
        )
    if state in _DAMAGED:
        return StoreBroken(
            f"The store {where} is damaged: {said}.", hint="Restore it from a backup."
        )
    if state in _MISSING:
        return StoreBroken(
            f"The store {where} does not have the tables of this pointsman: {said}.",
            hint="`pointsman store check` says what is missing.",
        )
    if away(error) or (isinstance(error, psycopg.OperationalError) and not state):
        return StoreUnreachable(
            f"The store {where} cannot be reached: {said or type(error).__name__}.",
            hint="Is PostgreSQL running, and is POINTSMAN_STORE right? What was stored stands;"
            " runs go on with `pointsman resume`.",
        )
    if state in _TIMED_OUT:
        return StoreUnreachable(
            f"The store {where} is too busy: {said}.",
            hint="Another transaction holds what this one needs. Nothing was changed; try again.",
        )
    return StoreError(f"The store {where} cannot be used: {said}.", hint="See PostgreSQL's log.")


def none_free(address: Address, seconds: float) -> StoreUnreachable:
    """All connections were in use for too long."""
    return StoreUnreachable(
        f"No connection to the store {address.shown} was free for {seconds:g} s: all"
        f" {address.connections} of this process are in use. Nothing was changed.",
        hint="Give it more with POINTSMAN_STORE_CONNECTIONS, or start more processes.",
    )
