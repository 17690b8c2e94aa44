"""What every store of the response cache promises, and the cache on top of it. Subclass it and give
the fixture `desk`."""

import asyncio
import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.cachestore import LEAST_BYTES, CacheStore, Row
from pointsman.nodes.gateway.kept import MAX_VALUE, Answer, Match, Tags
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Usage
from pointsman.nodes.message import ToolCall, Turn

REPLY = ModelReply(
    model="m",
    text="héllo ☃",
    tool_calls=(ToolCall(id="1", name="t", args={"a": [1, {"b": None}]}),),
    usage=Usage(7, 3),
    usd=0.5,
    seconds=2.0,
    probabilities=(("x", 0.75), ("y", 0.25)),
)
REQUEST = ModelRequest(turns=(Turn(role="user", content="hello"),))


@dataclass
class Desk:
    """A place for rows, and caches over it. `plant` writes a row behind the store's back."""

    make: Callable[[], CacheStore]
    plant: Callable[[str, bytes], None]
    now: float = 1_000_000.0
    opened: list[CacheStore] = field(default_factory=list)

    def store(self) -> CacheStore:
        """A store over the place."""
        self.opened.append(self.make())
        return self.opened[-1]

    def cache(self, store: CacheStore | None = None, **options: object) -> ResponseCache:
        """A cache over the place, at the desk's time."""
        options.setdefault("clock", lambda: self.now)
        return ResponseCache(store or self.store(), **options)  # type: ignore[arg-type]

    async def aclose(self) -> None:
        """Close every store."""
        for store in self.opened:
            await store.aclose()


async def keys_of(store: CacheStore, prefix: str = "") -> set[str]:
    """The keys that a scan gives."""
    return {key async for key, _ in store.scan(prefix)}


async def kept(cache: ResponseCache, match: Match | None = None) -> set[str]:
    """The texts of the answers that are kept."""
    return {one.reply.text async for one in cache.entries(match)}


def said(text: str, model: str = "m") -> ModelReply:
    """An answer of 2 s for a quarter dollar."""
    return ModelReply(model=model, text=text, usd=0.25, seconds=2.0)


