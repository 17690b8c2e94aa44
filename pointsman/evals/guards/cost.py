"""What looking at a text costs: CPU per 2 kB, by part."""

import statistics
import time
from collections.abc import Sequence

from pointsman.evals.guards.figures import Cost
from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.check import Check, look

CHUNK = 2048
"""Bytes of UTF-8."""
_CHUNKS_MOST = 256
_TEXT_MOST = 1 << 20
"""Bytes of one text that chunks are made of."""


class Chunks:
    """Up to 256 chunks of 2 kB, spread evenly over all texts added, in bounded memory.

    Short texts are joined with line breaks until they are long enough.
    """

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._rest = bytearray()
        self._seen = 0
        self._stride = 1

    def add(self, text: str) -> None:
        """Add a text."""
        self._rest += text[:_TEXT_MOST].encode("utf-8", "replace") + b"\n"
        at = 0
        while len(self._rest) - at >= CHUNK:
            self._keep(bytes(self._rest[at : at + CHUNK]))
            at += CHUNK
        del self._rest[:at]

    def texts(self) -> list[str]:
        """The chunks. What is less than one chunk in all is repeated until it is one."""
        rest = bytes(self._rest)
        if not self._kept and rest.strip():
            return [(rest * (CHUNK // len(rest) + 1))[:CHUNK].decode("utf-8", "ignore")]
        return list(self._kept)

    def _keep(self, chunk: bytes) -> None:
        if self._seen % self._stride == 0:
            self._kept.append(chunk.decode("utf-8", "ignore"))
            if len(self._kept) > _CHUNKS_MOST:
                self._kept = self._kept[::2]
                self._stride *= 2
        self._seen += 1


def costs(checks: Sequence[Check], chunks: Sequence[str]) -> tuple[Cost, ...]:
    """Process time over the chunks, each looked at once; the first ones are seen before, to warm.

    `all` is `canonical` once and every check, as though one text stood in every place.
    """
    if not chunks:
        return ()
    for chunk in chunks[:8]:
        plain = canonical(chunk)
        for check in checks:
            look(check, plain)
    parts: dict[str, list[float]] = {name: [] for name in ("canonical", *(c.name for c in checks))}
    for chunk in chunks:
        began = time.process_time_ns()
        plain = canonical(chunk)
        parts["canonical"].append(_since(began))
        for check in checks:
            began = time.process_time_ns()
            look(check, plain)
            parts[check.name].append(_since(began))
    together = [sum(times) for times in zip(*parts.values(), strict=True)]
    return tuple(_cost(part, times) for part, times in (*parts.items(), ("all", together)))


def _since(began: int) -> float:
    return (time.process_time_ns() - began) / 1e6


def _cost(part: str, times: Sequence[float]) -> Cost:
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]
    return Cost(
        part=part,
        median=round(statistics.median(ordered), 4),
        mean=round(statistics.fmean(ordered), 4),
        p95=round(p95, 4),
    )
