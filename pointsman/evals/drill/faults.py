"""Faults: their kinds, and the plan that says which call is struck by which.

A plan is a function of (seed, kind, site, number) and of nothing else: neither the clock nor the
order in which tasks happen to run changes it. Whether a call is struck is one hash; which kind
strikes is the least of one hash a kind (D. Thaler, C. Ravishankar, "Using name-based mappings to
increase hit rates", 1998), so that leaving one kind out moves no fault of the others that stand.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, ValidationError

from pointsman.errors import BadInput, StoreError
from pointsman.nodes.message import Frozen

Level = Literal["transport", "tool", "message", "process", "specialist", "store"]
Kind = Literal[
    "latency",
    "429",
    "500",
    "timeout",
    "malformed",
    "tool-error",
    "tool-timeout",
    "tool-late",
    "duplicate",
    "crash",
    "kill-specialist",
    "slow-store",
]
PLAN_SCHEMA = "pointsman.drillplan@1"


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind of fault: where it strikes, and what happens there."""

    name: Kind
    level: Level
    says: str


KINDS: tuple[FaultKind, ...] = (
    FaultKind("latency", "transport", "the model answers late"),
    FaultKind("429", "transport", "the provider answers 429 with Retry-After"),
    FaultKind("500", "transport", "the provider answers 500"),
    FaultKind("timeout", "transport", "the model gives no answer in time"),
    FaultKind("malformed", "transport", "the model's answer is cut off or calls no tool there is"),
    FaultKind("tool-error", "tool", "a tool raises before it acts"),
    FaultKind("tool-timeout", "tool", "a tool hangs and has not acted"),
    FaultKind("tool-late", "tool", "a tool acts, and its answer is lost"),
    FaultKind("duplicate", "message", "a message comes twice at once, and again when it is done"),
    FaultKind("crash", "process", "the process is killed, and the message comes again"),
    FaultKind("kill-specialist", "specialist", "a specialist fails for some visits"),
    FaultKind("slow-store", "store", "another process holds the store while it is needed"),
)
LEVEL: dict[Kind, Level] = {kind.name: kind.level for kind in KINDS}
ALL: tuple[Kind, ...] = tuple(kind.name for kind in KINDS)


class Spot(Frozen):
    """Where a fault strikes: the `number`-th time (from 0) that this site is passed."""

    kind: Kind
    site: str
    """`case/level/place`, e.g. `m01/tool/refund 3f2a91c0`."""
    number: int = Field(ge=0)
    draw: float = Field(default=0.0, ge=0, lt=1)
    """What decides between the forms that a fault has, e.g. for how many visits."""


class Plan(Frozen):
    """Which calls are struck. With `spots`, exactly those; else `rate` of the calls at each level,
    by `kinds` in equal shares."""

    schema_version: Literal["pointsman.drillplan@1"] = PLAN_SCHEMA
    seed: int = 0
    rate: float = Field(default=0.1, ge=0, le=1)
    kinds: tuple[Kind, ...] = ALL
    seconds: float = Field(default=0.2, gt=0, le=60, allow_inf_nan=False)
    """How long what is slow takes: an answer that is late, a call that hangs, a store that is
    held. Short, so that a drill is; what follows a time-out does not depend on it."""
    spots: tuple[Spot, ...] | None = None

    def spot(self, level: Level, site: str, number: int) -> Spot | None:
        """What strikes this call; None for nothing. `level` bounds which kinds may."""
        kinds: tuple[Kind, ...] = tuple(k for k in self.kinds if LEVEL[k] == level)
        if self.spots is not None:
            here = (s for s in self.spots if (s.site, s.number) == (site, number))
            return next((s for s in here if LEVEL[s.kind] == level), None)
        if not kinds or _unit(self.seed, level, site, number) >= self.rate:
            return None
        drawn: list[tuple[float, Kind]] = [
            (_unit(self.seed, kind, site, number), kind) for kind in kinds
        ]
        _, kind = min(drawn)
        draw = _unit(self.seed, kind, site, number, "form")
        return Spot(kind=kind, site=site, number=number, draw=draw)

    def crash(self, case: str, nth: int, points: int) -> int | None:
        """At which of its `points` the process that works on this case is killed for the `nth` time
        (from 0); None: it is not."""
        if self.spots is not None:
            own = (s for s in self.spots if s.site.startswith(f"{case}/process/"))
            killed = [spot.number for spot in own if spot.kind == "crash"]
            return killed[nth] if nth < len(killed) else None
        spot = self.spot("process", f"{case}/process/start", nth)
        return None if spot is None or not points else int(spot.draw * points)

    def calm(self) -> "Plan":
        """The same plan with no fault."""
        return self.model_copy(update={"kinds": (), "spots": None})

    def exactly(self, spots: Iterable[Spot]) -> "Plan":
        """The plan that strikes where this one did, and nowhere else."""
        return self.model_copy(update={"spots": tuple(spots)})

    def write(self, path: Path) -> None:
        """Write it as JSON, to be replayed."""
        path.write_text(self.model_dump_json(indent=2) + "\n", "utf-8")

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Read what `write` wrote. Raises BadInput naming the file and the field."""
        try:
            return cls.model_validate_json(path.read_text("utf-8"))
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in fault["loc"]) or "file"
            raise BadInput(
                f"{path} is no plan of a drill: {where}: {fault['msg']}.",
                hint="`pointsman drill --save-plan FILE` writes one.",
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"The plan {path} cannot be read: {error}.") from error


def kinds_of(names: Sequence[str]) -> tuple[Kind, ...]:
    """Kinds by name; `all` is all of them. Raises BadInput naming those there are."""
    wanted: dict[Kind, None] = {}
    for name in (part.strip() for given in names for part in given.split(",")):
        found = ALL if name == "all" else tuple(k for k in get_args(Kind) if k == name)
        if name and not found:
            raise BadInput(
                f"There is no fault {name!r}.", hint=f"There are: all, {', '.join(ALL)}."
            )
        wanted |= dict.fromkeys(found)
    if not wanted:
        raise BadInput("No fault was named.", hint=f"There are: all, {', '.join(ALL)}.")
    return tuple(wanted)


def without(kinds: Sequence[Kind], kind: Kind) -> tuple[Kind, ...]:
    """The kinds but for this one."""
    return tuple(one for one in kinds if one != kind)


def fresh_folder(folder: Path) -> Path:
    """The folder, made. Raises StoreError where that cannot be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"The folder {folder} of a drill cannot be made: {error}.") from error
    return folder


def _unit(*parts: object) -> float:
    """A number in [0, 1) that is a function of the parts: 53 bits of their SHA-256."""
    text = "\x1f".join(str(part) for part in parts)
    return (int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 11) / 2**53
