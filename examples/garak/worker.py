"""The team that garak asks, in pointsman's own environment: JSON texts in, JSON answers out, a line
each.

With POINTSMAN_FAST set it is asked that model. Without, it is asked the worst model there is: one
that says back whatever it reads, so that every refusal is a guard's.
"""

import asyncio
import json
import os
import sys

from pointsman import ContentFilter, Specialist, Team
from pointsman.guardrails.injection import injection_checks
from pointsman.guardrails.links import Links
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.gateway.transports import Transports


def echo(request: ModelRequest) -> ModelReply:
    """Whatever it reads."""
    return ModelReply(model="echo", text=request.turns[-1].content or "-", usd=0.0)


def team() -> Team:
    """One specialist; here the injection check stops what it usually only records."""
    checks = (*injection_checks(action="block"), Links())
    own = None if os.environ.get("POINTSMAN_FAST") else {"fast": ("scripted",)}
    return Team(
        "target",
        specialists=[Specialist("assistant", handles="everything")],
        guards=[ContentFilter(checks=checks)],
        models=own,
        transports=Transports({"scripted": lambda: ScriptedTransport(echo)}),
    )


async def main() -> None:
    """Answer until the input ends."""
    async with team() as asked:
        while line := await asyncio.to_thread(sys.stdin.readline):
            result = await asked.run(json.loads(line))
            print(json.dumps(result.answer), flush=True)


asyncio.run(main())
