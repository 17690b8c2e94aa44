"""What a team's steps work with: store, gateway, guarded specialists, record. Bound to no loop."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pointsman.errors import NotFound, is_control_flow
from pointsman.guardrails.approval import ApprovalGuard
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.contract import ContractGuard
from pointsman.guardrails.guard import Guard
from pointsman.guardrails.ladder import specialist_ladder
from pointsman.guardrails.leak import LeakGuard
from pointsman.guardrails.sealing import SealedVault
from pointsman.guardrails.shown import shown
from pointsman.guardrails.timeout import TimeoutGuard
from pointsman.nodes.budgets import Budgets, extended
from pointsman.nodes.digest import digest
from pointsman.nodes.event import Judged, Recorded
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import Journal
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.handoff import Transfer
from pointsman.nodes.metrics import MAX_TENANTS
from pointsman.nodes.node import Node
from pointsman.nodes.routing.tiers import RouterNode
from pointsman.nodes.run import Budget, Run
from pointsman.nodes.specialist import Specialist, ToolLoop
from pointsman.nodes.tape import NoTape
from pointsman.nodes.vault import Vault
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.boardtools import board_doors
from pointsman.teams.bounds import Bounds
from pointsman.teams.budgets import NestedBudgets, SharedBudgets
from pointsman.teams.children import Above, OpenCrew, TreeVault
from pointsman.teams.doors import Doors, team_doors
from pointsman.teams.fitting import TeamClassifier
from pointsman.teams.record import Recorder, spend
from pointsman.teams.releases.rollout import Rollout, rollout_of
from pointsman.teams.responses import open_responses
from pointsman.teams.settings import Settings
from pointsman.teams.spec import ROUTE, TeamSpec
from pointsman.teams.store.opening import open_store
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import RunRow
from pointsman.teams.tape import Facts, StepTape, in_attempt
from pointsman.teams.tickets import Ticket
from pointsman.teams.vaultkey import vault_key

if TYPE_CHECKING:
    from pointsman.teams.releases.released import Variant

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
    shown: Callable[[str], str] | None = None
    """Gives a text as it may stand in a trace; None where traces hold no texts."""
    tenants: int = MAX_TENANTS
    """How many tenants the metrics of this process tell apart."""
    budgets: Budgets | None = None
    """What its runs share, and what they share with the team it is within."""
    kin: Mapping[str, "Services"] = field(default_factory=dict[str, "Services"])
    """Those of the teams inside it, by name."""
    above: dict[str, Above] = field(default_factory=dict[str, Above])
    """By child run that is worked on here: its parent's step. One for the whole family."""
    crew: OpenCrew | None = None
    """What takes child runs on; None where nothing keeps checkpoints."""
    rollout: Rollout = field(default_factory=Rollout)
    variants: "OrderedDict[str, Variant]" = field(
        default_factory=OrderedDict[str, "Variant"], repr=False
    )
    """What differs on the releases that were used last."""

    async def on(self, release: str) -> "Services":
        """These, with the prompts and models of a release of the team; empty: as they are. Raises
        what `releases.released.on_release` does."""
        if not release:
            return self
        from pointsman.teams.releases.released import on_release

        return await on_release(self, release)

    def of(self, team: str) -> "Services":
        """Those of this team, or of one inside it. Raises NotFound."""
        if team == self.spec.name:
            return self
        if team not in self.kin:
            raise NotFound(
                f"Team {self.spec.name!r} holds no team {team!r} (any more).",
                hint="Its runs and tickets can be looked at with that team.",
            )
        return self.kin[team]

    def durable(self, row: RunRow) -> bool:
        """Whether the parent of a child run can wait for a person."""
        above = self.above.get(row.run)
        return above is None or above.durable

    def run_for(
        self, row: RunRow, step: str, *, tape: StepTape | None = None, specialist: str = "",
        admitted: frozenset[str] = frozenset(), below: Sequence[Recorded] = (),
    ) -> Run:  # fmt: skip
        """The Run that the nodes of one step get. `below` are the events of its child runs: what
        they spent counts."""
        above = self.above.get(row.run)
        facts = tape.facts if tape is not None else Facts(left=self.seconds_left(row))
        clock = (tape and tape.clock) or self.clock
        # A fork has the placeholders of what it is a fork of: they stand in recorded answers.
        whole = row.fork_of or row.root
        spent = spend([*self.recorder.events(row.run), *below])
        if above is not None:
            # What a person added to the budget here was added to that of the whole.
            spent.above = (extended(above.run.budget, admitted), above.run.spend)
        return Run(
            id=row.run,
            team=row.team,
            thread=row.thread,
            tenant=row.tenant,
            gateway=self.gateway,
            emit=lambda event: self.recorder.emit(row.run, event),
            attempt=row.attempt,
            step=in_attempt(step, row),
            specialist=specialist,
            previous=facts.previous,
            deadline=None if facts.left is None else clock() + facts.left,
            priority=row.request.priority,
            budget=extended(Budget(usd=row.budget_usd, calls=row.budget_calls), admitted),
            spend=spent,
            admitted=admitted,
            signals=lambda: _signals(self.recorder.events(row.run)),
            vault=TreeVault(self.vault, whole) if whole else self.vault,
            clock=clock,
            recorded=lambda call: self.recorder.recorded(row.run, call),
            root=row.root,
            simulated=row.simulated,
            tape=tape or NoTape(),
            shown=self.shown,
            tenants=self.tenants,
        )

    def seconds_left(self, row: RunRow) -> float | None:
        """Seconds to the run's deadline, and to that of the step that gave it its work; None where
        there is none."""
        above = self.above.get(row.run)
        ends = [] if row.seconds_left is None else [row.seconds_left]
        if above is not None and above.run.deadline is not None:
            ends.append(above.run.deadline - self.clock())
        return min(ends, default=None)

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
            for one in self.kin.values():
                await one.gateway.aclose()
        finally:
            await self.store.aclose()
            await self.bounds.aclose()
            for one in self.kin.values():
                await one.bounds.aclose()


