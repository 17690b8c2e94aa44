"""`pointsman prompts`: list, show, compare, render, lint and test prompt files."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from pointsman.errors import BadInput, PromptError
from pointsman.views.cli.exits import DONE, FAILED
from pointsman.views.cli.options import as_json, program
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.nodes.digest import JsonObject
    from pointsman.prompts.library import Origin
    from pointsman.prompts.prompt import Prompt
    from pointsman.prompts.variable import Value
    from pointsman.views.cli.tokens import Tokens

F = TypeVar("F", bound=Callable[..., Any])


def _folders(command: F) -> F:
    """`--folder`: where prompts are, without a project."""
    return click.option(
        "--folder", "folders", multiple=True, metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        help="A folder of prompts; may be repeated, the first wins. Default: the project's.",
    )(command)  # fmt: skip


@click.group()
def prompts() -> None:
    """List prompts, show, compare and render them, find their faults, run their examples.

    The prompts are the package's own, and over them those of the project's folder `prompts`. The
    project is --project, or the nearest folder upwards with [tool.pointsman] in pyproject.toml;
    with --team it is the folder that the team names. A prompt's name is its file's path below the
    folder, without `.md`. The form of the files is in docs/prompts.md.

    \b
    Examples:
      pointsman prompts list
      pointsman prompts lint && pointsman prompts test
    """


@prompts.command("list", short_help="Name, version, where from, tokens, variables.")
@_folders
@as_json
@click.pass_obj
def list_(project: Project, folders: tuple[Path, ...], as_json: bool) -> int:
    """List every prompt: name, version, where from, tokens, variables.

    From is `package`, `override` (your file in place of the package's) or `user`. Tokens are
    estimated as budgets do, without values; those of worked examples stand after a plus. A
    variable with a question mark has a default.

    Exits 1 when a file cannot be used; the others are listed.

    \b
    Examples:
      pointsman prompts list
      pointsman prompts list --json | jq -r '.prompts[] | select(.from == "override") | .name'
    """
    from pointsman.views.cli.promptfolder import library_of
    from pointsman.views.cli.promptview import of_prompt, show_list
    from pointsman.views.cli.record import put
    from pointsman.views.cli.tokens import estimated

    library = library_of(project, folders)
    rows: list[tuple[Prompt, Origin, Tokens]] = []
    broken: list[str] = []
    for name in library.names():
        try:
            prompt = library.get(name)
        except PromptError as error:
            broken.append(name)
            click.echo(f"{name}: {error}", err=True)
            continue
        rows.append((prompt, library.origin(name), estimated(prompt, _source(prompt))))
    if as_json:
        put({"prompts": [of_prompt(*row) for row in rows], "broken": list(broken)})
    else:
        show_list(rows)
    return FAILED if broken else DONE


@prompts.command(short_help="Show one: front matter, text, partials.")
@click.argument("name")
@click.option("--source", is_flag=True, help="Print the file as it is, and nothing else.")
@_folders
@as_json
@click.pass_obj
def show(
    project: Project,
    name: str,
    source: bool,
    folders: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Show a prompt: what its front matter says, its text, the texts of its partials.

    \b
    Examples:
      pointsman prompts show router/choose
      pointsman prompts show router/choose --source > prompts/router/choose.md
    """
    from pointsman.views.cli.promptfolder import library_of
    from pointsman.views.cli.promptview import of_prompt, put_text, show_prompt
    from pointsman.views.cli.record import put
    from pointsman.views.cli.tokens import estimated

    if source and as_json:
        raise click.UsageError("Give --source or --json, not both.")
    library = library_of(project, folders)
    prompt = library.get(name)
    if source:
        put_text(_text_of(prompt.path).removesuffix("\n"))
        return DONE
    row = (prompt, library.origin(name), estimated(prompt, _source(prompt)))
    if as_json:
        parts: JsonObject = {part.name: part.body for part in prompt.partials}
        put({**of_prompt(*row), "body": prompt.body, "partial_bodies": parts})
    else:
        show_prompt(*row)
    return DONE


@prompts.command(short_help="Compare yours with the package's, or a file.")
@click.argument("name")
@click.option(
    "--against", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Compare with this file; `-` is stdin. Default: the package's prompt of the name.",
)  # fmt: skip
@click.option("--exit-code", is_flag=True, help="Exit 1 where they differ.")
@_folders
@click.pass_obj
def diff(
    project: Project,
    name: str,
    against: str | None,
    exit_code: bool,
    folders: tuple[Path, ...],
) -> int:
    """Compare your prompt with the package's that it stands in place of, or with a file.

    What is compared is the file's text, front matter and all, partials not put in.

    \b
    Examples:
      pointsman prompts diff router/choose
      git show main:prompts/bank/help.md | pointsman prompts diff bank/help --against -
    """
    from pointsman.prompts.library import SHIPPED, SUFFIX
    from pointsman.views.cli.promptfolder import library_of
    from pointsman.views.cli.promptview import difference, put_text

    library = library_of(project, folders)
    path = library.get(name).path
    if against is not None:
        before = _text_of(None if against == "-" else Path(against))
        first = "stdin" if against == "-" else against
    elif library.origin(name) == "override":
        first = str(SHIPPED / f"{name}{SUFFIX}")
        before = _text_of(Path(first))
    else:
        raise BadInput(
            f"Prompt {name!r} ({path}) stands in place of no other.",
            hint="Say what to compare it with: --against FILE.",
        )
    lines = difference(before, _text_of(path), (first, str(path)))
    if not lines:
        click.echo("They are the same.", err=True)
        return DONE
    put_text(lines)
    return FAILED if exit_code else DONE


def _pairs(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE`, each name once."""
    pairs: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{one!r} is not NAME=VALUE.")
        if name in pairs:
            raise click.BadParameter(f"{name!r} is given twice.")
        pairs[name] = value
    return pairs


@prompts.command(short_help="Render one, with its number of tokens.")
@click.argument("name")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", callback=_pairs,
              help="A variable's value; may be repeated. JSON where it is no text.")  # fmt: skip
@click.option("--vars", "file", metavar="FILE", help="Values as a JSON object; `-` is stdin.",
              type=click.Path(exists=True, dir_okay=False, allow_dash=True))  # fmt: skip
@click.option("--example", metavar="NAME", help="The values of this example of the file.")
@click.option("--exact", is_flag=True, help="Count tokens with the embedded model's tokenizer.")
@_folders
@as_json
@click.pass_obj
def render(
    project: Project,
    name: str,
    pairs: dict[str, str],
    file: str | None,
    example: str | None,
    exact: bool,
    folders: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Render a prompt: its text on stdout, and on stderr how many tokens that is.

    --set wins over --vars, which wins over --example. Without --exact the count is an estimate
    from the size, the one that budgets reserve by; --exact is true of the embedded model only.

    \b
    Examples:
      pointsman prompts render router/choose --set "specialists=billing: invoices"
      pointsman prompts render support/billing --vars values.json --json | jq .tokens
    """
    from pointsman.views.cli import tokens
    from pointsman.views.cli.promptfolder import library_of
    from pointsman.views.cli.promptview import put_text
    from pointsman.views.cli.record import put

    prompt = library_of(project, folders).get(name)
    values: dict[str, Value] = dict(_of_example(prompt, example))
    values.update(_from_json(file))
    values.update(pairs)
    text = prompt.render(values)
    count = (tokens.exact if exact else tokens.estimated)(prompt, text)
    if as_json:
        put({"name": prompt.name, "version": prompt.version, "text": text, "tokens": count.text,
             "example_tokens": count.examples, "counted": count.how})  # fmt: skip
        return DONE
    put_text(text)
    click.echo(f"{prompt.name}@{prompt.version}: {count}", err=True)
    return DONE


@prompts.command(short_help="Find faults; exits 1 where there is one.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@_folders
@as_json
@click.pass_obj
def lint(
    project: Project, names: tuple[str, ...], folders: tuple[Path, ...], as_json: bool
) -> int:  # fmt: skip
    """Find the faults of prompts: of those named, else of all. Exits 1 where there is one.

    Each fault has a rule, a place and a fix; the rules are in docs/prompts.md.

    \b
    Examples:
      pointsman prompts lint
      pointsman prompts lint support/billing --json | jq -r '.faults[].rule'
    """
    from pointsman.prompts.lint import lint as faults_of
    from pointsman.views.cli.promptfolder import library_of
    from pointsman.views.cli.promptview import of_fault
    from pointsman.views.cli.record import put
    from pointsman.views.visible import one_line

    library = library_of(project, folders)
    faults = faults_of(library, names)
    if as_json:
        put({"checked": len(names or library.names()), "faults": [of_fault(f) for f in faults]})
        return FAILED if faults else DONE
    for fault in faults:
        click.echo(one_line(str(fault)))
    count = "1 fault" if len(faults) == 1 else f"{len(faults) or 'no'} faults"
    click.echo(f"{_number(len(names or library.names()))}: {count}.", err=True)
    return FAILED if faults else DONE


@prompts.command(short_help="Render every example and compare it.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--update", is_flag=True, help="Write the snapshots anew (never the package's).")
@_folders
@as_json
@click.pass_obj
def test(
    project: Project,
    names: tuple[str, ...],
    update: bool,
    folders: tuple[Path, ...],
    as_json: bool,
) -> int:
    """Render every example of prompts and compare each with the text it must give.

    An example says the text itself (`renders`, `contains`, `lacks`), or its text stands in the
    snapshot beside the prompt, `billing.snapshot.yaml`, which --update writes. A prompt without an
    example is rendered with each variable's name in its place.

    Exits 1 where an example does not render or says something else.

    \b
    Examples:
      pointsman prompts test
      pointsman prompts test support/billing --update && git diff prompts
    """
    from pointsman.prompts.examples import checked, write_snapshots
    from pointsman.views.cli.promptfolder import library_of
    from pointsman.views.cli.promptview import of_checked, show_checked
    from pointsman.views.cli.record import put

    library = library_of(project, folders)
    chosen = [library.get(name) for name in names or library.names()]
    if update:
        own = [p for p in chosen if library.origin(p.name) != "package"]
        written = sum(write_snapshots(prompt) for prompt in own)
        click.echo(f"Snapshots changed of {_number(written)}.", err=True)
    found = [one for prompt in chosen for one in checked(prompt)]
    bad = [one for one in found if not one.passed]
    if as_json:
        put({"examples": [of_checked(one) for one in found], "failed": len(bad)})
        return FAILED if bad else DONE
    for one in bad:
        show_checked(one)
    silent = sum(one.outcome == "renders" for one in found)
    same = sum(one.outcome == "same" for one in found)
    click.echo(
        f"{len(found)} examples of {_number(len(chosen))}: {same} as expected, {silent} rendered "
        f"with no text to compare, {len(bad)} failed.",
        err=True,
    )
    if any(one.outcome == "differs" for one in bad):
        click.echo(f"If the new texts are right: {program()} prompts test --update", err=True)
    return FAILED if bad else DONE


def _of_example(prompt: "Prompt", name: str | None) -> "Mapping[str, Value]":
    from pointsman.prompts.examples import shown_examples

    if name is None:
        return {}
    examples = {example.name: example for example in shown_examples(prompt)}
    if name not in examples:
        raise click.UsageError(
            f"{prompt.name} has no example {name!r}, only {', '.join(examples)}."
        )
    return examples[name].values


def _from_json(file: str | None) -> "dict[str, Value]":
    if file is None:
        return {}
    try:
        found: object = json.loads(_text_of(None if file == "-" else Path(file)))
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"--vars: {file} is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise click.UsageError(f"--vars: {file} is no JSON object of names and values.")
    return cast("dict[str, Value]", found)


def _source(prompt: "Prompt") -> str:
    return "\n".join([prompt.body, *(part.body for part in prompt.partials)])


def _text_of(path: Path | None) -> str:
    """A file's text, or stdin's. Raises BadInput where it is not UTF-8."""
    data = sys.stdin.buffer.read() if path is None else path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path or 'stdin'} is not UTF-8 text (byte {error.start}).", hint="Save it as UTF-8."
        ) from error


def _number(count: int) -> str:
    return "1 prompt" if count == 1 else f"{count} prompts"
