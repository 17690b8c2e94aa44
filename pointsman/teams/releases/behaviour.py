"""A team's behaviour as it is now: the parts that a release pins."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from pointsman.errors import InvalidRelease
from pointsman.guardrails.content import ContentFilter
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.gateway.cascade import Cascade, Tier
from pointsman.nodes.gateway.hedge import Hedge
from pointsman.nodes.specialist import AnyTool, Specialist
from pointsman.prompts.library import Prompt, PromptLibrary
from pointsman.teams.family import Nestable
from pointsman.teams.releases.form import code, form, parts_of, short
from pointsman.teams.releases.release import Parts, PinnedPrompt, PinnedTier
from pointsman.teams.settings import Settings
from pointsman.teams.spec import TeamSpec

_BOUNDS = (
    "max_hops", "max_rounds", "edge_limits", "max_seconds", "when_bound", "max_tasks",
    "max_parallel", "max_depth", "window", "budget", "budgets", "over_budget", "breaker", "limits",
    "memory", "blackboard", "reviewers", "no_route",
)  # fmt: skip
_ROUTER_EXTRAS = ("router/explain", "router/parts")


def behaviour(spec: TeamSpec, chains: Mapping[str, Tier]) -> Parts:
    """All that makes the team behave as it does now, with these models by tier. Teams inside it
    stand by their name only.

    Reads prompt files. Raises PromptError for one that cannot be used, InvalidRelease for one that
    is no UTF-8.
    """
    library = PromptLibrary((spec.prompts,) if spec.prompts else ())
    return Parts(
        prompts=_prompts(spec, library),
        models={tier: _tier(given) for tier, given in sorted(chains.items())},
        specialists={s.name: _specialist(s) for s in spec.specialists},
        tools={f"{s.name}.{t.name}": _tool(t) for s in spec.specialists for t in s.tools},
        guards=dict(_guards(spec)),
        transitions=dict(spec.transitions),
        router=parts_of(spec.router, leave={"why"}),
        policy={"version": spec.policy.version, "rules": short(form(spec.policy))},
        limits={name: short(form(getattr(spec, name))) for name in _BOUNDS},
    )


def chains_of(spec: TeamSpec, settings: Settings) -> Mapping[str, Tier]:
    """The models of each tier: the team's own, or those of the environment."""
    return spec.models or {"fast": settings.fast, "strong": settings.strong}


def with_models(given: Tier, pinned: PinnedTier) -> Tier:
    """A tier with the models of a release. Raises InvalidRelease where it was another kind."""
    if pinned == _tier(given):
        return given
    match given:
        case Cascade() if pinned.strong and len(pinned.models) == len(given.tries):
            tries = tuple(
                replace(one, model=m) for one, m in zip(given.tries, pinned.models, strict=True)
            )
            return replace(given, weak=tries, strong=pinned.strong)
        case Hedge() if pinned.how and not pinned.strong:
            return replace(given, models=pinned.models)
        case tuple() if not pinned.how and not pinned.strong:
            return pinned.models
        case _:
            raise InvalidRelease(
                "A tier of the release is of another kind than the team's own: a chain, a cascade"
                " and a hedge cannot stand in for each other.",
                hint="Run the code that the release was made of.",
            )


def _prompts(spec: TeamSpec, library: PromptLibrary) -> dict[str, PinnedPrompt]:
    noting = _Noting(library)
    for name in sorted(_names(spec)):
        noting.get(name)
    for specialist in spec.specialists:
        if specialist.does is not None:  # only it knows which prompts it reads
            specialist.does.node(specialist, team=spec.name, prompts=cast("PromptLibrary", noting))
    pinned: dict[str, PinnedPrompt] = {}
    for prompt in noting.read.values():
        pinned[prompt.name] = PinnedPrompt(version=prompt.version, text=_text(prompt.path))
        for part in prompt.partials:
            pinned[part.name] = PinnedPrompt(version=part.version, text=_text(part.path))
    return dict(sorted(pinned.items()))


def _names(spec: TeamSpec) -> Iterator[str]:
    """The prompts that every team may read."""
    yield from {spec.router.prompt, *_ROUTER_EXTRAS, "memory/summary", "specialist/repair"}
    yield from {s.prompt or "specialist/default" for s in spec.specialists if s.does is None}


@dataclass
class _Noting:
    """A library that remembers what was read from it."""

    library: PromptLibrary
    read: dict[str, Prompt] = field(default_factory=dict[str, Prompt])

    def get(self, name: str) -> Prompt:
        self.read[name] = self.library.get(name)
        return self.read[name]

    def has(self, name: str) -> bool:
        return self.library.has(name)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRelease(
            f"Prompt file {path} is not UTF-8.", hint="Save it as UTF-8 text."
        ) from error


def _tier(given: Tier) -> PinnedTier:
    match given:
        case Cascade():
            how = parts_of(given, leave={"weak", "strong"})
            how["tries"] = form([replace(one, model="") for one in given.tries])
            return PinnedTier(
                models=tuple(one.model for one in given.tries), strong=given.strong, how=how
            )
        case Hedge():
            return PinnedTier(
                models=given.models, how={"is": "Hedge", **parts_of(given, leave={"models"})}
            )
        case _:
            return PinnedTier(models=tuple(given))


def _specialist(specialist: Specialist) -> JsonObject:
    said = parts_of(specialist, leave={"name", "tools", "guards", "examples", "does", "shards"})
    if specialist.examples:
        listed = list(specialist.examples)
        said["examples"] = {"count": len(listed), "digest": digest(*listed)[:12]}
    if isinstance(specialist.does, Nestable):
        said["team"] = specialist.does.spec.name
    elif specialist.does is not None:
        said["does"] = short(form(specialist.does))
    return said


def _tool(tool: AnyTool) -> JsonObject:
    own = {"name", "description", "effect", "stakes", "args_model", "fn"}
    return {
        "effect": tool.effect,
        "stakes": tool.stakes,
        "description": tool.description,
        "schema": digest(tool.args_model.model_json_schema())[:12],
        **code(tool.fn),
        **parts_of(tool, leave=own),
    }


def _guards(spec: TeamSpec) -> Iterator[tuple[str, JsonObject]]:
    around = [("", guard) for guard in spec.guards]
    around += [(f"{s.name}.", guard) for s in spec.specialists for guard in s.guards]
    for number, (where, guard) in enumerate(around, start=1):
        name = getattr(guard, "name", type(guard).__name__)
        said = short(form(guard))
        told: JsonObject = said if isinstance(said, dict) else {"is": said}
        if isinstance(guard, ContentFilter):  # its own checks change with pointsman
            told["checks"] = form([f"{c.name}@{c.version}:{c.action}" for c in guard.all_checks])
        yield f"{where}{name}#{number}", told
