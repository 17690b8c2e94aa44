"""Work: what a specialist does in place of its own tool loop: a plan, a panel, a whole team."""

from typing import TYPE_CHECKING, Protocol

from pointsman.nodes.node import Node
from pointsman.prompts.library import PromptLibrary

if TYPE_CHECKING:
    from pointsman.nodes.specialist import Specialist


class Work(Protocol):
    """Makes the node of the specialist that `does` it. All guards of the specialist stand around
    that node."""

    def node(self, specialist: "Specialist", *, team: str, prompts: PromptLibrary) -> Node:
        """The node: on a Request and on Delivered it answers, delegates or escalates.

        Raises PromptError for a prompt that is missing, Misconfigured for a part that does not fit.
        """
        ...

    def reaches(self) -> tuple[str, ...]:
        """Names of the specialists it gives tasks to, for the check; each once."""
        ...
