"""Tools: their names, and who may have them."""

from collections import Counter
from collections.abc import Iterator

from pointsman.nodes.gateway.cascade import Cascade
from pointsman.nodes.gateway.hedge import Hedge
from pointsman.nodes.handoff import HANDOFF
from pointsman.teams.check.finding import Finding, found
from pointsman.teams.spec import TeamSpec


def tools(spec: TeamSpec) -> Iterator[Finding]:
    """Faults of each specialist's tools, and of the tier that would call them."""
    for s in spec.specialists:
        for name, count in Counter(t.name for t in s.tools).items():
            if count > 1:
                yield found(
                    "tool-twice",
                    s.name,
                    f"{count} tools are named {name!r}.",
                    "Rename all but one: tool(name=…).",
                )
            if name.startswith(HANDOFF):
                yield found(
                    "tool-reserved", s.name, f"{name!r} reads as a hand-off.", "Rename the tool."
                )
        for tool in s.tools:
            if tool.effect == "read" and tool.reveals and tool.egress:
                yield found(
                    "reveals-outside",
                    f"{s.name}.{tool.name}",
                    f"It gets the values of {', '.join(tool.reveals)} and leaves the machine.",
                    "Take `reveals` away, or make it a write, which is proposed first.",
                )
        tier = (spec.models or {}).get(s.tier)
        writes = any(t.effect == "write" for t in s.tools)
        if writes and isinstance(tier, Cascade) and not tier.writes:
            yield found(
                "cascade-writes",
                s.name,
                f"It has tools that write, and its tier {s.tier!r} lets cheap models answer first.",
                "Give it another tier, or say so: Cascade(..., writes=True).",
            )
        if writes and isinstance(tier, Hedge) and tier.weakens and not tier.writes:
            yield found(
                "hedge-writes",
                s.name,
                f"It has tools that write, and on its tier {s.tier!r} {tier.beside} answers where"
                f" {tier.models[0]} is only slow.",
                "Hedge with the same model, Hedge((model,)), or say so: Hedge(..., writes=True).",
            )