class StoreContract:
    """Bytes by key."""

    async def test_what_was_put_is_got(self, desk: Desk) -> None:
        """Bytes of any kind, in the order asked for; what is not there is None."""
        store = desk.store()
        value = bytes(range(256))
        await store.put([Row("a", value), Row("b", b"2", lives=60.0)])
        assert list(await store.get(["b", "none", "a"])) == [b"2", None, value]
        await store.put([Row("a", b"new")])
        assert list(await store.get(["a"])) == [b"new"]

    async def test_rows_end(self, desk: Desk) -> None:
        """After their seconds rows are gone, from `get` and from a scan."""
        store = desk.store()
        await store.put([Row("a", b"1", lives=0.02), Row("b", b"2", lives=60.0)])
        await asyncio.sleep(0.05)
        assert list(await store.get(["a", "b"])) == [None, b"2"]
        assert await keys_of(store) == {"b"}

    async def test_size_is_bounded_and_the_newest_stay(self, desk: Desk) -> None:
        """Beyond the bound the oldest rows leave; a row put again is new."""
        store = desk.store()
        await store.put([Row("k0", b"first"), Row("k1", b"second")])
        for number in range(2, 240):
            await store.put([Row(f"k{number}", b"x" * 10_000)])
            if number % 20 == 0:
                await store.put([Row("k0", b"again")])
        found = await store.get(["k0", "k1", "k2", "k239", "k200"])
        assert [value is not None for value in found] == [True, False, False, True, True]
        room = await store.room()
        assert room.bound == LEAST_BYTES
        assert LEAST_BYTES / 2 < room.used < LEAST_BYTES * 1.1

    async def test_dropping_gives_the_room_back(self, desk: Desk) -> None:
        """What was dropped is gone and its bytes are free; dropping twice is nothing."""
        store = desk.store()
        await store.put([Row("keep", b"1")])
        before = (await store.room()).used
        names = [f"k{n}" for n in range(30)]
        await store.put([Row(name, b"x" * 20_000) for name in names])
        assert await store.drop([*names, "none"]) == 30
        assert await store.drop(names) == 0
        assert await keys_of(store) == {"keep"}
        assert (await store.room()).used <= before + 20_000

    async def test_replaced_and_ended_rows_take_no_room(self, desk: Desk) -> None:
        """The same key a thousand times is one row; rows that ended are forgotten in time."""
        store = desk.store()
        for _ in range(5):
            await store.put([Row("k", b"x" * 20_000)])
        await store.put([Row("gone", b"x" * 100_000, lives=0.01)])
        await asyncio.sleep(0.03)
        await store.get(["gone"])
        await store.put([Row("other", b"y")])
        assert (await store.room()).used < 120_000

    async def test_scans_find_all_of_a_prefix(self, desk: Desk) -> None:
        """Each row once, over many pages; signs that mean something to a server mean nothing."""
        store = desk.store()
        names = {f"a*:{n}" for n in range(450)}
        await store.put([Row(name, b"1") for name in sorted(names)])
        await store.put([Row("ab:1", b"1"), Row("a:1", b"1")])
        assert await keys_of(store, "a*:") == names
        found = [key async for key, _ in store.scan("a")]
        assert len(found) == len(set(found)) == 452

    async def test_counters_add_up(self, desk: Desk) -> None:
        """Whole numbers and fractions, over stores of one place."""
        store = desk.store()
        assert dict(await store.counts()) == {}
        await store.count({"hits": 2, "saved_usd": 0.25})
        await store.count({"hits": 1, "saved_usd": 0.5})
        assert dict(await store.counts()) == {"hits": 3.0, "saved_usd": 0.75}

    async def test_many_at_once(self, desk: Desk) -> None:
        """A hundred calls at once all get what they put."""
        store = desk.store()

        async def one(number: int) -> bool:
            await store.put([Row(f"k{number}", str(number).encode())])
            return list(await store.get([f"k{number}"])) == [str(number).encode()]

        assert all(await asyncio.gather(*(one(n) for n in range(100))))

    async def test_closing_twice_and_going_on(self, desk: Desk) -> None:
        """A closed store opens again at the next use."""
        store = desk.store()
        await store.put([Row("a", b"1")])
        await store.aclose()
        await store.aclose()
        await store.get(["a"])
        await store.put([Row("b", b"2")])
        assert list(await store.get(["b"])) == [b"2"]

    async def test_other_loops_may_use_it(self, desk: Desk) -> None:
        """A store serves the loop of another thread as well, and both see the same rows."""
        store = desk.store()
        await store.put([Row("a", b"1")])

        async def elsewhere() -> bytes | None:
            (value,) = await store.get(["a"])
            await store.put([Row("b", b"2")])
            await store.aclose()
            return value

        assert await asyncio.to_thread(lambda: asyncio.run(elsewhere())) == b"1"
        assert list(await store.get(["b"])) == [b"2"]


