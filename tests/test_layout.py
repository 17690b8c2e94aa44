"""The rules of the source tree. An allow-list here may only shrink; each entry has its reason."""

import ast
import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import pointsman
from pointsman.views.cli.main import cli

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pointsman"
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {str(file.relative_to(PACKAGE)): ast.parse(file.read_text()) for file in FILES}

NO_NAMES = {"utils", "util", "helpers", "common", "core", "base", "manager", "misc"}

ENVIRONMENT = {
    "teams/settings.py": "the one place that reads settings",
    "nodes/gateway/litellm.py": "LiteLLM takes its switches from nowhere else",
}

BROAD_HANDLERS = {
    "views/cli/main.py:main": "the last handler of a process: there every error gets its words",
    "views/cli/project.py:_imported": "the import of the user's module, before there is a graph",
    "guardrails/offloop.py:_do": "hands the error on to whoever waits for the call",
    "nodes/gateway/transports.py:aclose": "closes the rest first, then raises the first failure",
}
"""Broad handlers that do not ask `is_control_flow`, and why none can meet a pause there."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function of a module, nested ones too."""
    return (n for n in ast.walk(tree) if isinstance(n, Function))


def test_no_module_is_named_after_nothing() -> None:
    """A module's name says what it holds."""
    folders = {folder for file in FILES for folder in file.relative_to(PACKAGE).parts[:-1]}
    assert not NO_NAMES & ({file.stem for file in FILES} | folders)


def test_rooms_do_nothing_when_entered() -> None:
    """A room's `__init__.py` is empty; the package's own is short."""
    inits = [file for file in FILES if file.name == "__init__.py"]
    assert [file for file in inits if file.parent != PACKAGE and file.read_text()] == []
    assert len((PACKAGE / "__init__.py").read_text().splitlines()) <= 40


def test_files_can_be_read_in_one_sitting() -> None:
    """No file has more than 440 lines."""
    assert [f"{f}: {n}" for f in FILES if (n := len(f.read_text().splitlines())) > 440] == []


def test_functions_fit_a_screen() -> None:
    """No function has more than 60 lines."""
    assert [
        f"{file}:{f.name}"
        for file, tree in TREES.items()
        for f in functions(tree)
        if (f.end_lineno or 0) - f.lineno >= 60
    ] == []


def test_the_environment_is_read_in_one_place() -> None:
    """Nobody else touches `os.environ` or `os.getenv`."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    found = {
        file
        for file, tree in TREES.items()
        for n in ast.walk(tree)
        if (isinstance(n, ast.Attribute) and n.attr in names and ast.unparse(n.value) == "os")
        or (isinstance(n, ast.ImportFrom) and n.module == "os" and names & _names(n))
    }
    assert found == ENVIRONMENT.keys()


def test_no_code_comes_from_data() -> None:
    """No pickle, no eval, no exec, and modules are imported by `import` or `import_module`."""
    unsafe = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
    found: list[str] = []
    for file, tree in TREES.items():
        for n in ast.walk(tree):
            if isinstance(n, ast.Import) and unsafe & {a.name.partition(".")[0] for a in n.names}:
                found.append(file)
            if isinstance(n, ast.ImportFrom) and (n.module or "").partition(".")[0] in unsafe:
                found.append(file)
            if isinstance(n, ast.Name) and n.id in {"eval", "exec", "__import__"}:
                found.append(f"{file}:{n.lineno}")
    assert found == []


def _names(statement: ast.ImportFrom) -> set[str]:
    return {alias.name for alias in statement.names}


def test_litellm_is_imported_by_its_transport() -> None:
    """What the import contract cannot see: an import by name."""
    named = {
        file
        for file, tree in TREES.items()
        for n in ast.walk(tree)
        if isinstance(n, ast.Call)
        and ast.unparse(n.func).endswith("import_module")
        and any(isinstance(a, ast.Constant) and "litellm" in str(a.value) for a in n.args)
    }
    assert named == {"nodes/gateway/litellm.py"}


def test_what_is_public_says_what_it_is() -> None:
    """Every module, public class, function and method has a docstring, but for methods that a
    protocol documents, overloads, and commands whose help is given to click."""
    promised = {m.name for c in classes() if is_protocol(c) for m in methods(c)}
    found = [f for f, tree in TREES.items() if tree.body and not ast.get_docstring(tree)]
    for file, tree in TREES.items():
        for n in tree.body:
            if not isinstance(n, ast.ClassDef | Function) or n.name.startswith("_"):
                continue
            if not described(n):
                found.append(f"{file}:{n.name}")
            if isinstance(n, ast.ClassDef):
                found += [
                    f"{file}:{n.name}.{m.name}"
                    for m in methods(n)
                    if not m.name.startswith("_") and not described(m) and m.name not in promised
                ]
    assert found == []


def classes() -> Iterator[ast.ClassDef]:
    """Every class of the package."""
    for tree in TREES.values():
        yield from (n for n in ast.walk(tree) if isinstance(n, ast.ClassDef))


def methods(cls: ast.ClassDef) -> list[Function]:
    """A class's own methods."""
    return [n for n in cls.body if isinstance(n, Function)]


