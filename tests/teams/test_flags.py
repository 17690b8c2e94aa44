"""Flags: from a file, from a service, and none."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from pointsman.errors import Misconfigured
from pointsman.teams.flags import Asked, FileFlags, Flag, NoFlags, OpenFeatureFlags, read_flags

ASKED = Asked(team="shop", tenant="acme", thread="t1")
FILE = """
pointsman.canary:
  description: Who tries the new release.
  value: 0.05
  rules:
    - {tenants: [acme], teams: [shop], value: 0.5}
    - {threads: [t9], value: 1.0}
greeting: {value: Hello}
half: {value: false, rules: [{value: true, share: 0.5}]}
"""


@pytest.fixture
def flags(tmp_path: Path) -> FileFlags:
    """The file's flags."""
    (tmp_path / "flags.yaml").write_text(FILE)
    return FileFlags(tmp_path / "flags.yaml")


async def test_the_first_rule_that_holds_gives_the_value(flags: FileFlags) -> None:
    """All its conditions hold; without a rule the flag's own value, without a flag the default."""
    assert await flags.value("pointsman.canary", 0.0, ASKED) == 0.5
    assert await flags.value("pointsman.canary", 0.0, Asked("desk", "acme", "t9")) == 1.0
    assert await flags.value("pointsman.canary", 0.0, Asked("desk", "acme", "t1")) == 0.05
    assert await flags.value("nobody", "x", ASKED) == "x"


async def test_a_share_is_of_threads(flags: FileFlags) -> None:
    """About half of 2,000 threads, always the same ones."""
    threads = [Asked(thread=f"t{n}") for n in range(2_000)]
    first = [await flags.value("half", False, asked) for asked in threads]
    assert 900 < sum(one is True for one in first) < 1_100
    assert first == [await flags.value("half", False, asked) for asked in threads]


async def test_a_changed_file_counts_at_once(flags: FileFlags) -> None:
    """Without a new start."""
    assert await flags.value("greeting", "", ASKED) == "Hello"
    flags.path.write_text("greeting: {value: Welcome}")
    os.utime(flags.path, ns=(1, 1))
    assert await flags.value("greeting", "", ASKED) == "Welcome"


async def test_no_file_is_no_flags(tmp_path: Path) -> None:
    """Every one has its default, as where there are none at all."""
    assert await FileFlags(tmp_path / "none.yaml").value("a", 3, ASKED) == 3
    assert await NoFlags().value("a", 3, ASKED) == 3


@pytest.mark.parametrize("default", [True, 1.0])
async def test_a_value_of_another_type_is_refused(flags: FileFlags, default: Flag) -> None:
    """A text is no number, and neither is true or false."""
    with pytest.raises(Misconfigured, match="greeting"):
        await flags.value("greeting", default, ASKED)
    with pytest.raises(Misconfigured, match="half"):
        await flags.value("half", 1.0, ASKED)


@pytest.mark.parametrize(
    "text", ["a: [", "- a", "a: {valeu: 1}", "a: {value: 1, rules: [{value: 2, share: 3}]}", "a: 1"]
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    """With the entry, where it is one."""
    path = tmp_path / "flags.yaml"
    path.write_text(text)
    with pytest.raises(Misconfigured, match=r"flags\.yaml"):
        read_flags(path)


class Client:
    """As OpenFeature's client is called. Its flags have the key's own value, or the default."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []

    async def get_boolean_value_async(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: object = None,
    ) -> bool:
        """True for every flag."""
        self.asked.append((flag_key, evaluation_context))
        return True

    async def get_string_value_async(
        self, flag_key: str, default_value: str, evaluation_context: object = None
    ) -> str:
        """The flag's own name."""
        self.asked.append((flag_key, evaluation_context))
        return flag_key

    async def get_float_value_async(
        self, flag_key: str, default_value: float, evaluation_context: object = None
    ) -> float:
        """The default."""
        self.asked.append((flag_key, evaluation_context))
        return default_value


def context(*, targeting_key: str, attributes: Mapping[str, str]) -> object:
    """As OpenFeature's EvaluationContext is made."""
    return (targeting_key, dict(attributes))


async def test_a_flag_service_is_asked_by_type() -> None:
    """With the thread as the targeting key, and the team and the tenant as attributes."""
    client = Client()
    flags = OpenFeatureFlags(client, context)
    assert await flags.value("on", False, ASKED) is True
    assert await flags.value("word", "x", ASKED) == "word"
    assert await flags.value("share", 1, ASKED) == 1.0
    assert client.asked[0] == (
        "on", ("t1", {"team": "shop", "tenant": "acme", "thread": "t1"})
    )  # fmt: skip
    assert [name for name, _ in client.asked] == ["on", "word", "share"]
