"""A finished command's result on stdout."""

import click

from pointsman.teams.result import Result
from pointsman.views.cli.record import of_result, put
from pointsman.views.cli.screen import console
from pointsman.views.cli.tally import how_to_go_on
from pointsman.views.cli.wording import STATUS_WORDS
from pointsman.views.visible import visible


def show_result(result: Result, *, as_json: bool) -> None:
    """Print a run's answer, or how to go on where it waits; with `as_json` its JSON object."""
    if as_json:
        put(of_result(result))
        return
    if result.answer:
        click.echo(visible(result.answer), err=result.status == "failed")
    elif result.status != "waiting":
        click.echo(f"No answer: {STATUS_WORDS[result.status]}.", err=True)
    if result.status == "waiting":
        how_to_go_on(console(stderr=False), result.tickets)
