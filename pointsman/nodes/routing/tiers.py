"""RouterNode: asks the tiers from cheap to dear until one decides."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pointsman.errors import BadOutput, Retryable
from pointsman.nodes.event import Abstention, Tier
from pointsman.nodes.message import Request
from pointsman.nodes.routing.classifier import (
    Classifier,
    GetClassifier,
    Unfitted,
    Verdict,
    by_classifier,
    verdict_on,
)
from pointsman.nodes.routing.modelled import ModelTier
from pointsman.nodes.routing.parts import parts, pieces
from pointsman.nodes.routing.router import Route, Router, Undecided
from pointsman.nodes.routing.rules import Rule, first_match
from pointsman.nodes.routing.sticky import stay
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import Specialist
from pointsman.prompts.library import PromptLibrary

HALF = 0.5
"""From this probability on, a piece that is another's keeps the classifier from deciding alone."""


@dataclass(slots=True)
class _Case:
    """One message on its way through the tiers."""

    request: Request
    run: Run
    cut: tuple[str, ...]
    """Its pieces, where the router splits; else none."""
    verdict: Verdict | Unfitted | None = None
    """The classifier's, once it was asked."""
    owned: dict[str, Verdict] = field(default_factory=dict[str, Verdict])
    """The classifier's verdict on each piece."""


class RouterNode:
    """Decides where a request goes among the team's specialists."""

    def __init__(
        self,
        router: Router,
        specialists: Sequence[Specialist],
        *,
        team: str,
        prompts: PromptLibrary,
        classifier: GetClassifier | None = None,
    ) -> None:
        self._router = router
        self._names = tuple(s.name for s in specialists)
        self._model = ModelTier(router, specialists, team=team, prompts=prompts)
        self._classifier = classifier

    async def decide(self, request: Request, run: Run) -> Route:
        """The route for a request: what a tier decides, else a person or `otherwise`.

        Raises what the gateway raises and BadOutput for a choice that was not offered, where there
        is neither; and Misconfigured for a file of a classifier that cannot be used.
        """
        route = await self.by_tiers(request, run)
        if route.to:
            return route
        if self._router.ask_person and not route.settled:
            return replace(route, tier="person", ask=True)
        if self._router.otherwise:
            return replace(route, to=self._router.otherwise, tier="rules")
        return route

    async def by_tiers(self, request: Request, run: Run, *, ask_model: bool = True) -> Route:
        """What the tiers decide, whatever follows where they do not. Raises as `decide` does.

        Without `ask_model` it stops before the model.
        """
        case = _Case(request, run, pieces(request.text) if self._router.split else ())
        split = await self._split(case)
        if split is not None:
            return split
        abstained: list[Abstention] = []
        last = Undecided("")
        steps = {
            "rules": self._by_rules,
            "sticky": self._by_thread,
            "classifier": self._by_examples,
        }
        for tier, decide in steps.items():
            found = await decide(case)
            if isinstance(found, Route):
                return found.after(tuple(abstained))
            abstained.append(_abstention(tier, found))
            last = found if found.probabilities or not last.probabilities else last
        asked = await self._by_model(case) if ask_model else Undecided("it was not asked")
        if isinstance(asked, Route):
            return asked.after(tuple(abstained))
        abstained.append(_abstention("model", asked))
        seen = asked if asked.probabilities or asked.confidence is not None else last
        return Route(
            "", "none", seen.confidence, asked.reason, probabilities=seen.probabilities,
            abstained=tuple(abstained), usd=asked.usd, calls=asked.calls,
        )  # fmt: skip

    async def _by_rules(self, case: _Case) -> Route | Undecided:
        found = first_match(self._router.rules, case.request)
        if isinstance(found, Rule):
            return Route(found.to, "rules", 1.0, f"rule {found.name}")
        if len(self._names) == 1 and not self._router.out_of_scope:
            return Route(self._names[0], "rules", 1.0, "the only specialist")
        return Undecided(found)

    async def _by_thread(self, case: _Case) -> Route | Undecided:
        previous = case.run.previous
        if not self._router.sticky:
            return Undecided("it is switched off")
        if previous not in self._names or not case.request.history:
            return Undecided("nobody of the team answered in this thread before")
        verdict = await self._look(case)
        known = None if isinstance(verdict, Unfitted) else verdict
        if known is not None and known.to == previous and await self._other(case, known):
            return Undecided("it may hold another's request")
        return stay(case.request.text, previous, self._router, known)

    async def _by_examples(self, case: _Case) -> Route | Undecided:
        verdict = await self._look(case)
        if isinstance(verdict, Unfitted):
            return Undecided(verdict.reason)
        other = await self._other(case, verdict)
        if other:
            return Undecided(
                f"it may hold a request for {other} too", verdict.seen.probability, verdict.chances
            )
        return by_classifier(verdict, refuses=bool(self._router.out_of_scope))

    async def _by_model(self, case: _Case) -> Route | Undecided:
        somewhere = self._router.ask_person or self._router.otherwise
        try:
            return await self._model.choose(case.request, case.cut, case.run)
        except (Retryable, BadOutput) as error:
            if not somewhere:
                raise
            return Undecided(f"{type(error).__name__}: no model gave a usable answer")

    async def _split(self, case: _Case) -> Route | None:
        """The parts of a message of which rules or the classifier know the owner of every piece."""
        if len(case.cut) < 2:
            return None
        owners: list[str] = []
        tiers: set[Tier] = set()
        for piece in case.cut:
            rule = first_match(self._router.rules, case.request.model_copy(update={"text": piece}))
            if isinstance(rule, Rule):
                owners.append(rule.to)
                tiers.add("rules")
                continue
            verdict = await self._look_at(case, piece)
            if verdict is None or not verdict.to:
                return None
            owners.append(verdict.to)
            tiers.add("classifier")
        found = parts(case.cut, owners)
        if not found:
            return None
        tier: Tier = "classifier" if "classifier" in tiers else "rules"
        return Route(found[0].to, tier, None, f"{len(found)} requests in one", parts=found)

    async def _other(self, case: _Case, whole: Verdict) -> str:
        """Whose request a piece may be, other than the one the whole message is given to."""
        for piece in case.cut if len(case.cut) > 1 else ():
            verdict = await self._look_at(case, piece)
            seen = verdict.seen if verdict else None
            if seen and seen.label != whole.seen.label and seen.probability >= HALF:
                return seen.label
        return ""

    async def _look(self, case: _Case) -> Verdict | Unfitted:
        if case.verdict is None:
            classifier = await self._fitted()
            case.verdict = (
                classifier
                if isinstance(classifier, Unfitted)
                else await verdict_on(case.request.text, classifier)
            )
        return case.verdict

    async def _look_at(self, case: _Case, piece: str) -> Verdict | None:
        if piece not in case.owned:
            classifier = await self._fitted()
            if isinstance(classifier, Unfitted):
                return None
            case.owned[piece] = await verdict_on(piece, classifier)
        return case.owned[piece]

    async def _fitted(self) -> Classifier | Unfitted:
        if self._classifier is None:
            return Unfitted("there is none")
        return await self._classifier()


def _abstention(tier: str, why: Undecided) -> Abstention:
    return Abstention.model_validate({"tier": tier, "reason": why.reason})