def is_protocol(cls: ast.ClassDef) -> bool:
    """Whether a class is a protocol."""
    return any(ast.unparse(base).partition("[")[0] == "Protocol" for base in cls.bases)


def described(node: ast.ClassDef | Function) -> bool:
    """Whether it has a docstring, or a decorator that stands for one."""
    decorators = [ast.unparse(d) for d in node.decorator_list]
    return bool(ast.get_docstring(node)) or any(d == "overload" or "help=" in d for d in decorators)


def test_every_test_says_what_it_promises() -> None:
    """Each test function has a docstring, here and in the examples."""
    files = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "examples").rglob("test_*.py")]
    assert [
        f"{file.relative_to(ROOT)}:{f.name}"
        for file in files
        for f in functions(ast.parse(file.read_text()))
        if f.name.startswith("test_") and not ast.get_docstring(f)
    ] == []


def test_broad_handlers_let_a_pause_through() -> None:
    """`except Exception` asks `is_control_flow` first and re-raises, or always re-raises: LangGraph
    pauses with an ordinary exception."""
    found = {
        f"{file}:{function.name}"
        for file, tree in TREES.items()
        for function in functions(tree)
        for handler in ast.walk(function)
        if isinstance(handler, ast.ExceptHandler) and is_broad(handler) and swallows(handler)
    }
    assert found == BROAD_HANDLERS.keys()


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Whether it catches any exception."""
    caught = {n.id for n in ast.walk(handler.type or handler) if isinstance(n, ast.Name)}
    return handler.type is None or bool(caught & {"Exception", "BaseException"})


def swallows(handler: ast.ExceptHandler) -> bool:
    """Whether LangGraph's control flow can end here."""
    first, last = handler.body[0], handler.body[-1]
    asks = (
        isinstance(first, ast.If)
        and ast.unparse(first.test) == f"is_control_flow({handler.name})"
        and ast.unparse(first.body[0]) == "raise"
    )
    return not asks and ast.unparse(last) != "raise"


def project_files() -> Iterator[tuple[str, str]]:
    """Every file of the project that is text: what git tracks, or all of an unpacked archive."""
    for name in sorted(tracked() or unpacked()):
        with contextlib.suppress(UnicodeDecodeError, FileNotFoundError):
            yield name, (ROOT / name).read_text(encoding="utf-8")


def tracked() -> list[str]:
    """The names that git has. None outside a clone, or inside a clone of something else."""
    if not (ROOT / ".git").exists():
        return []
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return [name for name in done.stdout.decode().split("\0") if name]


def unpacked() -> list[str]:
    """The names of all files but those that tools and runs leave behind."""
    left = {".venv", ".git", "dist", "build", ".pointsman", ".hypothesis", "__pycache__"}
    found: list[str] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in left and not f.endswith("_cache")]
        found += [str(Path(folder, name).relative_to(ROOT)) for name in names]
    return found


@pytest.mark.parametrize(
    "pattern",
    [
        r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|crates\.io|proxy\.golang\.org",
        r"(?<![\w.:/-])/(?:work|root|home/\w+|Users/\w+|tmp|var/folders)/\w",
    ],
    ids=["registry", "path"],
)
def test_files_name_no_machine(pattern: str) -> None:
    """No file names a package registry's host or a folder of somebody's machine."""
    found = [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in project_files()
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert found == []


def test_the_public_face_is_pinned() -> None:
    """`__all__` is sorted, each name is there, and the stub for type checkers has the same."""
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    typed = [a.asname for n in stub.body if isinstance(n, ast.ImportFrom) for a in n.names]
    assert pointsman.__all__ == sorted(pointsman.__all__) == sorted(map(str, typed))
    assert [name for name in typed if not hasattr(pointsman, str(name))] == []


def test_the_readme_lists_the_commands() -> None:
    """README's table has every command of `pointsman --help`, and no other."""
    rows = re.findall(r"^\| `pointsman ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(cli.list_commands(click.Context(cli)))


def test_links_lead_somewhere() -> None:
    """Every relative link of a Markdown file is a file that is there."""
    broken = [
        f"{name}: {link}"
        for name, text in project_files()
        if name.endswith(".md")
        for link in re.findall(r"\]\(([^)#\s]+)", text)
        if "://" not in link and not ((ROOT / name).parent / link).exists()
    ]
    assert broken == []


def test_every_setting_is_documented() -> None:
    """Each environment variable that is read by its name stands in the install page's table."""
    page = (ROOT / "docs" / "install.md").read_text()
    named = {
        n.value
        for n in ast.walk(TREES["teams/settings.py"])
        if isinstance(n, ast.Constant) and re.fullmatch(r"(POINTSMAN|OTEL)_[A-Z_]+", str(n.value))
    }
    assert "POINTSMAN_FAST" in named
    assert {name for name in named if f"`{name}`" not in page} == set()
