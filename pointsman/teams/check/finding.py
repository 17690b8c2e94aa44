"""A finding of the static check, and what each rule says and weighs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: the rule's id, where, what, and how to mend it. An error stops the build."""

    rule: str
    place: str
    message: str
    fix: str
    severity: Severity = "error"

    def __str__(self) -> str:
        return f"{self.place}: {self.message} {self.fix} [{self.rule}]"


def found(rule: str, place: str, message: str, fix: str) -> Finding:
    """The finding of a rule, with the rule's severity. Raises KeyError for a rule there is not."""
    return Finding(rule, place, message, fix, RULES[rule][0])


RULES: Mapping[str, tuple[Severity, str]] = {
    # names
    "team-empty": ("error", "The team has no specialist."),
    "name-forbidden": ("error", "A name is empty, or holds a bar or a colon."),
    "name-twice": ("error", "Two specialists have one name."),
    "name-reserved": ("error", "A specialist has the name of a step, or of LangGraph's own."),
    # transition table
    "transition-from-nobody": ("error", "The table has a row for nobody."),
    "transition-to-nobody": ("error", "A row leads to nobody."),
    "transition-to-self": ("error", "A specialist hands off to itself."),
    "hand-off-past-table": ("error", "`hands_off_to` names what its row does not hold."),
    "unreachable": ("error", "Nobody can route, hand off or give a task to it."),
    "cycle-unbounded": ("warning", "A cycle of hand-offs that only `max_hops` ends."),
    "edge-limit-nowhere": ("error", "`edge_limits` bounds a transition the table does not hold."),
    "last-word-nobody": ("error", "`when_bound` names nobody."),
    # router
    "rule-to-nobody": ("error", "A router rule names nobody."),
    "rule-twice": ("warning", "An earlier router rule has the same conditions."),
    "route-past-table": ("error", "A router rule leads past the row of `route`."),
    "otherwise-nobody": ("error", "`otherwise` names nobody."),
    "no-handles": ("error", "A specialist does not say what it handles."),
    "handles-twice": ("warning", "Two specialists say that they handle the same."),
    "example-twice": ("warning", "One message is an example of two specialists."),
    "overlap": ("warning", "Two specialists' examples are often taken for each other's."),
    # contracts
    "no-schema": ("error", "A model has no JSON Schema."),
    "edge-text": ("error", "Text is given to one that takes a model."),
    "edge-missing": ("error", "A field that the next one needs is not in what this one gives."),
    "edge-type": ("error", "A field is given in a type that the next one does not take."),
    "edge-unknown": ("error", "A field is given that the next one forbids."),
    "edge-narrower": ("warning", "The next one takes only some of the values that may be given."),
    # tools
    "tool-twice": ("error", "Two tools of a specialist have one name."),
    "tool-reserved": ("error", "A tool's name reads as a hand-off."),
    "tool-outlasts": ("warning", "A read may take longer than the visit that calls it."),
    "cascade-writes": ("error", "Cheap models would answer first for one that writes."),
    "hedge-writes": ("error", "Another model would answer for one that writes and is only slow."),
    "reveals-outside": ("warning", "A read that gets personal data leaves the machine."),
    # resources
    "owned-twice": ("error", "Two specialists own one resource."),
    "write-unowned": ("error", "A tool changes what another specialist owns."),
    "writes-by-read": ("error", "A tool declared a read names resources it changes."),
    "parallel-writes": ("error", "Branches that run side by side can both change one resource."),
    "parallel-tools": ("warning", "Such branches have one write tool that names no resource."),
    "parallel-entry": ("warning", "Such branches may write one entry of the blackboard."),
    "entry-of-nobody": ("error", "An entry of the blackboard names nobody."),
    # policy, people
    "high-stakes-unruled": ("warning", "No rule of the policy speaks of a high-stakes tool."),
    "allow-in-vain": ("warning", "A rule allows only what asks whatever the rules say."),
    "policy-of-nobody": ("warning", "A policy rule names a tool or specialist there is not."),
    "group-empty": ("error", "A group of reviewers is empty."),
    "too-few-reviewers": ("error", "More approvals are wanted than there are reviewers."),
    "never-escalates": ("warning", "Somebody is asked next, and nobody has a time."),
    # bounds
    "bound": ("error", "A bound lets nothing through."),
    "no-time-out": ("warning", "A visit or a tool may take for ever."),
    "no-budget": ("warning", "Nothing bounds what a run may spend."),
    "no-fallback": ("warning", "Nothing answers where the model fails."),
    "quota-twice": ("error", "Two rate limits are equal."),
    "budget-twice": ("error", "Two shared budgets count alike."),
    "limit-of-nobody": ("warning", "A limit or budget is for a specialist or tool there is not."),
    # prompts
    "prompt": ("error", "A prompt is missing or cannot be used."),
    "prompt-variable": ("error", "A prompt wants a value that nobody gives."),
    "variable-unused": ("warning", "A value is given that the prompt does not use."),
    # work given to others
    "work-to-nobody": ("error", "A plan or panel names nobody."),
    "work-misfit": ("error", "A plan, a panel or a team cannot be made as it is given."),
    "member-differs": (
        "warning",
        "A member is not the team's specialist of its name.",
    ),
    "work-in-circle": ("error", "Work given on comes back to who gave it."),
    "work-and-tools": (
        "warning",
        "It gives its work to others, so its own tools serve for nothing.",
    ),
    "too-many-tasks": ("error", "A plan or panel may give more tasks than `max_tasks`."),
    "too-deep": ("error", "Work is given on more often than `max_depth` lets it."),
    "join-waits": ("warning", "A join may wait for ever for a person."),
    "nested-twin": ("error", "A team inside another has the same name."),
}
"""Rule -> severity, what it finds. `docs/check.md` has the same table, by subject."""
