"""`python -m pointsman.evals.drill.worker MODULE:ATTR`: a process of a drill, which may be killed.

Reads an `Order` from its standard input. ATTR is a Team, or a function without arguments that makes
one.
"""

import asyncio
import sys
from importlib import import_module

from pointsman.errors import Misconfigured
from pointsman.evals.drill.process import Order, serve
from pointsman.teams.team import Team


def team_named(name: str) -> Team:
    """The team of that `module:attr`. Raises Misconfigured where it is none."""
    module, _, attr = name.partition(":")
    found: object = getattr(import_module(module), attr, None)
    made: object = found() if callable(found) and not isinstance(found, Team) else found
    if not isinstance(made, Team):
        raise Misconfigured(f"{name} is no Team, and no function that makes one.")
    return made


def main() -> None:
    """Carry out the order on the standard input."""
    order = Order.model_validate_json(sys.stdin.buffer.read())
    asyncio.run(serve(team_named(sys.argv[1]), order))


if __name__ == "__main__":
    main()
