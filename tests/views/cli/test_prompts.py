"""`pointsman prompts`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pointsman.views.cli.main import cli
from tests.prompts.folder import write

if TYPE_CHECKING:
    from tests.views.conftest import Shop

BILLING = """\
---
description: Answers questions about invoices.
model: {tier: strong}
variables:
  policy: the rules
  days: {type: int, description: how long, default: 5}
examples:
  - {user: "Where is it?", answer: It was paid.}
  - {name: plain, values: {policy: No refunds.}}
---
{{ policy }} It takes {{ days }} days.
{% include "partials/tone" %}
"""


@pytest.fixture
def desk(shop: "Shop") -> "Shop":
    """A project with prompts of its own, one of them in place of the package's."""
    (shop.folder / "pyproject.toml").write_text('[tool.pointsman]\nteam = "teams.shop:team"\n')
    folder = shop.folder / "prompts"
    write(folder, "billing", BILLING)
    write(folder, "partials/tone", "---\ndescription: The tone.\n---\nBe kind.")
    write(
        folder, "router/choose",
        "---\ndescription: Mine.\nvariables: {specialists: who}\n---\nTake one:\n{{ specialists }}",
    )  # fmt: skip
    return shop


@pytest.mark.parametrize("command", ["list", "show", "diff", "render", "lint", "test"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    """`--help` of each shows how to call it."""
    outcome = CliRunner().invoke(cli, ["prompts", command, "--help"])
    assert outcome.exit_code == 0
    assert f"pointsman prompts {command}" in outcome.stdout


def test_list_says_where_each_is_from(desk: "Shop") -> None:
    """A line for each prompt; JSON has the same and more."""
    done = desk.invoke("prompts", "list")
    assert done.code == 0, done.err
    rows = {line.split()[0]: line.split()[1:] for line in done.out.splitlines()}
    assert rows["billing"][1] == "user"
    assert rows["billing"][3:] == ["policy", "days?"]
    assert rows["router/choose"][1] == "override"
    assert rows["router/parts"][1] == "package"
    found = json.loads(desk.invoke("prompts", "list", "--json").out)
    by_name = {one["name"]: one for one in found["prompts"]}
    assert by_name["billing"]["version"] == rows["billing"][0]
    assert by_name["billing"]["model"]["tier"] == "strong"
    assert by_name["billing"]["example_tokens"] > 0
    assert found["broken"] == []


def test_list_goes_on_past_a_broken_file(desk: "Shop") -> None:
    """The others are listed, the fault is on stderr, and the exit code says so."""
    write(desk.folder / "prompts", "bad", "{{ x")
    done = desk.invoke("prompts", "list")
    assert (done.code, "billing" in done.out, "bad.md, line 1" in done.err) == (1, True, True)


def test_show_has_the_front_matter_and_the_partials(desk: "Shop") -> None:
    """In words, as the file is, or as JSON."""
    done = desk.invoke("prompts", "show", "billing")
    for said in ("tier strong", "days (int, default 5): how long", "partials/tone@", "Be kind.",
                 "1 worked, 1 of rendering"):  # fmt: skip
        assert said in done.out
    assert desk.invoke("prompts", "show", "billing", "--source").out == BILLING
    found = json.loads(desk.invoke("prompts", "show", "billing", "--json").out)
    assert found["partial_bodies"] == {"partials/tone": "Be kind."}
    assert desk.invoke("prompts", "show", "biling").code == 1


def test_diff_compares_with_the_package_or_a_file(desk: "Shop", tmp_path: Path) -> None:
    """An override with what it stands for; any prompt with a file or stdin."""
    done = desk.invoke("prompts", "diff", "router/choose")
    assert done.code == 0
    assert "+Take one:" in done.out
    assert "-You decide which specialist takes a message." in done.out
    assert desk.invoke("prompts", "diff", "router/choose", "--exit-code").code == 1
    same = desk.invoke(
        "prompts", "diff", "billing", "--against", "-", "--exit-code", stdin=BILLING.encode()
    )
    assert (same.code, same.out) == (0, "")
    (tmp_path / "old.md").write_text(BILLING.replace("It takes", "That takes"))
    old = desk.invoke("prompts", "diff", "billing", "--against", str(tmp_path / "old.md"))
    assert "-{{ policy }} That takes" in old.out
    none = desk.invoke("prompts", "diff", "billing")
    assert (none.code, "--against FILE" in none.err) == (1, True)


def test_render_gives_the_text_alone_on_stdout(desk: "Shop") -> None:
    """Values from the line win over those of a file, and those over an example's."""
    given = ("prompts", "render", "billing", "--example", "plain")
    done = desk.invoke(*given)
    assert done.out == "No refunds. It takes 5 days.\nBe kind.\n"
    assert "tokens and" in done.err
    assert "3 bytes a token" in done.err
    stdin = b'{"policy": "All.", "days": 3}'
    done = desk.invoke(*given, "--vars", "-", "--set", "days=7", "--json", stdin=stdin)
    found = json.loads(done.out)
    assert found["text"] == "All. It takes 7 days.\nBe kind."
    assert found["tokens"] > 0


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--set", "policy"], 2, "is not NAME=VALUE"),
        (["--set", "policy=a", "--set", "policy=b"], 2, "given twice"),
        (["--example", "none"], 2, "has no example 'none', only plain"),
        (["--vars", "-"], 2, "is no JSON"),
        ([], 1, "lacks a value for 'policy'"),
        (["--set", "policy=a", "--set", "days=soon"], 1, "'days' takes int"),
        (["--set", "policy=a", "--set", "x=y"], 1, "does not use 'x'"),
    ],
)
def test_what_cannot_be_rendered_is_said(
    desk: "Shop", args: list[str], code: int, said: str
) -> None:
    """Wrong usage is 2; a value that is missing, unknown or of another type is 1."""
    done = desk.invoke("prompts", "render", "billing", *args, stdin=b"{")
    assert (done.code, said in done.err) == (code, True)


