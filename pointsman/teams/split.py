"""A message that the router split, as tasks in the person's own words."""

from dataclasses import replace

from pointsman.nodes.message import Delegation, Request, Task
from pointsman.nodes.routing.parts import Part, pieces
from pointsman.nodes.routing.router import Route


def in_own_words(route: Route, masked: str, text: str) -> Route:
    """The route with its parts cut from `text`; the router saw it `masked`. Without parts where the
    two do not fall into pieces alike: it then goes to one specialist as a whole."""
    if not route.parts or masked == text:
        return route
    seen, own = pieces(masked), pieces(text)
    if len(seen) != len(own):
        return replace(route, parts=())
    words: dict[str, list[str]] = {part.to: [] for part in route.parts}
    left = {part.to: part.text for part in route.parts}
    for masked_piece, piece in zip(seen, own, strict=True):
        to = next((name for name, rest in left.items() if rest.startswith(masked_piece)), None)
        if to is None:
            return replace(route, parts=())
        left[to] = left[to][len(masked_piece) :].lstrip()
        words[to].append(piece)
    return replace(route, parts=tuple(Part(to, " ".join(said)) for to, said in words.items()))


def in_tasks(route: Route, request: Request) -> Delegation:
    """One task for each part."""
    tasks = tuple(
        Task(id=f"part-{n}", to=part.to, text=part.text)
        for n, part in enumerate(route.parts, start=1)
    )
    return Delegation(of="parts", request=request, tasks=tasks)
