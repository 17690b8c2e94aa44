"""`pointsman`: the command line. Every command's code is loaded only when it is called."""

import logging
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from pointsman.views.cli.exits import leave, report
from pointsman.views.cli.lazy import LazyGroup
from pointsman.views.cli.project import Project

_RUNS = "pointsman.views.cli.runs"
_DECISIONS = "pointsman.views.cli.decisions"
_GRANTS = "pointsman.views.cli.grants"
_TEAM = "pointsman.views.cli.inspection"
_COMMANDS = {
    "new": ("pointsman.views.cli.new", "new", "Start a project: a working team with its tests."),
    "run": (_RUNS, "run", "Run one message, or a file of them, through the team."),
    "chat": (_RUNS, "chat", "Talk with the team, one thread long."),
    "resume": (_RUNS, "resume", "Go on with a run that was interrupted."),
    "cancel": (_RUNS, "cancel", "Cancel a run and its open tickets."),
    "approvals": (_DECISIONS, "approvals", "List what waits for a person."),
    "approve": (_DECISIONS, "approve", "Approve a ticket and continue its run."),
    "edit": (_DECISIONS, "edit", "Approve a ticket with other arguments."),
    "reject": (_DECISIONS, "reject", "Reject a ticket, with a reason."),
    "respond": (_DECISIONS, "respond", "Answer yourself instead of the action."),
    "escalate": (_DECISIONS, "escalate", "Pass a ticket to another reviewer."),
    "grant": (_GRANTS, "grant", "Approve in advance what a ticket asks for."),
    "grants": (_GRANTS, "grants", "List the grants."),
    "revoke": (_GRANTS, "revoke", "End a grant."),
    "audit": ("pointsman.views.cli.audit", "audit", "Verify and export the log of decisions."),
    "dead": ("pointsman.views.cli.dead", "dead", "Work that failed for good: redrive it, drop it."),
    "board": (
        "pointsman.views.cli.blackboard",
        "board",
        "Look at what specialists share, and write it.",
    ),
    "overview": (
        "pointsman.views.cli.overview",
        "overview",
        "Show how the team does: open work, spend, pace.",
    ),
    "runs": ("pointsman.views.cli.runlist", "runs", "List the runs on record, and search them."),
    "console": (
        "pointsman.views.cli.console",
        "console",
        "A web page: watch runs live, decide tickets.",
    ),
    "show": (_TEAM, "show", "Show what happened in a run, step by step."),
    "replay": (
        "pointsman.views.cli.replay",
        "replay",
        "Play a run again, offline: what differs now?",
    ),
    "fork": ("pointsman.views.cli.fork", "fork", "Try a run another way from a step on."),
    "export": ("pointsman.views.cli.export", "export", "Write a run as one HTML file, or JSON."),
    "check": ("pointsman.views.cli.check", "check", "Check the team: every fault, with its fix."),
    "doc": ("pointsman.views.cli.doc", "doc", "Write the team's design page and its schemas."),
    "graph": (_TEAM, "graph", "Draw the team: Mermaid, SVG or PNG."),
    "release": (
        "pointsman.views.cli.release",
        "release",
        "Pin the team's behaviour, promote it, take it back.",
    ),
    "prompts": ("pointsman.views.cli.prompts", "prompts", "List, render, lint and test prompts."),
    "route": ("pointsman.views.cli.route", "route", "Explain one route, or measure the router."),
    "guards": ("pointsman.views.cli.guards", "guards", "Measure what guards find, on files."),
    "eval": ("pointsman.views.cli.evals.group", "group", "Run suites, compare runs, gate them."),
    "calibrate": (
        "pointsman.views.cli.calibrate",
        "calibrate",
        "Fit which requests are worth the strong model.",
    ),
    "drill": ("pointsman.views.cli.drill", "drill", "Run a suite under injected faults."),
    "costs": ("pointsman.views.cli.costs", "costs", "Add up what runs cost and saved."),
    "serve": ("pointsman.views.cli.serve", "serve", "Serve the HTTP API, and the console."),
    "token": ("pointsman.views.cli.token", "token", "Make and end tokens for the servers."),
    "cache": ("pointsman.views.cli.cache", "cache", "Look at the response cache, clear it."),
    "store": ("pointsman.views.cli.store", "store", "Look after the state: check, prune, back up."),
    "worker": ("pointsman.views.cli.worker", "worker", "Work for the engine of many machines."),
    "submit": ("pointsman.views.cli.submit", "submit", "Store a message for its workers."),
    "engine": ("pointsman.views.cli.engine", "engine", "Look at its queues and stuck threads."),
    "bridge": (
        "pointsman.views.cli.bridge",
        "bridge",
        "Take requests from a message broker, publish results.",
    ),
    "keys": ("pointsman.views.cli.signingkeys", "keys", "Make keys that sign what is sent."),
    "models": (_TEAM, "models", "List the models of each tier and whether they are set up."),
}
"""Command -> module, attribute, the line in `pointsman --help`."""


class Commands(LazyGroup):
    """All commands; every error is worded in one place."""

    lazy = _COMMANDS

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run a command line and exit with its code."""
        argv = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        try:
            outcome = super().main(argv, *rest, **extra)
        except BrokenPipeError:
            leave(1)
        except (Exception, KeyboardInterrupt) as error:
            leave(report(error, debug="--debug" in argv))
        leave(outcome if isinstance(outcome, int) else 0)


def _version() -> str:
    try:
        return version("pointsman")
    except PackageNotFoundError:
        return "not installed"


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with `pointsman new my_team`; `pointsman COMMAND --help` shows examples.",
)
@click.version_option(_version(), prog_name="pointsman")
@click.option(
    "--project",
    type=click.Path(path_type=Path),
    help="The project's folder. Default: the nearest one upwards with a team in pyproject.toml.",
)
@click.option(
    "--team",
    metavar="MODULE:ATTR",
    help="The team. Default: `team` under [tool.pointsman] in the project's pyproject.toml.",
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of state. Default: POINTSMAN_HOME, else .pointsman in the project.",
)
@click.option(
    "--log-json", is_flag=True, help="Write JSON logs to stderr instead of progress; never ask."
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(
    ctx: click.Context,
    project: Path | None,
    team: str | None,
    home: Path | None,
    log_json: bool,
    debug: bool,
) -> None:
    """Teams of LLM specialists: routed, guarded, approved by people, effects once.

    Exit codes: 0 done or partial, 1 failed, blocked, cancelled or no route, 2 wrong usage,
    3 waiting for a person, 130 stopped with Ctrl-C.
    """
    ctx.obj = Project(folder=project, team=team, home=home, log_json=log_json)


def main() -> None:
    """The `pointsman` program."""
    # It tells of each retry, which is no news: without a handler that would reach stderr.
    logging.getLogger("stamina").addHandler(logging.NullHandler())
    cli.main(prog_name="pointsman")
