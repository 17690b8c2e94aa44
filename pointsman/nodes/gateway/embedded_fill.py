"""The fields of a call or of an object, filled by the tiny model from the conversation: each with a
value chosen among those found there, or with a run of the message's words.
"""

from collections.abc import Sequence

from pydantic import JsonValue

from pointsman.errors import BadOutput
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway import embedded_copy as copy
from pointsman.nodes.gateway.embedded_llama import Llama
from pointsman.nodes.gateway.embedded_prompt import Case, one_line, shown_value

_MAX_ITEMS = 8
"""Items of a list that are chosen at most."""
_TEXT_TOKENS = 160


def filled(
    llama: Llama, prompt: str, schema: JsonObject, case: Case, *, required_only: bool = True
) -> tuple[JsonObject, str]:
    """Values for an object's fields, one after another, and the prompt with them.

    With `required_only`, an optional field is filled where the message itself names its value.
    Raises BadOutput for a required field with no value in the conversation, or of no plain type.
    """
    found: JsonObject = {}
    for field in copy.fields(schema):
        if not field.required and (required_only and not _named(field, case)):
            continue
        if not field.required and not _possible(field.schema, case):
            continue
        value, prompt = _value(llama, f"{prompt}{field.name}:", field, case)
        found[field.name] = value
    return found, prompt


def _value(llama: Llama, prompt: str, field: copy.Field, case: Case) -> tuple[JsonValue, str]:
    how = copy.kind(field.schema)
    if how == "closed":
        options = copy.values(field.schema, case.places)
        if not options:
            raise BadOutput(
                f"The conversation holds no value for the field {field.name!r}.",
                hint="Make the field optional, or ask for it.",
            )
        # What the message names needs no guess.
        value = _pick(llama, prompt, copy.named(options, case.message) or options)
        return value, f"{prompt} {shown_value(value)}\n"
    if how == "text":
        text = _text(llama, prompt, field.schema, case)
        return text, f"{prompt} {text}\n"
    if how == "object":
        value, prompt = filled(llama, f"{prompt}\n", field.schema, case, required_only=False)
        return value, prompt
    if how == "list":
        items = _items(llama, prompt, field, case)
        return list(items), f"{prompt} {', '.join(shown_value(i) for i in items)}\n"
    raise BadOutput(
        f"The embedded model cannot fill the field {field.name!r}: its schema has no plain type.",
        hint="Give the field one type, or use a larger model.",
    )


def _pick(llama: Llama, prompt: str, options: Sequence[JsonValue]) -> JsonValue:
    if len(options) == 1:
        return options[0]
    texts = {f" {shown_value(option)}": option for option in options}
    ranked = llama.rank(prompt, list(texts))
    return texts[max(ranked, key=lambda text: ranked[text])]


def _items(llama: Llama, prompt: str, field: copy.Field, case: Case) -> list[JsonValue]:
    """Items of a list, each chosen once, until the line's end is likelier than any further one."""
    item = field.schema.get("items")
    schema = copy.resolved(item, field.schema) if isinstance(item, dict) else {}
    if copy.kind(schema) != "closed":
        return [_text(llama, prompt, schema, case)] if copy.kind(schema) == "text" else []
    left = list(copy.values(schema, case.places))
    chosen: list[JsonValue] = []
    while left and len(chosen) < _MAX_ITEMS:
        sign = "," if chosen else ""
        texts = {f"{sign} {shown_value(value)}": value for value in left}
        ranked = llama.rank(prompt, [*texts, ""] if chosen else list(texts))
        best = max(ranked, key=lambda text: ranked[text])
        if not best:
            break
        chosen.append(texts[best])
        left.remove(texts[best])
        prompt += best
    return chosen


def _text(llama: Llama, prompt: str, schema: JsonObject, case: Case) -> str:
    """A free text field: a run of words of the message."""
    source = one_line(case.message) or one_line(" ".join(case.places))
    if not source:
        return ""
    longest = schema.get("maxLength")
    shortest = schema.get("minLength")
    text, _ = llama.write(prompt, grammar=copy.span(source), max_tokens=_TEXT_TOKENS)
    text = text.strip()
    if isinstance(shortest, int) and len(text) < shortest:
        text = source
    return text[:longest].rstrip() if isinstance(longest, int) else text


def _named(field: copy.Field, case: Case) -> bool:
    """Whether the message itself holds a value for the field."""
    if copy.kind(field.schema) != "closed":
        return False
    if "pattern" in field.schema:
        return bool(copy.values(field.schema, (case.message,)))
    return bool(copy.named(copy.values(field.schema, ()), case.message))


def _possible(schema: JsonObject, case: Case) -> bool:
    how = copy.kind(schema)
    return how != "unknown" and (how != "closed" or bool(copy.values(schema, case.places)))
