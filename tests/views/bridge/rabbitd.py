"""A RabbitMQ server on loopback that can be killed and started again, and its client."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError, DeliveryError

from tests.scale.server import free_port

MISSING = "The tests of RabbitMQ need its server: apt-get install rabbitmq-server"
SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""The server itself: the one of the path changes the user, and starts Debian's node."""
START_SECONDS = 90
KEPT_SECONDS = 1.5
"""A quorum queue of a node that is killed sooner after it was made is broken for good: that it is
there is written every half a second (its messages are written before they are confirmed)."""


def _program(name: str, *more: Path) -> str:
    for one in more:
        if one.exists():
            return str(one)
    found = shutil.which(name)
    assert found is not None, MISSING
    return found


class RabbitServer:
    """One node with a folder, a cookie and a port mapper of its own, and no plugins."""

    kind = "rabbitmq"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._home = folder / "rabbit"
        self.port, self._mapper_port, self._dist_port = free_port(), free_port(), free_port()
        self._mapper: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def _env(self) -> dict[str, str]:
        home = self._home
        return {
            "PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._mapper_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"bridge{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1}"
                " -rabbit quorum_tick_interval 200"  # how often it counts
            ),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"), "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(home / "env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
        }  # fmt: skip

    def start(self) -> None:
        """Start it, or start it again over what is in its folder."""
        self._home.mkdir(exist_ok=True)
        for name, text in (("plugins", "[]."), ("rabbitmq.conf", ""), ("env.conf", "")):
            (self._home / name).write_text(text)
        with (self._folder / "rabbit.log").open("ab") as log:
            if self._mapper is None:
                self._mapper = subprocess.Popen(
                    [_program("epmd"), "-port", str(self._mapper_port), "-address", "127.0.0.1"],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._env,
                )  # fmt: skip
            self._node = subprocess.Popen(
                [_program("rabbitmq-server", SCRIPT)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._env, cwd=self._home,
                start_new_session=True,  # a script, and the node that it starts
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL."""
        time.sleep(KEPT_SECONDS)
        self._end()

    def _end(self) -> None:
        node, self._node = self._node, None
        if node is not None:
            with suppress(ProcessLookupError):
                os.killpg(node.pid, signal.SIGKILL)
            node.wait()

    def close(self) -> None:
        """Kill it, and its port mapper."""
        self._end()
        mapper, self._mapper = self._mapper, None
        if mapper is not None:
            mapper.kill()
            mapper.wait()

    async def connect(self) -> AbstractConnection:
        """A client, once the server answers."""
        async with asyncio.timeout(START_SECONDS):
            while True:
                assert self._node is None or self._node.poll() is None, self._log()
                with suppress(OSError, AMQPError):
                    # Its own first try would complain.
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    await writer.wait_closed()
                    return await aio_pika.connect(self.url, timeout=5)
                await asyncio.sleep(0.2)

    def _log(self) -> str:
        return (self._folder / "rabbit.log").read_text()

    async def empty(self) -> None:
        """Delete all that a bridge of the shop has made."""
        async with await self.connect() as connection, connection.channel() as channel:
            for name in ("shop.in", "shop.out", "shop.events", "shop.in.dead"):
                await channel.queue_delete(name)
            await channel.exchange_delete("shop.in.dead")

    async def lose(self) -> None:
        """Start anew with nothing in it."""
        await asyncio.to_thread(self._end)
        shutil.rmtree(self._home / "mnesia")
        self.start()

    async def arguments(self, queue: str) -> dict[str, object]:
        """How a queue was made."""
        found = await self._listed("name", "durable", "arguments")
        (row,) = [one for one in found if one["name"] == queue]
        assert row["durable"] is True
        return {name: value for name, _, value in row["arguments"]}

    async def send(self, *bodies: bytes, key: str = "") -> None:
        """Publish requests, once the bridge has made its queues."""
        async with await self.connect() as connection, asyncio.timeout(60):
            channel = await connection.channel(on_return_raises=True)
            for body in bodies:
                message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                while True:
                    with suppress(DeliveryError):
                        await channel.default_exchange.publish(message, "shop.in")
                        break
                    await asyncio.sleep(0.1)

    async def gets(self, subject: str, count: int, *, seconds: float = 60) -> list[bytes]:
        """The first messages of a queue; they stay there."""
        return [one.body for one in await self._gets(subject, count, seconds)]

    async def dead(self) -> tuple[bytes, str]:
        """The first dead letter, and why it is one."""
        (found,) = await self._gets("shop.in.dead", 1, 10)
        return found.body, str(found.headers["pointsman-reason"])

    async def _gets(self, queue: str, count: int, seconds: float) -> list[AbstractIncomingMessage]:
        async with asyncio.timeout(seconds):
            while True:
                found: list[AbstractIncomingMessage] = []
                with suppress(OSError, AMQPError):  # one that has just started is not there yet
                    async with await self.connect() as connection:
                        channel = await connection.channel()  # closed, it gives all of them back
                        there = await channel.get_queue(queue, ensure=False)
                        while len(found) < count:
                            found.append(await there.get(no_ack=False))
                        return found
                await asyncio.sleep(0.1)

    async def left(self) -> int:
        """Requests that are in the broker still, given to a bridge or not."""
        (row,) = [one for one in await self._listed("name", "messages") if one["name"] == "shop.in"]
        return int(row["messages"])

    async def _listed(self, *columns: str) -> list[dict[str, Any]]:
        asked = await asyncio.create_subprocess_exec(
            _program("rabbitmqctl", SCRIPT.with_name("rabbitmqctl")), "-q", "list_queues",
            "--formatter", "json", *columns, stdout=subprocess.PIPE, env=self._env,
        )  # fmt: skip
        said, _ = await asked.communicate()
        found: list[dict[str, Any]] = json.loads(said)
        return found

    async def counted(self, subject: str) -> int:
        """How many messages a queue holds."""
        async with await self.connect() as connection, connection.channel() as channel:
            queue = await channel.declare_queue(subject, passive=True)
            return int(queue.declaration_result.message_count or 0)