@pytest.mark.embedded
def test_render_counts_with_the_embedded_model(desk: "Shop") -> None:
    """`--exact` counts less than the estimate, and says whose tokens they are."""
    given = ("prompts", "render", "billing", "--example", "plain", "--json")
    exact = json.loads(desk.pointsman(*given, "--exact").out)
    guess = json.loads(desk.invoke(*given).out)
    assert 0 < exact["tokens"] < guess["tokens"]
    assert "embedded model" in exact["counted"]


def test_lint_exits_one_on_a_fault(desk: "Shop") -> None:
    """No fault is 0; each fault is a line with its rule, or an object."""
    assert desk.invoke("prompts", "lint").code == 0
    write(desk.folder / "prompts", "router/choose", "---\ndescription: Mine.\n---\nAny.")
    done = desk.invoke("prompts", "lint")
    assert (done.code, "[override-lacks]" in done.out) == (1, True)
    found = json.loads(desk.invoke("prompts", "lint", "router/choose", "--json").out)
    assert [(f["rule"], f["prompt"]) for f in found["faults"]] == [
        ("override-lacks", "router/choose")
    ]
    assert desk.invoke("prompts", "lint", "none").code == 1


def test_test_writes_and_compares_snapshots(desk: "Shop") -> None:
    """Without a snapshot it renders; with one it compares, and shows what differs."""
    assert desk.invoke("prompts", "test").code == 0
    done = desk.invoke("prompts", "test", "--update")
    assert (done.code, "3 prompts" in done.err) == (0, True)
    assert (desk.folder / "prompts" / "billing.snapshot.yaml").is_file()
    write(desk.folder / "prompts", "billing", BILLING.replace("It takes", "That takes"))
    done = desk.invoke("prompts", "test", "billing")
    assert done.code == 1
    assert "-No refunds. It takes 5 days." in done.out
    assert "prompts test --update" in done.err
    found = json.loads(desk.invoke("prompts", "test", "billing", "--json").out)
    assert (found["failed"], found["examples"][0]["outcome"]) == (1, "differs")
    assert desk.invoke("prompts", "test", "billing", "--update").code == 0
    assert desk.invoke("prompts", "test").code == 0


def test_a_project_whose_team_cannot_be_built_is_linted(desk: "Shop") -> None:
    """The team is not imported, except where --team asks for its folder."""
    (desk.folder / "teams" / "shop.py").write_text("raise RuntimeError('no')")
    assert desk.invoke("prompts", "lint").code == 0
    assert desk.invoke("--team", "teams.shop:team", "prompts", "lint").code == 1


def test_a_new_project_has_clean_prompts(tmp_path: Path) -> None:
    """What `pointsman new` writes has no fault and renders."""
    run = CliRunner()
    assert run.invoke(cli, ["new", str(tmp_path / "desk")]).exit_code == 0
    for command in ("lint", "test"):
        given = ["--project", str(tmp_path / "desk"), "prompts", command]
        assert run.invoke(cli, given).exit_code == 0
    listed = run.invoke(cli, ["--project", str(tmp_path / "desk"), "prompts", "list", "--json"])
    names = [p["name"] for p in json.loads(listed.stdout)["prompts"] if p["from"] == "user"]
    assert names == ["desk/orders", "desk/questions"]
