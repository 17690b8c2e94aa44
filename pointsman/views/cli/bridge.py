"""`pointsman bridge`: requests from a message broker, results back to it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import DONE, drive
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.views.bridge.address import Address
    from pointsman.views.bridge.broker import Subjects

STOPPED = "Stopped. Requests that were accepted are stored; start the bridge again to go on."


@click.command("bridge")
@click.option(
    "--broker", metavar="URL", default="", help="The broker: nats://, amqp:// or kafka://host:port."
)
@click.option("--requests", required=True, metavar="SUBJECT", help="Where requests come from.")
@click.option("--results", required=True, metavar="SUBJECT", help="Where results go.")
@click.option("--events", default="", metavar="SUBJECT", help="Where each run's events go.")
@click.option(
    "--at-once", type=click.IntRange(1), default=16, show_default=True,
    help="Requests and runs that it works on at the same time.",
)  # fmt: skip
@click.option("--asyncapi", is_flag=True, help="Print the AsyncAPI document as JSON, and end.")
@click.pass_obj
def bridge(
    project: Project, broker: str, requests: str, results: str, events: str, at_once: int,
    asyncapi: bool,
) -> int:  # fmt: skip
    """Take requests from a broker and publish their results, as CloudEvents, until stopped.

    The broker is NATS with JetStream, RabbitMQ or Kafka; a SUBJECT is a queue of RabbitMQ, a topic
    of Kafka. A request is acknowledged once its run is stored. A result is published at least
    once, with the same id each time. What is refused goes to REQUESTS.dead, and is kept as a
    letter.

    \b
    Examples:
      pointsman bridge --broker nats://127.0.0.1:4222 --requests shop.in --results shop.out
      pointsman bridge --broker amqp://me:secret@rabbit/ --requests shop.in --results shop.out
      pointsman bridge --requests shop.in --results shop.out --asyncapi
    """
    from pointsman.views.bridge.address import installed, parsed
    from pointsman.views.bridge.broker import Subjects

    address = parsed(broker) if broker else None
    installed(address.kind if address else "nats")
    subjects = Subjects(requests, results, events)
    if asyncapi:
        from importlib.metadata import version

        from pointsman.views.bridge.asyncapi import document
        from pointsman.views.cli.record import put

        put(document(project.load().spec, subjects, version("pointsman"), address))
        return DONE
    if address is None:
        raise click.UsageError("Give --broker, for example nats://127.0.0.1:4222.")

    from pointsman.views.logs import log_lines

    with log_lines(as_json=project.log_json) as tell:
        return drive(lambda: _work(project, address, subjects, at_once, tell), kept=lambda: STOPPED)


async def _work(
    project: Project, address: "Address", subjects: "Subjects", at_once: int,
    tell: Callable[[str], None],
) -> int:  # fmt: skip
    import asyncio
    import signal

    from pointsman.views.bridge.address import broker_at
    from pointsman.views.bridge.bridge import Bridge
    from pointsman.views.cli.session import opened

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    async with opened(project) as session:
        team = session.team
        made = Bridge(
            team, broker_at(address, team.name, subjects), subjects, at_once,
            drives=not team.elsewhere,
        )  # fmt: skip
        if address.kind == "kafka":
            from pointsman.views.bridge.kafka import UNTRIED

            tell(f"warning: {UNTRIED}")
        tell(f"bridge of team {team.name}: {subjects.requests} -> {subjects.results}")
        await made.run(stop)
    return DONE