@dataclass(frozen=True)
class Opened:
    """What services are made with in place of what a team opens."""

    store: Store | None = None
    gateway: type[ModelGateway] = ModelGateway
    recorder: Recorder | None = None


def open_services(
    spec: TeamSpec,
    settings: Settings,
    *,
    on_ticket: Notify | None,
    transports: Transports | None,
    bounds: Bounds | None = None,
    clock: Callable[[], float] = time.time,
    within: Services | None = None,
    journal: Journal | None = None,
    opened: Opened | None = None,
) -> Services:
    """Make a team's services. Opens nothing yet: files and models are opened at first use.

    `bounds` outlive them; without, they are made new. A team that is `within` another uses that
    one's store and record, and what it spends counts in that one's shared budgets too. `journal`
    keeps the answers of models in the store's place; `opened` is what a replay works with.

    Raises PromptError for a prompt that is missing or does not render.
    """
    home = spec.home or settings.home
    bounds = bounds or Bounds.of(spec, settings, clock=clock)
    opened = opened or Opened()
    store = within.store if within else opened.store
    store = store or open_store(settings, home, clock=clock)
    budgets = _both(within, bounds.budgets)
    prompts = PromptLibrary((spec.prompts,) if spec.prompts else ())
    gateway = _gateway(
        spec, settings, home, journal=journal or store, transports=transports or Transports(),
        bounds=bounds, budgets=budgets, kind=opened.gateway,
    )  # fmt: skip
    doors = team_doors(spec, lambda _specialist, _tool: bounds.tools)
    doors = board_doors(doors, spec.blackboard, store)
    router, nodes = nodes_of(spec, prompts=prompts, bounds=bounds, doors=doors, home=home)
    return Services(
        spec=spec,
        home=home,
        store=store,
        gateway=gateway,
        recorder=(
            within.recorder
            if within
            else opened.recorder or Recorder(store, clock=clock, tenants=settings.metric_tenants)
        ),
        router=router,
        nodes=nodes,
        bounds=bounds,
        doors=doors,
        vault=SealedVault(store, lambda: vault_key(home, settings.vault_key)),
        on_ticket=on_ticket,
        clock=clock,
        shown=shown(spec.guards) if settings.capture_content else None,
        tenants=settings.metric_tenants,
        budgets=budgets,
        above=within.above if within else {},
        rollout=rollout_of(settings),
    )


def nodes_of(
    spec: TeamSpec, *, prompts: PromptLibrary, bounds: Bounds, doors: Doors, home: Path
) -> tuple[RouterNode, dict[str, Node]]:
    """The team's router, and each specialist inside its guards. Raises PromptError."""
    routed = [s for s in spec.specialists if s.name in spec.transitions.get(ROUTE, ())]
    router = RouterNode(
        spec.router, routed, team=spec.name, prompts=prompts,
        classifier=TeamClassifier(spec.router, routed, team=spec.name, home=home),
    )  # fmt: skip
    nodes = {s.name: _specialist_node(s, spec, prompts, bounds, doors) for s in spec.specialists}
    return router, nodes


def _gateway(
    spec: TeamSpec, settings: Settings, home: Path, *, journal: Journal, transports: Transports,
    bounds: Bounds, budgets: Budgets | None, kind: type[ModelGateway],
) -> ModelGateway:  # fmt: skip
    chains = spec.models or {"fast": settings.fast, "strong": settings.strong}
    transports.read_with(settings.lookup)
    return kind(
        chains=chains,
        transports=transports,
        journal=journal,
        cache=open_responses(
            home, settings.cache, grace=settings.cache_grace, vault_key=settings.vault_key
        ),
        prices=spec.prices,
        timeout=settings.model_timeout,
        breaker=bounds.models,
        limiter=bounds.limiter,
        budgets=budgets,
        guards=_rules_version(spec),
        flights=settings.flights,
    )


def _both(within: Services | None, own: SharedBudgets | None) -> Budgets | None:
    """The shared budgets of a team, and those of the team that it is within."""
    if within is None or within.budgets is None:
        return own
    return NestedBudgets(within.budgets, within.spec.name, own)


def _specialist_node(
    specialist: Specialist, spec: TeamSpec, prompts: PromptLibrary, bounds: Bounds, doors: Doors
) -> Node:
    approval = ApprovalGuard(spec.policy, {t.name: t for t in specialist.tools})
    given = cast("Sequence[Guard]", specialist.guards)
    if specialist.does is not None:
        node, inside = specialist.does.node(specialist, team=spec.name, prompts=prompts), given
    else:
        node = ToolLoop(
            specialist,
            team=spec.name,
            prompt=prompts.get(specialist.prompt or "specialist/default"),
            repair=prompts.get("specialist/repair"),
            free=approval.free,
            nodes=doors.nodes(specialist.name),
            transfers=[
                Transfer(s.name, s.input, s.sees)
                for name in specialist.hands_off_to
                for s in spec.specialists
                if s.name == name
            ],
        )
        inside = (*_leak(specialist, node.instructions), *given)
    return specialist_ladder(
        node,
        around=(*bounds.around[specialist.name], *spec.guards),
        approval=approval,
        fallback=specialist.fallback,
        timeout=TimeoutGuard(specialist.timeout),
        contract=ContractGuard(specialist.contract),
        inside=inside,
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
