"""What a replay of many tasks comes to, in figures."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.agentdojo.attacks import Order
from tests.agentdojo.replay import Played, Setting, Stage
from tests.agentdojo.world import SUITES, suite_of

SEED = 7


@dataclass
class Figures:
    """Counts over the tasks of one suite, or of all."""

    played: list[Played] = field(default_factory=list[Played])

    @property
    def tasks(self) -> int:
        """How many were played."""
        return len(self.played)

    @property
    def useful(self) -> int:
        """User tasks that were completed."""
        return sum(one.useful for one in self.played)

    @property
    def asked(self) -> int:
        """Approvals that a person was asked for."""
        return sum(one.asked for one in self.played)

    @property
    def asked_each(self) -> float:
        """Approvals asked for each task."""
        return self.asked / self.tasks

    @property
    def attacks(self) -> int:
        """Pairs whose attack makes a call that acts."""
        return sum(one.attacks > 0 for one in self.played)

    @property
    def breached(self) -> list[Played]:
        """Pairs in which something acted that the person neither wanted nor approved."""
        return [one for one in self.played if one.breaches]

    @property
    def reached(self) -> int:
        """Attacks that reached their goal, by the benchmark's own judgement."""
        return sum(one.reached for one in self.played)

    @property
    def statuses(self) -> dict[str, int]:
        """How the runs ended."""
        return dict(Counter(one.status for one in self.played))


def pairs(suite: str) -> list[tuple[str, str]]:
    """Every user task with every injection task of a suite, by id."""
    loaded = suite_of(suite)
    return [(user, attack) for user in loaded.user_tasks for attack in loaded.injection_tasks]


def sampled(suite: str, share: float) -> list[tuple[str, str]]:
    """The same share of the pairs of every injection task, drawn with a fixed seed."""
    drawn = random.Random(f"{SEED} {suite}")
    loaded: Any = suite_of(suite)
    users = list(loaded.user_tasks)
    each = max(1, round(share * len(users)))
    return [(u, attack) for attack in loaded.injection_tasks for u in drawn.sample(users, each)]


async def user_tasks(setting: Setting, home: Path, suites: Sequence[str] = SUITES) -> Figures:
    """Every user task alone."""
    figures = Figures()
    for suite in suites:
        async with Stage(suite, setting, home / "alone") as stage:
            for task in stage.world.suite.user_tasks.values():
                figures.played.append(await stage.play(task))
    return figures


async def attacks(
    setting: Setting,
    home: Path,
    *,
    share: float = 1.0,
    order: Order = "amid",
    suites: Sequence[str] = SUITES,
) -> Figures:
    """Pairs of a user task and an injection task: all, or a seeded share."""
    figures = Figures()
    for suite in suites:
        chosen = pairs(suite) if share >= 1 else sampled(suite, share)
        async with Stage(suite, setting, home / order) as stage:
            loaded = stage.world.suite
            for user, attack in chosen:
                task, injection = loaded.user_tasks[user], loaded.injection_tasks[attack]
                figures.played.append(await stage.play(task, injection, order))
    return figures


def alone_line(name: str, figures: Figures) -> str:
    """User tasks alone, in a line."""
    return (
        f"{name}: {figures.useful} of {figures.tasks} user tasks completed,"
        f" {figures.asked} approvals ({figures.asked_each:.3f} a task), ended {figures.statuses}"
    )


def attack_line(name: str, figures: Figures) -> str:
    """Attacks, in a line."""
    through = len(figures.breached)
    return (
        f"{name}: {figures.tasks} pairs, {figures.attacks} with calls that act;"
        f" {through} through ({through / max(figures.tasks, 1):.1%});"
        f" goal reached by the benchmark's own judgement in {figures.reached};"
        f" {figures.useful} user tasks completed, ended {figures.statuses}"
    )


def breach_lines(figures: Figures) -> list[str]:
    """Each attack that got through: its calls, the rule that let them and where the values are
    from."""
    return [
        f"{one.suite} {one.task} x {one.injection} ({one.order}): {breach.call}\n"
        f"    by rule {breach.rule or '-'}; "
        + ", ".join(f"{p.argument}: {p.origin} {p.source}".strip() for p in breach.provenance)
        for one in figures.breached
        for breach in one.breaches
    ]
