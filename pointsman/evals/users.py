"""Simulated users: what a person with a goal says next, in a model's words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pointsman.evals.suite import UserSpec
from pointsman.evals.trial import Trial
from pointsman.nodes.event import Event, ModelCalled
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.message import Turn
from pointsman.nodes.run import Budget, Run
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.result import Result
from pointsman.teams.services import Services

if TYPE_CHECKING:
    from pointsman.evals.tap import Heard

STOP = "[DONE]"
"""What the model says when the user has what they wanted, or gives up."""
MAX_TOKENS = 200


async def next_message(
    services: Services,
    trial: Trial,
    spec: UserSpec,
    said: Sequence[str],
    results: Sequence[Result],
    heard: "Heard",
) -> str | None:
    """The user's next message; None when they stop. Asked through the team's gateway, journalled
    like any call, and counted apart from what the team costs.

    Raises what the gateway raises: a user who cannot speak is the sample's error.
    """
    prompt = PromptLibrary().get("evals/user")
    told = {"goal": trial.case.goal, "style": spec.style or "Plain and short."}
    turns = [Turn(role="system", content=prompt.render(told))]
    for text, result in zip(said, results, strict=True):
        # Seen from the user's side, the team is who speaks to them.
        turns += [
            Turn(role="assistant", content=text),
            Turn(role="user", content=result.answer or result.status),
        ]
    spent: list[Event] = []
    run = Run(
        id=f"user-{trial.key}", team=services.spec.name, thread=trial.thread,
        tenant=trial.case.tenant, gateway=services.gateway, emit=spent.append,
        step=f"user:{len(said)}", budget=Budget(), clock=services.clock,
    )  # fmt: skip
    asked = ModelRequest(
        turns=tuple(turns), max_tokens=MAX_TOKENS, purpose="user", tier=spec.tier,
        prompt_version=f"{prompt.name}@{prompt.version}",
    )  # fmt: skip
    reply = await services.gateway.complete(asked, run)
    await services.gateway.settle(run, keep=False)
    for event in spent:
        if isinstance(event, ModelCalled) and event.source == "model":
            known = heard.eval_usd is not None and event.usd is not None
            heard.eval_usd = (heard.eval_usd or 0.0) + (event.usd or 0.0) if known else None
    text = reply.text.strip()
    return None if not text or STOP in text else text
