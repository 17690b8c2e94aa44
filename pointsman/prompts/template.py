"""The sandbox that prompts are rendered in, and what can be said of a template before it runs.

A template is data. It sees its variables and nothing else: no global names, an allow-list of
filters, no attributes but the text methods listed here, no file but partials of the library.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointsman.errors import PromptError

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.sandbox import SandboxedEnvironment

PARTIAL = re.compile(r"partials(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+")
"""A name that may be included."""

MAX_TEXT = 1_000_000
"""Characters of a rendered prompt."""
MAX_INT_BITS = 256
"""Of a product in a template."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


METHODS = _words(
    "capitalize casefold count endswith find index isalnum isalpha isdecimal isdigit islower "
    "isnumeric isspace istitle isupper join lower lstrip partition removeprefix removesuffix "
    "replace rfind rindex rpartition rsplit rstrip split splitlines startswith strip swapcase "
    "title upper"
)
"""Methods of text and lists that templates may call."""

FILTERS = _words(
    "abs batch capitalize d default e escape first float indent int join last length list lower "
    "map max min reject replace reverse round select slice sort string sum title tojson trim "
    "truncate unique upper wordcount wordwrap count"
)
"""Jinja2's own filters that give the same text for the same values, and reach for nothing."""

_LAZY = _words("batch map reject reverse select slice unique")

_LOOP = _words(
    "changed cycle depth depth0 first index index0 last length nextitem previtem revindex revindex0"
)


@dataclass(frozen=True, slots=True)
class Use:
    """What a template uses."""

    variables: frozenset[str]
    partials: tuple[str, ...]
    """Names, in the order in which they are included first."""


def sandbox(partials: Mapping[str, str] | None = None) -> "SandboxedEnvironment":
    """The environment prompts are rendered in: sandboxed, strict, no global names.

    `partials`: the only templates that can be included, by name.
    """
    from jinja2 import DictLoader, StrictUndefined

    # Prompts are text for a model, not HTML: escaping would change what users wrote.
    # Not optimized: loading a template runs no part of it.
    env = _sandbox_class()(
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        optimized=False,
        finalize=_shown,
        loader=DictLoader(dict(partials or {})),
    )
    env.globals.clear()
    env.filters = {name: env.filters[name] for name in FILTERS}
    for name in _LAZY:
        env.filters[name] = _as_list(env.filters[name])
    return env


def _as_list(lazy: Callable[..., Any]) -> Callable[..., Any]:
    """The filter with a list in place of an iterator, whose text is where it lies in memory."""

    @wraps(lazy)
    def whole(*given: Any, **named: Any) -> Any:
        made = lazy(*given, **named)
        return made if isinstance(made, str) else list(made)

    return whole


def use_of(path: Path, body: str, body_line: int = 1) -> Use:
    """What a template uses, and that it can be rendered in the sandbox at all.

    Raises PromptError, with the file's line, for what cannot be.
    """
    from jinja2 import TemplateError, TemplateSyntaxError, meta, nodes

    env = sandbox()
    try:
        tree = env.parse(body)
        env.compile(tree)
    except TemplateSyntaxError as error:
        raise PromptError(
            f"Prompt file {path}, line {error.lineno} of the body: {error.message}.",
            hint="Placeholders are {{ name }}; write {% raw %} around braces meant as text.",
            rule="template-syntax",
            line=error.lineno + body_line - 1,
        ) from error
    except (TemplateError, ArithmeticError, MemoryError, RecursionError, SyntaxError, TypeError,
            ValueError) as error:  # fmt: skip
        raise PromptError(
            f"Prompt file {path}: the body is no template: {error}.",
            hint="Write it in smaller parts.",
            rule="template-syntax",
            line=body_line,
        ) from error
    partials = [_included(path, node, body_line) for node in tree.find_all(_outside())]
    called = {id(call.node) for call in tree.find_all(nodes.Call)}
    for node in tree.find_all(nodes.Getattr):
        _check_attribute(path, node, body_line, called=id(node) in called)
    return Use(frozenset(meta.find_undeclared_variables(tree)), tuple(dict.fromkeys(partials)))


