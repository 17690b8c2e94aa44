"""What a worker process does: which pools it works for, how much at once, until when."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.service import RPCError

from pointsman.errors import Misconfigured, StoreError
from pointsman.teams.sessions import Sessions
from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.protocol import Store
from pointsman.teams.temporal.queues import ROUTER, queues_of
from pointsman.teams.temporal.server import named
from pointsman.teams.temporal.worker import working

PROBE_SECONDS = 2.0


@dataclass(frozen=True)
class Duty:
    """What one worker process takes on."""

    pools: tuple[str, ...] = ()
    """`router` and names of specialists; empty: all of the team."""
    shard: tuple[int, int] | None = None
    """Which of how many shards of its sharded pools; None: all of them."""
    at_once: int = 100
    """Activities of each pool that run here at once."""
    per_second: float | None = None
    """Steps of each specialist's pool that begin in a second, over all its workers."""
    drain: float = 30.0
    """Seconds that what runs at the end has."""

    def queues(self, spec: TeamSpec) -> tuple[str, ...]:
        """The pools with their shards, as `working` takes them. Raises Misconfigured for a pool or
        a shard that the team does not have."""
        known = {ROUTER: 0} | {one.name: one.shards for one in spec.specialists}
        unknown = [pool for pool in self.pools if pool not in known]
        if unknown:
            raise Misconfigured(
                f"Team {spec.name!r} has no pool {', '.join(map(repr, unknown))}.",
                hint=f"It has: {', '.join(known)}.",
            )
        taken = self.pools or tuple(known)
        if self.shard is None:
            every = [pool for pool, _ in queues_of(spec)]
            return tuple(p for p in every if p in taken or p.rpartition("-")[0] in taken)
        shard, shards = self.shard
        split = [pool for pool in taken if known[pool] > 0]
        wrong = [pool for pool in split if known[pool] != shards]
        if wrong or not split or not 0 <= shard < shards:
            said = ", ".join(f"{pool} has {known[pool]}" for pool in taken if pool != ROUTER)
            raise Misconfigured(
                f"There is no shard {shard} of {shards} in those pools of team {spec.name!r}:"
                f" {said or 'none has shards'}.",
                hint="Shards count from 0; how many there are, Specialist(shards=…) says.",
            )
        return tuple(f"{pool}-{shard}" if pool in split else pool for pool in taken)


@dataclass
class Working:
    """A worker at work, as its health endpoint tells it."""

    pools: Sequence[str]
    client: Client
    store: Store
    draining: bool = False

    async def fault(self) -> str:
        """Why it takes no work now; empty when it does."""
        if self.draining:
            return "draining"
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self.client.service_client.check_health()
                await self.store.holder("health")
        except TimeoutError:
            return "the engine or the store does not answer"
        except RPCError:
            return "the engine cannot be reached"
        except StoreError:
            return "the store cannot be used"
        return ""


@asynccontextmanager
async def on_duty(sessions: Sessions, duty: Duty) -> AsyncGenerator[Working]:
    """A worker of a team while the block runs. Raises Misconfigured where no engine is named,
    MissingExtra, StoreUnreachable."""
    client = await named(sessions.settings(), sessions.spec.name)
    pools = duty.queues(sessions.spec)
    async with sessions.segments() as engine:
        at_work = working(
            client, engine, pools,
            at_once=duty.at_once, per_second=duty.per_second, drain=duty.drain,
            limits=sessions.limits,
        )  # fmt: skip
        async with at_work:
            made = Working(pools, client, engine.services.store)
            try:
                yield made
            finally:
                made.draining = True
