"""Single-flight: identical calls that are under way at once become one."""

import asyncio
from collections.abc import Awaitable, Callable

from pointsman.nodes.gateway.transport import ModelReply

FLIGHTS_FOLLOWED = 2
"""Failed flights a caller waits for before it asks by itself, so that its wait has a bound."""


class Flights:
    """The calls under way, by key. One event loop's callers share; loops never share."""

    def __init__(self) -> None:
        self._under_way: dict[
            tuple[asyncio.AbstractEventLoop, str], asyncio.Future[ModelReply | None]
        ] = {}

    async def share(self, key: str, ask: Callable[[], Awaitable[ModelReply]]) -> ModelReply:
        """The answer of the flight of that key, or of `ask` where none is under way.

        A shared answer has the source `flight`. When the caller that leads fails or is cancelled,
        it alone does: one of the others leads next. Raises what `ask` raises.
        """
        place = (asyncio.get_running_loop(), key)
        for followed in range(FLIGHTS_FOLLOWED):
            flight = self._under_way.get(place)
            if flight is None:
                return await self._lead(place, ask, after_others=followed > 0)
            # Shielded: cancelling one follower must not cancel the future the others wait for.
            reply = await asyncio.shield(flight)
            if reply is not None:
                return reply.served_from("flight")
        return await ask()

    async def _lead(
        self,
        place: tuple[asyncio.AbstractEventLoop, str],
        ask: Callable[[], Awaitable[ModelReply]],
        *,
        after_others: bool,
    ) -> ModelReply:
        flight: asyncio.Future[ModelReply | None] = place[0].create_future()
        self._under_way[place] = flight
        try:
            if after_others:
                # The others wake in this turn of the loop too: let them find this flight first.
                await asyncio.sleep(0)
            reply = await ask()
        except BaseException:
            self._land(place, flight, None)
            raise
        self._land(place, flight, reply)
        return reply

    def _land(
        self,
        place: tuple[asyncio.AbstractEventLoop, str],
        flight: asyncio.Future[ModelReply | None],
        reply: ModelReply | None,
    ) -> None:
        del self._under_way[place]
        flight.set_result(reply)
