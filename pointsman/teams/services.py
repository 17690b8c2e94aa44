"""What a team's steps work with: store, gateway, guarded specialists, record. Bound to no loop."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from pointsman.errors import is_control_flow
from pointsman.guardrails.approval import ApprovalGuard
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.contract import ContractGuard
from pointsman.guardrails.guard import Guard
from pointsman.guardrails.ladder import specialist_ladder
from pointsman.guardrails.leak import LeakGuard
from pointsman.guardrails.sealing import SealedVault
from pointsman.guardrails.timeout import TimeoutGuard
from pointsman.nodes.budgets import extended
from pointsman.nodes.digest import digest
from pointsman.nodes.event import Judged, Recorded
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.node import Node
from pointsman.nodes.router import RouterNode
from pointsman.nodes.run import Budget, Run
from pointsman.nodes.specialist import Specialist, ToolLoop
from pointsman.nodes.vault import Vault
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.bounds import Bounds
from pointsman.teams.doors import Doors, team_doors
from pointsman.teams.record import Recorder, spend
from pointsman.teams.responses import open_responses
from pointsman.teams.settings import Settings
from pointsman.teams.spec import ROUTE, TeamSpec
from pointsman.teams.store.protocol import RunRow, Store
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.tickets import Ticket
from pointsman.teams.vaultkey import vault_key

log = logging.getLogger("pointsman.teams")

Notify = Callable[[Ticket], Awaitable[None] | None]
NOTIFY_SECONDS = 10.0


@dataclass(frozen=True)
class Services:
    """Everything opened for one team."""

    spec: TeamSpec
    home: Path
    store: Store
    gateway: ModelGateway
    recorder: Recorder
    router: RouterNode
    nodes: Mapping[str, Node]
    """Each specialist inside its guards, by name."""
    bounds: Bounds
    doors: Doors
    """Each specialist's tools inside their guards."""
    vault: Vault
    on_ticket: Notify | None
    clock: Callable[[], float] = time.time

    def run_for(
        self, row: RunRow, step: str, *, specialist: str = "", previous: str = "",
        admitted: frozenset[str] = frozenset(),
    ) -> Run:  # fmt: skip
        """The Run that the nodes of one step get."""
        left = row.seconds_left
        return Run(
            id=row.run,
            team=row.team,
            thread=row.thread,
            tenant=row.tenant,
            gateway=self.gateway,
            emit=lambda event: self.recorder.emit(row.run, event),
            step=step,
            specialist=specialist,
            previous=previous,
            deadline=None if left is None else self.clock() + left,
            priority=row.request.priority,
            budget=extended(Budget(usd=row.budget_usd, calls=row.budget_calls), admitted),
            spend=spend(self.recorder.events(row.run)),
            admitted=admitted,
            signals=lambda: _signals(self.recorder.events(row.run)),
            vault=self.vault,
            clock=self.clock,
        )

    def now(self) -> datetime:
        """The time by the clock, in UTC."""
        return datetime.fromtimestamp(self.clock(), UTC)

    async def tell(self, ticket: Ticket) -> None:
        """Tell the reviewers that a ticket waits. Their failure is logged and changes nothing."""
        if self.on_ticket is None:
            return
        try:
            async with asyncio.timeout(NOTIFY_SECONDS):
                called = self.on_ticket(ticket)
                if called is not None:
                    await called
        except Exception as error:
            if is_control_flow(error):
                raise
            log.warning("on_ticket failed for ticket %s", ticket.id, exc_info=True)

    async def aclose(self) -> None:
        """Close the models, the cache and the store."""
        try:
            await self.gateway.aclose()
        finally:
            await self.store.aclose()
            await self.bounds.aclose()


