"""What bounds a team's work for as long as the team lives, whatever is opened and closed meanwhile:
circuit breakers and bulkheads in memory, rate limits where the settings say."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pointsman.errors import Misconfigured
from pointsman.guardrails.books import Books, MemoryBooks
from pointsman.guardrails.breaker import BreakerGuard, Breakers
from pointsman.guardrails.bulkhead import MAX_WAIT as BULKHEAD_WAIT
from pointsman.guardrails.bulkhead import Bulkhead
from pointsman.guardrails.guard import Guard
from pointsman.guardrails.limiter import QuotaLimiter
from pointsman.guardrails.overbudget import OverBudgetGuard
from pointsman.guardrails.quota import Quota
from pointsman.guardrails.rate import RateGuard
from pointsman.nodes.gateway.entry import MAX_WAIT
from pointsman.nodes.limits import Breaker, Limiter
from pointsman.nodes.specialist import Specialist
from pointsman.teams.budgets import SharedBudgets
from pointsman.teams.settings import Settings
from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.opening import open_budgets, open_limits


@dataclass(frozen=True)
class Bounds:
    """Of one team in one process."""

    around: Mapping[str, tuple[Guard, ...]]
    """By specialist: its breaker, its bulkhead, its rate limits and what follows a spent budget."""
    tools: tuple[Guard, ...]
    """Around every tool: its rate limits."""
    models: Breaker | None
    """Breakers of the models."""
    limiter: Limiter | None
    """Rate limits of model calls; the same that stand around specialists and tools."""
    books: Books | None
    """What the team's own limits are kept in; None where it has none, or was given a limiter."""
    budgets: SharedBudgets | None
    """What its runs share; None for nothing."""

    @classmethod
    def of(
        cls, spec: TeamSpec, settings: Settings, *, clock: Callable[[], float] = time.time
    ) -> "Bounds":
        """Those of a team. Opens nothing: files and connections are opened at first use.

        Raises Misconfigured for two equal quotas, and for a setting there is not.
        """
        quotas = spec.limits if isinstance(spec.limits, tuple) else ()
        books = _books(settings, spec.home or settings.home, clock) if quotas else None
        limiter = QuotaLimiter(quotas, books, clock=clock) if quotas else _given(spec.limits)
        limited = () if limiter is None else (RateGuard(limiter),)
        visits, models = _breakers(spec, settings.model_timeout, clock)
        return cls(
            around={
                s.name: (*visits, *_bulkhead(s), *limited, _over_budget(spec, s))
                for s in spec.specialists
            },
            tools=limited,
            models=models,
            limiter=limiter,
            books=books,
            budgets=_budgets(spec, settings, clock),
        )

    async def aclose(self) -> None:
        """Close what the limits are kept in; the next use opens it again."""
        if self.budgets is not None:
            await self.budgets.aclose()
        if self.books is not None:
            await self.books.aclose()


MARGIN = 10.0
"""Seconds for what stands around a visit or a call: filters, the store, a busy machine."""


def _given(limits: tuple[Quota, ...] | Limiter) -> Limiter | None:
    return None if isinstance(limits, tuple) else limits


def _books(settings: Settings, home: Path, clock: Callable[[], float]) -> Books:
    where = settings.limits
    if where == "memory":
        return MemoryBooks(clock=clock)
    if where == "store":
        return open_limits(settings, home, clock=clock)
    if where.startswith(("redis://", "rediss://", "unix://")):
        from pointsman.teams.store.redislimits import RedisBooks

        return RedisBooks(where, lost=settings.limits_lost)
    raise Misconfigured(
        "POINTSMAN_LIMITS names no place that rate limits can be kept in.",
        hint="Use store, memory, or a redis:// address.",
    )


def _budgets(
    spec: TeamSpec, settings: Settings, clock: Callable[[], float]
) -> SharedBudgets | None:
    if not spec.budgets:
        return None
    books = open_budgets(settings, spec.home or settings.home, clock=clock)
    return SharedBudgets(spec.budgets, books, clock=clock)


def _over_budget(spec: TeamSpec, specialist: Specialist) -> Guard:
    rule = spec.over_budget
    if spec.models is not None and rule.cheaper not in spec.models:
        rule = replace(rule, cheaper=None)
    writes = any(tool.effect == "write" for tool in specialist.tools)
    return OverBudgetGuard(rule, writes=writes)


def _breakers(
    spec: TeamSpec, model_timeout: float, clock: Callable[[], float]
) -> tuple[tuple[Guard, ...], Breaker | None]:
    """Around the specialists, and before the models. A probe may use all the time that a visit or
    a call may take."""
    rules = spec.breaker
    if rules is None:
        return (), None
    visit = max((s.timeout for s in spec.specialists), default=0.0) + BULKHEAD_WAIT
    visits = replace(rules, probe=max(rules.probe, visit + MARGIN))
    calls = replace(rules, probe=max(rules.probe, model_timeout + MAX_WAIT + MARGIN))
    guard = BreakerGuard(Breakers(visits, what="specialist", clock=clock))
    return (guard,), Breakers(calls, what="model", clock=clock)


def _bulkhead(specialist: Specialist) -> tuple[Guard, ...]:
    if specialist.max_concurrent is None:
        return ()
    return (Bulkhead(specialist.max_concurrent),)
