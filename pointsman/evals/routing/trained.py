"""A router over the labels of a file: the classifier alone, with no team and no model."""

from collections.abc import Mapping, Sequence

from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import Request
from pointsman.nodes.routing.classifier import Classifier
from pointsman.nodes.routing.fit import fit
from pointsman.nodes.routing.router import Route, Router
from pointsman.nodes.routing.threshold import Costs
from pointsman.nodes.routing.tiers import RouterNode
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import Specialist
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.deciding import Decide


def trained(
    examples: Mapping[str, Sequence[str]], out_of_scope: Sequence[str], costs: Costs
) -> Decide:
    """Decides by a classifier fitted on these. Raises what `fit` raises."""
    return alone(
        fit(examples, out_of_scope, costs=costs), tuple(examples), refuses=bool(out_of_scope)
    )


def alone(classifier: Classifier, names: Sequence[str], *, refuses: bool) -> Decide:
    """Decides by this classifier; `refuses` lets it call a text nobody's."""

    async def given() -> Classifier:
        return classifier

    router = Router(sticky=False, out_of_scope=("-",) if refuses else ())
    specialists = [Specialist(name, handles=name) for name in names]
    node = RouterNode(router, specialists, team="-", prompts=PromptLibrary(), classifier=given)
    gateway = ModelGateway(chains={}, transports=Transports(), journal=MemoryJournal())
    run = Run(
        id="-", team="-", thread="-", tenant="default", gateway=gateway, emit=lambda _event: None
    )

    async def decide(text: str) -> Route:
        return await node.by_tiers(Request(text=text), run, ask_model=False)

    return decide
