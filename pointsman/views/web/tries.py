"""How often somebody may try to sign in: from one address, and all together."""

import time
from collections.abc import Callable

from pointsman.guardrails.gcra import Bucket, Slot, bucket_at, given_back, taken, wait_for
from pointsman.views.web.problems import Refusal

EVERY, BURST = 6.0, 10.0
"""From one address: 10 at once, then one in 6 s."""
EVERY_ALL, BURST_ALL = 1.0, 60.0
"""From all addresses together: 60 at once, then one a second."""
ADDRESSES = 10_000
"""Addresses that are remembered; the one used longest ago is forgotten first."""


class Tries:
    """Takes one try at a time (GCRA). One that succeeds is given back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._all: Bucket | None = None
        self._one: dict[str, Bucket] = {}

    def take(self, address: str) -> tuple[Slot, Slot]:
        """Take a try, or raise the Refusal that says when the next one is free."""
        now = self._clock()
        one, whole = bucket_at(self._one.get(address), now), bucket_at(self._all, now)
        wait = max(
            wait_for(one, now, cost=1, every=EVERY, burst=BURST),
            wait_for(whole, now, cost=1, every=EVERY_ALL, burst=BURST_ALL),
        )
        if wait > 0:
            raise Refusal(
                429, "TooManyTries", "There were too many tries to sign in.",
                hint=f"Try again in {max(1, round(wait))} s.", after=wait,
            )  # fmt: skip
        self._one.pop(address, None)
        while len(self._one) >= ADDRESSES:
            del self._one[next(iter(self._one))]
        self._one[address], mine = taken(one, now, EVERY)
        self._all, ours = taken(whole, now, EVERY_ALL)
        return mine, ours

    def give_back(self, address: str, slots: tuple[Slot, Slot]) -> None:
        """It succeeded: it does not count."""
        now = self._clock()
        one = given_back(self._one.pop(address, None), now, slots[0], EVERY)
        if one is not None:
            self._one[address] = one
        self._all = given_back(self._all, now, slots[1], EVERY_ALL)
