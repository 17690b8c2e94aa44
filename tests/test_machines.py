"""The files under `deploy/` for many machines: what they name exists, as in docs/deploy.md."""

import configparser
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import aiohttp
import click
import pytest
import yaml

from pointsman.teams.temporal.names import pool_queue, router_queue
from pointsman.views.cli.main import cli
from pointsman.views.health import Standing, health

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
PAGE = ROOT / "docs" / "deploy.md"
TEAM = (ROOT / "examples" / "support" / "teams" / "support.py").read_text()
Part = Mapping[str, Any]

SCALER = {
    "endpoint", "endpointFromEnv", "namespace", "taskQueue", "queueTypes", "targetQueueSize",
    "activationTargetQueueSize", "minConnectTimeout", "unsafeSsl", "tlsServerName",
}  # fmt: skip
"""What KEDA's `temporal` trigger takes from 2.17 on (keda.sh/docs/2.22/scalers/temporal)."""
CONNECTIONS = 4
"""Pools of connections that a process may open: store, checkpoints, budgets, limits."""


def manifests(kind: str) -> dict[str, Part]:
    """The objects of a kind in keda.yml, by name."""
    found = cast("Iterator[Part]", yaml.safe_load_all((DEPLOY / "keda.yml").read_text()))
    return {one["metadata"]["name"]: one["spec"] for one in found if one["kind"] == kind}


def container(spec: Part) -> Part:
    """The one container of a Deployment."""
    (one,) = spec["template"]["spec"]["containers"]
    return cast("Part", one)


def compose() -> Part:
    """The compose file."""
    return cast("Part", yaml.safe_load((DEPLOY / "compose.yml").read_text()))


def unit() -> Part:
    """The unit's service section, each key with its last value."""
    parser = configparser.RawConfigParser(strict=False, delimiters="=")
    parser.optionxform = str  # pyright: ignore[reportAttributeAccessIssue] (as its docs say)
    parser.read(DEPLOY / "pointsman-worker@.service")
    return dict(parser["Service"])


def on_the_page() -> Iterator[list[str]]:
    """Every `pointsman` command of the page's blocks, without what follows it."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    typed = "\n".join(block for kind, block in blocks if kind in ("", "console"))
    for line in typed.splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words[:1] == ["pointsman"]:
            yield words


def commands() -> list[list[str]]:
    """Every `pointsman` command of all files."""
    found = [container(spec)["args"] for spec in manifests("Deployment").values()]
    found += [
        one["command"]
        for one in compose()["services"].values()
        if one.get("command", [""])[0] == "pointsman"
    ]
    line = shlex.split(str(unit()["ExecStart"]))
    found.append(["pointsman", *line[1:]])
    return [*found, *on_the_page()]


def option(words: Sequence[str], name: str) -> list[str]:
    """What an option of a command is given."""
    return [words[n + 1] for n, word in enumerate(words) if word == name]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_and_options_exist(words: list[str]) -> None:
    """Each command, option and kind of value is one that the program takes."""
    command: click.Command = cli
    name, *args = words
    while isinstance(command, click.Group):
        with click.Context(command, info_name=name) as context:
            _, (name, *args), _ = command.make_parser(context).parse_args(args)
            found = command.get_command(context, name)
        assert found is not None, words
        command = found
    with command.make_context(name, args):
        pass


def test_pools_are_of_the_example_team() -> None:
    """Workers, queues and replicas name the team's router and specialists, and none is left out of
    the compose file."""
    name = re.findall(r'\bTeam\(\s*"(\w+)"', TEAM)[0]
    specialists = re.findall(r'\bSpecialist\(\s*"(\w+)"', TEAM)
    queues = {"router": router_queue(name)} | {s: pool_queue(name, s) for s in specialists}
    scaled = manifests("ScaledObject")
    for key, spec in manifests("Deployment").items():
        (pool,) = option(container(spec)["args"], "--pool")
        assert scaled[key]["scaleTargetRef"]["name"] == key
        (trigger,) = scaled[key]["triggers"]
        assert trigger["metadata"]["taskQueue"] == queues[pool]
        assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
    services = compose()["services"].values()
    working = [p for one in services for p in option(one.get("command", []), "--pool")]
    assert sorted(working) == sorted(queues)


def test_scalers_say_what_keda_takes() -> None:
    """Known fields only, all numbers as text, the queue's kinds of tasks, at least one worker."""
    for key, spec in manifests("ScaledObject").items():
        (trigger,) = spec["triggers"]
        told = trigger["metadata"]
        assert trigger["type"] == "temporal"
        assert set(told) <= SCALER
        assert all(isinstance(value, str) for value in told.values())
        kinds = "workflow,activity" if key.endswith("-router") else "activity"
        assert told["queueTypes"] == kinds
        assert 1 <= spec["minReplicaCount"] <= spec["maxReplicaCount"]
        env = {one["name"]: one["value"] for one in container(manifests("Deployment")[key])["env"]}
        assert env["POINTSMAN_TEMPORAL"] == f"{told['endpoint']}/{told['namespace']}"


