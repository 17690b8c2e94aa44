"""The keys: equal exactly for calls that mean the same."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway.key import cache_key, content_digest, flight_key, journal_digest
from pointsman.nodes.gateway.transport import ModelRequest, ToolSpec
from pointsman.nodes.message import ToolCall, Turn

words = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
objects = st.dictionaries(words, values, max_size=3)
calls = st.builds(ToolCall, id=words, name=words, args=objects)
turns = st.builds(
    Turn,
    role=st.sampled_from(["system", "user", "assistant"]),
    content=words,
    tool_calls=st.tuples() | st.tuples(calls),
)
transcripts = st.lists(turns, max_size=2).map(tuple)
requests = st.builds(
    ModelRequest,
    turns=transcripts,
    examples=st.lists(transcripts, max_size=2).map(tuple),
    tools=st.lists(st.builds(ToolSpec, words, words, objects), max_size=1).map(tuple),
    choices=st.lists(words, max_size=2).map(tuple),
    output_schema=st.none() | objects,
    max_tokens=st.integers(1, 3),
    temperature=st.sampled_from([0.0, 0.5]),
    prompt_version=words,
)


def turned(value: JsonValue) -> JsonValue:
    """The same JSON with every object's fields in the reverse order."""
    if isinstance(value, dict):
        return {name: turned(part) for name, part in reversed(value.items())}
    return [turned(part) for part in value] if isinstance(value, list) else value


def turned_object(value: JsonObject) -> JsonObject:
    """As `turned`, of an object."""
    return {name: turned(part) for name, part in reversed(value.items())}


@given(requests, requests)
def test_equal_iff_the_content_is_equal(one: ModelRequest, other: ModelRequest) -> None:
    """Two requests have one digest exactly when they are the same request."""
    assert (content_digest(one) == content_digest(other)) == (one == other)


@given(requests)
def test_the_order_of_fields_does_not_matter(request: ModelRequest) -> None:
    """JSON objects are equal in whatever order their fields were written."""
    schema = request.output_schema
    tools = tuple(
        replace(tool, parameters=turned_object(tool.parameters)) for tool in request.tools
    )
    same = replace(request, tools=tools, output_schema=schema and turned_object(schema))
    assert content_digest(same) == content_digest(request)


@given(requests, words, st.integers(0, 1))
def test_what_decides_nothing_is_left_out(request: ModelRequest, word: str, number: int) -> None:
    """Purpose, tier, cacheability and an integer temperature change no key."""
    same = replace(request, purpose=word, tier=word, cacheable=False)
    assert content_digest(same) == content_digest(request)
    assert content_digest(replace(request, temperature=number)) == content_digest(
        replace(request, temperature=float(number))
    )


keyed = st.tuples(words, words, words, st.integers(0, 2), words)


@given(keyed, keyed)
def test_tenants_and_models_never_share(
    one: tuple[str, str, str, int, str], other: tuple[str, str, str, int, str]
) -> None:
    """Another content, model, tenant, occurrence or guard policy is another key, however the parts
    are cut; and another flight."""
    assert (cache_key(*one) == cache_key(*other)) == (one == other)
    flights = [flight_key(c, (m,), t, n, guards) for c, m, t, n, guards in (one, other)]
    assert (flights[0] == flights[1]) == (one == other)


@given(requests)
def test_the_kinds_of_key_never_meet(request: ModelRequest) -> None:
    """A journal digest, a cache key and a flight key of one request all differ."""
    content = content_digest(request)
    keys = {
        content,
        journal_digest(content, "m"),
        cache_key(content, "m", "t"),
        flight_key(content, ("m",), "t"),
    }
    assert len(keys) == 4
