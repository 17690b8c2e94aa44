"""Prompts: that they are there, and that each placeholder has a value."""

from collections.abc import Iterator

from pointsman.errors import PromptError
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.check.finding import Finding, found
from pointsman.teams.spec import TeamSpec

DEFAULT = "specialist/default"


def prompts(spec: TeamSpec) -> Iterator[Finding]:
    """Faults of the router's prompt and of each specialist's."""
    library = PromptLibrary((spec.prompts,) if spec.prompts else ())
    router = (spec.router.prompt, frozenset({"specialists", "team"}), frozenset[str](), "router")
    own = [
        (
            s.prompt or DEFAULT,
            frozenset({"name", "handles", "team", *s.variables}),
            frozenset(s.variables),
            s.name,
        )
        for s in spec.specialists
        if s.does is None
    ]
    for name, given, extra, place in (router, *own):
        try:
            prompt = library.get(name)
        except PromptError as error:
            yield found("prompt", place, error.message, error.hint or "Mend the file.")
            continue
        for variable in sorted(set(prompt.required) - given):
            yield found(
                "prompt-variable",
                place,
                f"Prompt {name!r} wants a value for {variable!r}.",
                f"Give it: variables={{{variable!r}: …}}.",
            )
        for variable in sorted(extra - set(prompt.variables)):
            yield found(
                "variable-unused",
                place,
                f"Prompt {name!r} has no place for {variable!r}.",
                "Write it into the prompt, or take it out of `variables`.",
            )