def test_workers_have_the_time_to_drain() -> None:
    """Whoever stops a worker waits for longer than its --drain."""
    for spec in manifests("Deployment").values():
        (drain,) = option(container(spec)["args"], "--drain")
        assert spec["template"]["spec"]["terminationGracePeriodSeconds"] > int(drain)
    for one in compose()["services"].values():
        for drain in option(one.get("command", []), "--drain"):
            assert int(one["stop_grace_period"].removesuffix("s")) > int(drain)
    (drain,) = option(shlex.split(str(unit()["ExecStart"])), "--drain")
    assert int(str(unit()["TimeoutStopSec"])) > int(drain)


def test_all_workers_find_a_connection() -> None:
    """As many workers as KEDA may start open fewer connections than the page's server allows."""
    most = int(re.findall(r"max_connections = (\d+)", PAGE.read_text())[0])
    opened = 0
    for key, spec in manifests("Deployment").items():
        env = {one["name"]: one["value"] for one in container(spec)["env"]}
        each = int(env["POINTSMAN_STORE_CONNECTIONS"]) * CONNECTIONS
        opened += each * manifests("ScaledObject")[key]["maxReplicaCount"]
    assert 0 < opened < most


async def test_probes_are_answered() -> None:
    """Each probe asks for a path that a worker answers, on the port that its --health names."""

    async def stands() -> Standing:
        return Standing()

    async with health("127.0.0.1", 0, stands) as port, aiohttp.ClientSession() as session:
        for spec in manifests("Deployment").values():
            (listens,) = option(container(spec)["args"], "--health")
            for probe in ("livenessProbe", "readinessProbe"):
                asked = container(spec)[probe]["httpGet"]
                assert listens == f"0.0.0.0:{asked['port']}"
                async with session.get(f"http://127.0.0.1:{port}{asked['path']}") as answer:
                    assert answer.status == 200
        for one in compose()["services"].values():
            for listens in option(one.get("command", []), "--health"):
                (url,) = re.findall(r"http://([^/]+)(/\w+)", str(one["healthcheck"]["test"]))
                assert url[0] == listens
                async with session.get(f"http://127.0.0.1:{port}{url[1]}") as answer:
                    assert answer.status == 200


def test_settings_are_documented() -> None:
    """Each variable of ours in these files stands in the install page."""
    page = (ROOT / "docs" / "install.md").read_text() + (ROOT / "docs" / "scale.md").read_text()
    files = [PAGE, *(DEPLOY / name for name in ("keda.yml", "compose.yml"))]
    files.append(DEPLOY / "pointsman-worker@.service")
    for file in files:
        named = set(re.findall(r"\bPOINTSMAN_[A-Z_]+", file.read_text()))
        assert {name for name in named if f"`{name}`" not in page} == set(), file.name