class CacheContract:
    """Answers by key."""

    async def test_an_answer_is_found_as_it_was(self, desk: Desk) -> None:
        """Every field of it, by the first key that has one."""
        cache = desk.cache()
        await cache.put([("b", REPLY), ("c", said("other"))])
        assert await cache.find(["a", "b", "c"]) == REPLY
        assert await cache.find(["a"]) is None
        assert await cache.find([]) is None

    async def test_answers_expire_and_linger(self, desk: Desk) -> None:
        """After `ttl` an answer is a miss; for `grace` more it is found where every model failed;
        then it is gone."""
        cache = desk.cache(ttl=10.0, grace=5.0)
        await cache.put([("k", REPLY)])
        desk.now += 9.9
        assert await cache.find(["k"]) == REPLY
        desk.now += 0.2
        assert await cache.find(["k"]) is None
        assert await cache.find(["k"], stale=True) == REPLY
        desk.now += 5.0
        assert await cache.find(["k"], stale=True) is None

    async def test_without_grace_nothing_is_stale(self, desk: Desk) -> None:
        """Expired answers are served by those only who said that they may be."""
        cache = desk.cache(ttl=10.0)
        await cache.put([("k", REPLY)])
        desk.now += 10.0
        assert await cache.find(["k"], stale=True) is None

    async def test_an_answer_has_its_own_time(self, desk: Desk) -> None:
        """`ttl` of an answer wins over the cache's; infinity is for ever; none at all is not
        kept."""
        cache = desk.cache(ttl=10.0)
        answers = [Answer(str(ttl), said(str(ttl)), ttl=ttl) for ttl in (5.0, math.inf, 0.0, -1.0)]
        await cache.put([*answers, Answer("own", said("own"))])
        assert await kept(cache) == {"5.0", "inf", "own"}
        desk.now += 7.0
        found = [await cache.find([key]) is not None for key in ("5.0", "own", "inf")]
        assert found == [False, True, True]
        desk.now += 1e9
        assert await cache.find(["inf"]) is not None

    @pytest.mark.parametrize(
        "reply",
        [
            ModelReply(model="m"),
            ModelReply(model="m", text=" \n"),
            ModelReply(model="m", text="x", usd=math.nan),
            ModelReply(model="m", text="x" * (MAX_VALUE + 1)),
        ],
        ids=["empty", "blank", "nan", "huge"],
    )
    async def test_what_is_no_answer_is_not_kept(self, desk: Desk, reply: ModelReply) -> None:
        """Nothing, numbers that JSON does not have, and what is too long; the rest of the put is
        kept."""
        cache = desk.cache()
        await cache.put([("k", reply), ("j", said("good"))])
        assert await kept(cache) == {"good"}
        assert (await cache.stats()).refused == 1

    async def test_calls_without_text_are_an_answer(self, desk: Desk) -> None:
        """A reply that only calls a tool is kept."""
        cache = desk.cache()
        reply = ModelReply(model="m", tool_calls=REPLY.tool_calls)
        await cache.put([("k", reply)])
        assert await cache.find(["k"]) == reply

    async def test_what_bears_a_secret_is_not_kept(
        self, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        """In the answer or in what it answers; nor what could not be looked at."""

        def broken(request: ModelRequest) -> bool:
            if "crash" in request.turns[0].content:
                raise RuntimeError("hunter2")
            return "secret" not in request.turns[0].content

        cache = desk.cache(storable=lambda reply: "secret" not in reply.text, answerable=broken)
        texts = ["fine", "a secret", "crash"]
        requests = [ModelRequest(turns=(Turn(role="user", content=text),)) for text in texts]
        await cache.put([Answer(f"r{n}", said(f"r{n}"), request=r) for n, r in enumerate(requests)])
        await cache.put([("a", said("the secret is out")), ("b", said("plain"))])
        assert await kept(cache) == {"r0", "plain"}
        assert "hunter2" not in caplog.text
        assert (await cache.stats()).refused == 3

    async def test_namespaces_never_meet(self, desk: Desk) -> None:
        """One key in two namespaces is two answers; clearing one leaves the other."""
        store = desk.store()
        one, other = desk.cache(store), desk.cache(store, namespace="default2")
        await one.put([("k", said("one"))])
        assert await other.find(["k"]) is None
        await other.put([("k", said("other"))])
        assert await one.clear() == 1
        assert (await kept(one), await kept(other)) == (set(), {"other"})

    async def test_answers_are_cleared_by_what_they_belong_to(self, desk: Desk) -> None:
        """By tag, by age, by both; and how many it were."""
        cache = desk.cache(ttl=None)
        await cache.put([Answer("a", said("a"), Tags(team="t", specialist="s", model="m"))])
        desk.now += 100.0
        await cache.put(
            [
                Answer("b", said("b"), Tags(team="t", specialist="s", model="n")),
                Answer("c", said("c"), Tags(team="u", tenant="acme", prompt_version="p1")),
            ]
        )
        assert await kept(cache, Match(tags={"team": "t"})) == {"a", "b"}
        assert await kept(cache, Match(tags={"tenant": "acme", "prompt_version": "p1"})) == {"c"}
        assert await kept(cache, Match(older_than=50.0, tags={"team": "u"})) == set()
        assert await cache.clear(Match(older_than=50.0)) == 1
        assert await cache.clear(Match(tags={"model": "n"})) == 1
        assert await kept(cache) == {"c"}
        assert await cache.find(["b"]) is None

    async def test_hits_and_misses_are_counted(self, desk: Desk) -> None:
        """With what they saved; an unknown price is unknown. A miss is one however long the chain,
        and a stale look after it is not another."""
        cache = desk.cache(ttl=10.0, grace=10.0)
        await cache.find(["none", "nor", "neither"])
        await cache.put([("k", said("x")), ("u", ModelReply(model="m", text="y", seconds=1.0))])
        for key in ("k", "k", "u"):
            await cache.find([key])
        desk.now += 11.0
        await cache.find(["k"])
        await cache.find(["k"], stale=True)
        await cache.find(["none"], stale=True)
        stats = await cache.stats()
        assert (stats.hits, stats.stale, stats.misses, stats.puts) == (3, 1, 2, 2)
        assert (stats.saved_usd, stats.saved_unpriced, stats.saved_seconds) == (0.75, 1, 7.0)
        assert 0 < stats.bytes <= stats.max_bytes == LEAST_BYTES

    async def test_counts_outlive_the_cache(self, desk: Desk) -> None:
        """Closing writes them; the next one over the same store goes on."""
        store = desk.store()
        cache = desk.cache(store)
        await cache.find(["none"])
        await cache.aclose()
        await cache.find(["none"])
        assert (await desk.cache(store).stats()).misses == 1
        assert (await cache.stats()).misses == 2

    async def test_a_row_of_somebody_else_is_a_miss(
        self, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Noise, a pickle, a nest of brackets, another key's row, another secret's: one warning for
        all, nothing is parsed that is not sealed, and putting mends it."""
        store = desk.store()
        await desk.cache(store, secret=b"theirs").put([("secret", said("planted"))])
        cache = desk.cache(store, secret=b"ours")
        await cache.put([("k", REPLY), ("j", REPLY)])
        rows = {key: value async for key, value in store.scan("")}
        planted = {
            "noise": b"\xff" * 100,
            "empty": b"",
            "pickle": b"\x80\x04\x95cposix\nsystem\n.",
            "bomb": b"0" * 32 + b"[" * 1_000_000,
            "wide": b"0" * 32 + json.dumps({"a" * n: n for n in range(300)}).encode(),
            "long": b"1" * (MAX_VALUE + 100),
            "moved": rows["default:k"],
            "flipped": rows["default:k"][:-9] + b"X" + rows["default:k"][-8:],
            "cut": rows["default:k"][:-1],
        }
        with caplog.at_level(logging.WARNING):
            for name, value in planted.items():
                desk.plant(f"default:{name}", value)
                assert await cache.find([name]) is None, name
            assert await cache.find(["secret"]) is None
            assert await cache.find(["moved", "j"]) == REPLY, "the next key is tried"
        assert len(caplog.records) == 1
        await cache.put([("noise", REPLY)])
        assert await cache.find(["noise"]) == REPLY

    async def test_clearing_all_takes_unreadable_rows_too(self, desk: Desk) -> None:
        """What another secret sealed is not listed, and is cleared all the same."""
        store = desk.store()
        await desk.cache(store, secret=b"theirs").put([("a", said("a"))])
        cache = desk.cache(store, secret=b"ours")
        assert await kept(cache) == set()
        assert await cache.clear() == 1
        assert await keys_of(store) == set()
