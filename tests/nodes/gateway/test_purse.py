"""A cascade's worst case in the budgets that runs share."""

import asyncio
from collections.abc import Callable

import pytest

from pointsman.errors import BudgetExceeded, ModelOverloaded
from pointsman.nodes.budgets import Allowance, Cost
from pointsman.nodes.gateway.acceptance import ByScore
from pointsman.nodes.gateway.cascade import Cascade
from pointsman.nodes.gateway.cost import Price, input_tokens
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Usage
from pointsman.nodes.run import Run
from pointsman.teams.budgets import SharedBudgets
from pointsman.teams.store.budgets import SqliteBudgets
from tests.nodes.gateway.test_cascade import Door

Make = Callable[..., Run]
Ask = Callable[..., ModelRequest]
TWO = Cascade(weak=("a", "b"), strong=("c",))
PRICES = {name: Price(1_000_000, 1_000_000) for name in "abc"}


def paid(text: str) -> ModelReply:
    """An answer that costs 15 dollars."""
    return ModelReply(model="x", text=text, usage=Usage(10, 5))


class Books:
    """Shared budgets of one kind: `left` US dollars, every hold counted."""

    def __init__(self, left: float) -> None:
        self.left = left
        self.held: list[float] = []
        self.spent: list[float | None] = []
        self.asked: list[tuple[str, float | None]] = []

    async def reserve(self, run: Run, model: str, worst: Cost) -> "Held":
        """Take it of what is left."""
        await asyncio.sleep(0)
        self.asked.append((model, worst.usd))
        usd = worst.usd or 0.0
        if usd > self.left:
            raise BudgetExceeded("short")
        self.left -= usd
        self.held.append(usd)
        return Held(self, usd)


class Held:
    """A hold of these books."""

    seconds = float("inf")

    def __init__(self, books: Books, usd: float) -> None:
        self.books, self.usd = books, usd

    async def settle(self, used: Cost) -> None:
        """The rest goes back."""
        await self.release()
        self.books.spent.append(used.usd)
        self.books.left -= self.usd if used.usd is None else used.usd

    async def release(self) -> None:
        """All of it goes back."""
        self.books.held.remove(self.usd)
        self.books.left += self.usd


def shared(books: Books, cascade: Cascade = TWO, **answers: list[Scripted]) -> Door:
    """A door whose calls count in the books."""
    return Door(cascade, prices=PRICES, budgets=books, **answers)


async def test_the_worst_case_is_reserved_in_shared_budgets(run: Make, ask: Ask) -> None:
    """Money for the tries alone begins nothing; money for all is enough, and what was not used is
    there again."""
    asked = ask(max_tokens=10)
    each = float(input_tokens(asked) + 10)
    books, step = Books(2.5 * each), run()
    door = shared(books, a=[paid("1")], b=[paid("2")], c=[paid("3")])
    with pytest.raises(BudgetExceeded):
        await door.gateway.complete(asked, step)
    assert door.calls == {"a": 0, "b": 0, "c": 0}
    assert (books.left, books.held) == (2.5 * each, [])
    assert (step.spend.held_usd, step.spend.held_calls) == (0, 0)
    books.left = 3 * each
    assert (await door.gateway.complete(asked, run())).text == "3"
    assert (books.spent, books.held, books.left) == ([15.0] * 3, [], 3 * each - 45)


async def test_a_try_that_holds_gives_the_rest_back(run: Make, ask: Ask) -> None:
    """The strong call was set aside and not made."""
    asked = ask(max_tokens=10)
    each = float(input_tokens(asked) + 10)
    books = Books(3 * each)
    door = shared(books, a=[paid("1")], b=[paid("1")], c=[])
    await door.gateway.complete(asked, run())
    assert (books.spent, books.held, books.left) == ([15.0] * 2, [], 3 * each - 30)
    assert [model for model, _ in books.asked] == ["a", "b", "c"], "each set aside once"


async def test_two_cascades_cannot_both_take_the_last(run: Make, ask: Ask) -> None:
    """Of two at once with money for one and a half, one is made whole and one not at all."""
    asked = ask(max_tokens=10)
    books = Books(4.5 * (input_tokens(asked) + 10))
    answers: dict[str, list[Scripted]] = {
        "a": [paid("1")] * 2, "b": [paid("2")] * 2, "c": [paid("3")] * 2,
    }  # fmt: skip
    door = shared(books, **answers)
    two = [door.gateway.complete(ask(f"{n}", max_tokens=10), run(f"r{n}")) for n in range(2)]
    came = await asyncio.gather(*two, return_exceptions=True)
    assert sorted(type(one).__name__ for one in came) == ["BudgetExceeded", "ModelReply"]
    assert door.calls == {"a": 1, "b": 1, "c": 1}
    assert books.held == []


async def test_a_try_that_fails_leaves_its_place_to_its_retry(run: Make, ask: Ask) -> None:
    """A call that cost nothing is made again with what was set aside for it."""
    asked = ask(max_tokens=10)
    each = float(input_tokens(asked) + 10)
    books = Books(3 * each)
    busy: list[Scripted] = [ModelOverloaded("busy"), paid("1")]
    door = shared(books, a=busy, b=[paid("2")], c=[paid("3")])
    await door.gateway.complete(asked, run())
    assert door.calls == {"a": 2, "b": 1, "c": 1}
    assert (len(books.asked), books.held) == (3, [])


async def test_a_cancelled_cascade_leaves_nothing_held_in_shared_budgets(
    run: Make, ask: Ask
) -> None:
    """What was not asked goes back; what was cut off counts at its worst."""
    asked, begun = ask(max_tokens=10), asyncio.Event()
    each = float(input_tokens(asked) + 10)
    books = Books(2 * each)

    async def hang(request: ModelRequest) -> Scripted:
        begun.set()
        await asyncio.Event().wait()
        return "late"

    one = Cascade(weak=("a",), strong=("c",), accept=ByScore(lambda *_: 1.0, at_least=1))
    door = shared(books, one, a=[], c=[])
    door.models["a"] = ScriptedTransport(hang)
    call = asyncio.create_task(door.gateway.complete(asked, run()))
    await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (books.held, books.spent, books.left) == ([], [None], each)


async def test_the_team_s_own_budgets_hold_it(run: Make, ask: Ask) -> None:
    """With the budgets that teams use: refused whole, made whole, and exact in the end."""
    asked = ask(max_tokens=10)
    each = float(input_tokens(asked) + 10)
    small, large = Allowance(usd=2.5 * each), Allowance(usd=3 * each)
    for allowance, spent in ((small, 0), (large, 45)):
        books = SqliteBudgets(None)
        budgets = SharedBudgets([allowance], books)
        door = Door(
            TWO, prices=PRICES, budgets=budgets, a=[paid("1")], b=[paid("2")], c=[paid("3")]
        )
        step = run()
        try:
            assert (await door.gateway.complete(asked, step)).text == "3"
        except BudgetExceeded:
            assert spent == 0
        balance = await budgets.balance(allowance, step)
        assert balance.spent.usd == spent * 10**9
        assert (balance.held.usd, balance.held.calls) == (0, 0)
        assert sum(door.calls.values()) == (3 if spent else 0)
        await books.aclose()