def open_services(
    spec: TeamSpec,
    settings: Settings,
    *,
    on_ticket: Notify | None,
    transports: Transports | None,
    bounds: Bounds | None = None,
    clock: Callable[[], float] = time.time,
) -> Services:
    """Make a team's services. Opens nothing yet: files and models are opened at first use.

    `bounds` outlive them; without, they are made new.

    Raises PromptError for a prompt that is missing or does not render.
    """
    home = spec.home or settings.home
    bounds = bounds or Bounds.of(spec, settings, clock=clock)
    store = SqliteStore(home / "pointsman.db", clock=clock)
    prompts = PromptLibrary((spec.prompts,) if spec.prompts else ())
    chains = spec.models or {"fast": settings.fast, "strong": settings.strong}
    transports = transports or Transports()
    transports.read_with(settings.lookup)
    gateway = ModelGateway(
        chains=chains,
        transports=transports,
        journal=store,
        cache=open_responses(
            home, settings.cache, grace=settings.cache_grace, vault_key=settings.vault_key
        ),
        prices=spec.prices,
        timeout=settings.model_timeout,
        breaker=bounds.models,
        limiter=bounds.limiter,
        budgets=bounds.budgets,
        guards=_rules_version(spec),
    )
    routed = [s for s in spec.specialists if s.name in spec.transitions.get(ROUTE, ())]
    router = RouterNode(spec.router, routed, team=spec.name, prompt=prompts.get(spec.router.prompt))
    doors = team_doors(spec, lambda _specialist, _tool: bounds.tools)
    nodes = {s.name: _specialist_node(s, spec, prompts, bounds, doors) for s in spec.specialists}
    return Services(
        spec=spec,
        home=home,
        store=store,
        gateway=gateway,
        recorder=Recorder(store, clock=clock),
        router=router,
        nodes=nodes,
        bounds=bounds,
        doors=doors,
        vault=SealedVault(store, lambda: vault_key(home, settings.vault_key)),
        on_ticket=on_ticket,
        clock=clock,
    )


def _specialist_node(
    specialist: Specialist, spec: TeamSpec, prompts: PromptLibrary, bounds: Bounds, doors: Doors
) -> Node:
    approval = ApprovalGuard(spec.policy, {t.name: t for t in specialist.tools})
    loop = ToolLoop(
        specialist,
        team=spec.name,
        prompt=prompts.get(specialist.prompt or "specialist/default"),
        repair=prompts.get("specialist/repair"),
        free=approval.free,
        nodes=doors.nodes(specialist.name),
    )
    return specialist_ladder(
        loop,
        around=(*bounds.around[specialist.name], *spec.guards),
        approval=approval,
        fallback=specialist.fallback,
        timeout=TimeoutGuard(specialist.timeout),
        contract=ContractGuard(specialist.contract),
        inside=(*_leak(specialist, loop.instructions), *cast("Sequence[Guard]", specialist.guards)),
    )


def _rules_version(spec: TeamSpec) -> str:
    """Of all rules that judge texts: an answer that passed others is asked for anew."""
    given = (*spec.guards, *(guard for s in spec.specialists for guard in s.guards))
    filters = [guard for guard in given if isinstance(guard, ContentFilter)]
    checks = [check for one in filters for check in one.all_checks]
    return digest(*(f"{check.name}@{check.version}:{check.action}" for check in checks))[:12]


def _leak(specialist: Specialist, prompt: str) -> tuple[Guard, ...]:
    if specialist.leak == "off":
        return ()
    shadow = specialist.leak == "shadow"
    action = "redact" if specialist.leak == "redact" else "block"
    return (LeakGuard(prompt, action=action, shadow=shadow, public=specialist.quotable),)


def _signals(events: Sequence[Recorded]) -> frozenset[str]:
    """`guard:rule` of what guards found in texts on their way in or out."""
    found = (r.event for r in events)
    return frozenset(
        f"{e.guard}:{e.rule}"
        for e in found
        if isinstance(e, Judged) and e.rule and not e.shadow and e.stage in ("input", "output")
    )