def _outside() -> "tuple[type[nodes.Node], ...]":
    from jinja2 import nodes

    return (nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)


def _included(path: Path, node: "nodes.Node", body_line: int) -> str:
    """The partial's name. Raises PromptError for any other way to load a file."""
    from jinja2 import nodes

    if isinstance(node, nodes.Include) and not node.ignore_missing:
        name = node.template.value if isinstance(node.template, nodes.Const) else None
        if isinstance(name, str) and PARTIAL.fullmatch(name):
            return name
    raise PromptError(
        f"Prompt file {path}, line {node.lineno} of the body: a prompt loads no other file than "
        'partials of the library, as {% include "partials/NAME" %}.',
        hint="Write the text here, put it into the prompts folder's partials, or pass it in as a "
        "variable.",
        rule="include",
        line=node.lineno + body_line - 1,
    )


def _check_attribute(path: Path, node: "nodes.Getattr", body_line: int, *, called: bool) -> None:
    from jinja2 import nodes

    if isinstance(node.node, nodes.Name) and node.node.name == "loop":
        fits = node.attr in _LOOP and called == (node.attr in ("changed", "cycle"))
    else:
        fits = called and node.attr in METHODS
    if not fits:
        raise PromptError(
            f"Prompt file {path}, line {node.lineno} of the body: no value has the attribute "
            f"{node.attr!r}{' to read' if node.attr in METHODS else ''}.",
            hint="A value is text, a number, true or false, or a list of texts. Methods are "
            "called, such as name.strip().",
            rule="attribute",
            line=node.lineno + body_line - 1,
        )


def _shown(value: object) -> object:
    """What may stand in a prompt. Raises TypeError for all whose text would be Python's."""
    from jinja2 import Undefined

    if isinstance(value, str | int | float | Undefined):
        return value
    if isinstance(value, list | tuple):
        raise TypeError("a list is shown with a filter, such as | join(', ')")
    raise TypeError(f"a {type(value).__name__} has no text of its own")


@cache
def _sandbox_class() -> "type[SandboxedEnvironment]":
    from jinja2 import Undefined
    from jinja2.runtime import LoopContext
    from jinja2.sandbox import SandboxedEnvironment

    texts = (str, list, tuple, LoopContext)

    class Sandbox(SandboxedEnvironment):
        intercepted_binops = frozenset({"*", "**", "%"})

        def getattr(self, obj: Any, attribute: str) -> Any:
            known = _LOOP if isinstance(obj, LoopContext) else METHODS
            # An undefined value says in its own words what it lacks.
            if isinstance(obj, Undefined) or (
                attribute in known and type(obj) in texts and hasattr(obj, attribute)
            ):
                return getattr(obj, attribute)
            return self.undefined(obj=obj, name=attribute)

        def getitem(self, obj: Any, argument: Any) -> Any:
            # Jinja2 would go on with an attribute of that name, which a user's text could name.
            try:
                return obj[argument]
            except (LookupError, TypeError):
                return self.undefined(obj=obj, name=argument)

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            _check_size(operator, left, right)
            return super().call_binop(context, operator, left, right)

    return Sandbox


def _size(value: Any) -> int:
    return len(value) if hasattr(value, "__len__") else 0


def _check_size(operator: str, left: Any, right: Any) -> None:
    """Raises ValueError for what could take all memory."""
    if operator == "**" or (operator == "%" and isinstance(left, str)):
        raise ValueError(f"a prompt does not work with {operator!r} here")
    if operator != "*":
        return
    for one, times in ((left, right), (right, left)):
        if isinstance(times, int) and _size(one) * times > MAX_TEXT:
            raise ValueError(f"a text of more than {MAX_TEXT} characters")
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() + right.bit_length()
        if bits > MAX_INT_BITS:
            raise ValueError(f"a number of more than {MAX_INT_BITS} bits")
