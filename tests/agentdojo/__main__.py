"""AgentDojo through pointsman's tool door, printed.

    python -m tests.agentdojo [SETTING ...] [--order amid] [--share 0.1] [--suite slack]

Plays every user task alone, then the pairs with a hijacked model, under each setting (see
`replay.SETTINGS`; all of them when none is named), and prints each attack that got through.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import get_args

from tests.agentdojo.attacks import Order
from tests.agentdojo.figures import (
    Figures,
    alone_line,
    attack_line,
    attacks,
    breach_lines,
    user_tasks,
)
from tests.agentdojo.replay import SETTINGS
from tests.agentdojo.world import SUITES


async def _show(name: str, options: argparse.Namespace) -> None:
    suites = options.suite or SUITES
    setting = SETTINGS[name]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        alone = await user_tasks(setting, home, suites)
        _say(alone_line(f"{name} alone", alone))
        if options.asks:
            for one in alone.played:
                _say(f"  {one.suite} {one.task}: {one.asked} of {one.wanted}")
        for order in options.order or ["amid"]:
            share = options.share
            under = Figures()
            for suite in suites:
                some = await attacks(setting, home, share=share, order=order, suites=(suite,))
                _say("  " + attack_line(f"{name} {order} {suite}", some))
                under.played += some.played
            _say(attack_line(f"{name} {order}", under))
            if not options.quiet:
                for line in breach_lines(under):
                    _say(f"  {line}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.agentdojo", description=__doc__)
    parser.add_argument("setting", nargs="*", choices=[*SETTINGS, []], help="default: all")
    parser.add_argument("--order", action="append", choices=get_args(Order))
    parser.add_argument("--suite", action="append", choices=SUITES)
    parser.add_argument("--share", type=float, default=1.0, help="of the pairs; seeded")
    parser.add_argument("--asks", action="store_true", help="approvals of each user task")
    parser.add_argument("--quiet", action="store_true", help="no line for each attack")
    options = parser.parse_args()
    for name in options.setting or SETTINGS:
        asyncio.run(_show(name, options))


if __name__ == "__main__":
    main()
