"""Requests in parts."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.nodes.gateway.parts import NAMED, in_parts, names_of, whole
from pointsman.nodes.gateway.transport import ModelRequest, ToolSpec
from pointsman.nodes.message import ToolCall, Turn

text = st.text(st.characters(codec="utf-8"), max_size=12)
calls = st.builds(ToolCall, id=text, name=text, args=st.dictionaries(text, text | st.none()))
turns = st.builds(
    Turn, role=st.sampled_from(("system", "user", "assistant", "tool")), content=text,
    tool_calls=st.lists(calls, max_size=2).map(tuple), tool_call_id=st.none() | text,
    name=st.none() | text,
)  # fmt: skip
some = st.lists(turns, max_size=4).map(tuple)
schemas = st.dictionaries(text, st.integers() | text | st.lists(text, max_size=2), max_size=3)
requests = st.builds(
    ModelRequest, turns=some, examples=st.lists(some, max_size=2).map(tuple),
    tools=st.lists(st.builds(ToolSpec, text, text, schemas), max_size=2).map(tuple),
    choices=st.lists(text, max_size=3).map(tuple), output_schema=st.none() | schemas,
    max_tokens=st.integers(1, 9_000), temperature=st.floats(0, 2), purpose=text, tier=text,
    prompt_version=text,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(requests)
def test_a_request_comes_back_whole(request: ModelRequest) -> None:
    """Turns, examples, tools and schema, each in its place; also where the parts went to disk."""
    asked, parts = in_parts(request)
    asked = json.loads(json.dumps(asked))
    again = whole(asked, parts)
    assert again["turns"] == [
        t.model_dump(mode="json", exclude_defaults=True) for t in request.turns
    ]
    found = again["turns"]
    assert isinstance(found, list)
    assert tuple(Turn.model_validate(turn) for turn in found) == request.turns
    assert again["tools"] == [
        {"name": t.name, "description": t.description, "parameters": t.parameters}
        for t in request.tools
    ]
    wanted = [] if request.output_schema is None else [request.output_schema]
    assert again["output_schema"] == wanted
    assert {name: again[name] for name in again if name not in NAMED} == {
        "purpose": request.purpose, "tier": request.tier, "prompt_version": request.prompt_version,
        "max_tokens": request.max_tokens, "temperature": request.temperature,
        "choices": list(request.choices),
    }  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(requests)
def test_every_part_is_named_and_nothing_else_is_kept(request: ModelRequest) -> None:
    """The names in the request are those of the parts, and the same part has the same name."""
    asked, parts = in_parts(request)
    assert set(names_of(asked)) == set(parts)
    assert in_parts(request) == (asked, parts)


@settings(max_examples=30, deadline=None)
@given(requests, some)
def test_what_two_requests_share_is_one_part(request: ModelRequest, more: tuple[Turn, ...]) -> None:
    """A longer transcript names the turns of the shorter one again."""
    longer, _ = in_parts(ModelRequest(turns=(*request.turns, *more)))
    shorter, _ = in_parts(ModelRequest(turns=request.turns))
    names = names_of(shorter)
    assert names_of(longer)[: len(names)] == names


def test_what_is_not_stored_any_more_is_nothing() -> None:
    """An erased part is None in its place; the others stay."""
    turns = (Turn(role="system", content="Be brief."), Turn(role="user", content="hello"))
    asked, parts = in_parts(ModelRequest(turns=turns))
    erased = names_of(asked)[0]
    left = {name: body for name, body in parts.items() if name != erased}
    assert whole(asked, left)["turns"] == [None, {"role": "user", "content": "hello"}]
