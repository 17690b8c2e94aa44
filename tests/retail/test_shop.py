"""The shop's own rules, on a small shop: what the replay of published episodes rests on."""

from pathlib import Path

import pytest

from pointsman.errors import BadOutput
from pointsman.nodes.message import Change
from tests.retail.rules import MODIFIED
from tests.retail.shop import Record, Refused, RetailShop, canonical, first_difference
from tests.retail.tools import arithmetic, retail_tools

MUG, BIG_MUG, SOLD_OUT, LAMP = "101", "102", "103", "201"
ADDRESS = {
    "address1": "1 Main St", "address2": "", "city": "Austin", "state": "TX", "country": "USA",
    "zip": "78701",
}  # fmt: skip
ELSEWHERE = {**ADDRESS, "address1": "2 Elm St"}


def variant(item_id: str, price: float, *, available: bool = True) -> Record:
    """A variant of a product."""
    options = {"kind": item_id}
    return {"item_id": item_id, "options": options, "available": available, "price": price}


def line(product: str, name: str, item_id: str, price: float) -> Record:
    """A line of an order."""
    options = {"kind": item_id}
    return {
        "name": name, "product_id": product, "item_id": item_id, "price": price, "options": options,
    }  # fmt: skip


def order(order_id: str, status: str, method: str) -> Record:
    """Two mugs and a lamp, for 50 dollars."""
    items = [
        line("1", "Mug", MUG, 10.0),
        line("1", "Mug", MUG, 10.0),
        line("2", "Lamp", LAMP, 30.0),
    ]
    paid = {"transaction_type": "payment", "amount": 50.0, "payment_method_id": method}
    return {
        "order_id": order_id, "user_id": "ann_1", "address": ADDRESS, "items": items,
        "status": status, "payment_history": [paid],
    }  # fmt: skip


def database() -> dict[str, dict[str, Record]]:
    """One user with a card and a gift card, two products, three orders."""
    mugs = [variant(MUG, 10.0), variant(BIG_MUG, 12.5), variant(SOLD_OUT, 9.0, available=False)]
    methods = {
        "card": {"source": "credit_card", "id": "card"},
        "gift": {"source": "gift_card", "id": "gift", "balance": 20.0},
    }
    ann = {
        "user_id": "ann_1", "name": {"first_name": "Ann", "last_name": "Lee"}, "address": ADDRESS,
        "email": "ann@example.com", "payment_methods": methods, "orders": ["#P", "#G", "#D"],
    }  # fmt: skip
    return {
        "products": {
            "1": {"name": "Mug", "product_id": "1", "variants": {v["item_id"]: v for v in mugs}},
            "2": {"name": "Lamp", "product_id": "2", "variants": {LAMP: variant(LAMP, 30.0)}},
        },
        "users": {"ann_1": ann},
        "orders": {
            "#P": order("#P", "pending", "card"),
            "#G": order("#G", "pending", "gift"),
            "#D": order("#D", "delivered", "card"),
        },
    }


class Counter:
    """The shop with its tools by name."""

    def __init__(self, file: Path) -> None:
        self.shop = RetailShop.load(file, database())
        self.tools = {tool.name: tool for tool in retail_tools(self.shop, reconcile=True)}

    def call(self, name: str, *args: object, **named: object) -> str:
        """Call a tool."""
        return str(self.tools[name](*args, **named))

    def order(self, order_id: str) -> Record:
        """An order as it is now."""
        return self.shop.look(lambda desk: desk.order(order_id))

    @property
    def gift(self) -> float:
        """What the gift card holds."""
        ann = self.shop.look(lambda desk: desk.user("ann_1"))
        return ann["payment_methods"]["gift"]["balance"]


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    """A small shop."""
    return Counter(tmp_path / "shop.db")


def test_a_cancelled_order_is_refunded_where_it_was_paid(counter: Counter) -> None:
    """The refund is an entry of the order; a gift card has its money back at once."""
    counter.call("cancel_pending_order", "#G", "no longer needed")
    gone = counter.order("#G")
    assert (gone["status"], gone["cancel_reason"]) == ("cancelled", "no longer needed")
    refund = {"transaction_type": "refund", "amount": 50.0, "payment_method_id": "gift"}
    assert gone["payment_history"][1:] == [refund]
    assert counter.gift == 70.0


def test_a_second_call_is_refused_and_shows_in_the_journal(counter: Counter) -> None:
    """Both calls are rows; the second changed nothing else."""
    counter.call("cancel_pending_order", "#G", "no longer needed")
    rows = counter.shop.rows()
    with pytest.raises(Refused, match="#G is cancelled, not pending"):
        counter.call("cancel_pending_order", "#G", "no longer needed")
    assert counter.shop.rows() == rows
    assert [bool(call.refused) for call in counter.shop.journal()] == [False, True]


def test_another_method_pays_and_the_first_is_refunded(counter: Counter) -> None:
    """A gift card must hold enough; the order stays pending and can still be cancelled."""
    with pytest.raises(Refused, match=r"gift holds 20\.00 USD, 50\.00 are needed"):
        counter.call("modify_pending_order_payment", "#P", "gift")
    counter.call("modify_pending_order_payment", "#G", "card")
    assert counter.gift == 70.0
    counter.call("cancel_pending_order", "#G", "ordered by mistake")
    entries = [(e["transaction_type"], e["payment_method_id"])
               for e in counter.order("#G")["payment_history"]]  # fmt: skip
    assert entries == [
        ("payment", "gift"), ("payment", "card"), ("refund", "gift"), ("refund", "card"),
    ]  # fmt: skip
    assert counter.gift == 70.0


def test_items_change_once(counter: Counter) -> None:
    """The difference is charged, equal lines change one by one, and then nothing more can."""
    counter.call("modify_pending_order_items", "#P", [MUG], [BIG_MUG], "gift")
    after = counter.order("#P")
    assert [item["item_id"] for item in after["items"]] == [BIG_MUG, MUG, LAMP]
    assert (after["status"], counter.gift) == (MODIFIED, 17.5)
    with pytest.raises(Refused, match="item modified"):
        counter.call("modify_pending_order_address", "#P", **ELSEWHERE)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ([MUG], [LAMP], "no Mug"),
        ([MUG], [SOLD_OUT], "not available"),
        ([MUG], [MUG], "is what the order has"),
        ([MUG], [BIG_MUG, BIG_MUG], "cannot become"),
        ([MUG] * 3, [BIG_MUG] * 3, "not so many"),
        ([MUG], ["999"], "no item 999"),
        ([], [], "no item was named"),
    ],
)
def test_what_cannot_be_swapped(counter: Counter, old: list[str], new: list[str], why: str) -> None:
    """Only an available variant of the same product, line by line; for both kinds of swap."""
    for name, order_id in (
        ("modify_pending_order_items", "#P"), ("exchange_delivered_order_items", "#D"),
    ):  # fmt: skip
        with pytest.raises(Refused, match=why):
            counter.call(name, order_id, old, new, "card")
    assert counter.order("#P") == database()["orders"]["#P"]


def test_exchange_and_return_wait_for_the_items(counter: Counter) -> None:
    """The order says what was asked; no money moves; a delivered order takes one of the two."""
    counter.call("exchange_delivered_order_items", "#D", [MUG, MUG], [BIG_MUG, BIG_MUG], "card")
    after = counter.order("#D")
    assert (after["status"], after["exchange_price_difference"]) == ("exchange requested", 5.0)
    assert len(after["payment_history"]) == 1
    with pytest.raises(Refused, match="exchange requested, not delivered"):
        counter.call("return_delivered_order_items", "#D", [LAMP], "card")


def test_a_refund_goes_back_or_to_a_gift_card(counter: Counter) -> None:
    """A return to a method the user has not is refused."""
    with pytest.raises(Refused, match="no payment method other"):
        counter.call("return_delivered_order_items", "#D", [LAMP], "other")
    counter.call("return_delivered_order_items", "#D", [LAMP], "gift")
    assert counter.order("#D")["return_payment_method_id"] == "gift"
    assert counter.gift == 20.0


def test_addresses(counter: Counter) -> None:
    """The order's and the user's are two."""
    counter.call("modify_pending_order_address", "#P", **ELSEWHERE)
    assert counter.order("#P")["address"] == ELSEWHERE
    assert counter.shop.look(lambda desk: desk.user("ann_1"))["address"] == ADDRESS
    counter.call("modify_user_address", "ann_1", **ELSEWHERE)
    assert counter.shop.look(lambda desk: desk.user("ann_1"))["address"] == ELSEWHERE
    assert counter.order("#G")["address"] == ADDRESS


async def test_a_preview_shows_it_and_does_nothing(counter: Counter) -> None:
    """Before and after of each field; no row of the journal; what is refused says why."""
    given = {"order_id": "#P", "reason": "no longer needed"}
    rows = counter.shop.rows()
    _, changes = await counter.tools["cancel_pending_order"].preview_of(given)
    assert Change(what="#P status", before="pending", after="cancelled") in changes
    assert (counter.shop.rows(), counter.shop.journal()) == (rows, [])


async def test_reconcile_looks_into_the_journal(counter: Counter) -> None:
    """It finds a write that was done, and not one that was refused."""
    tool = counter.tools["cancel_pending_order"]
    done = {"order_id": "#P", "reason": "no longer needed"}
    refused = {"order_id": "#D", "reason": "no longer needed"}
    assert await tool.found(done) is None
    await tool.invoke(done)
    with pytest.raises(Refused):
        counter.call("cancel_pending_order", **refused)
    assert await tool.found(done) == "order #P is cancelled"
    assert await tool.found(refused) is None


def test_a_reason_is_one_of_two(counter: Counter) -> None:
    """Others do not fit the schema, so nobody is asked about them."""
    with pytest.raises(BadOutput, match="reason"):
        counter.tools["cancel_pending_order"].frozen({"order_id": "#P", "reason": "bored"})


def test_users_and_items_are_found(counter: Counter) -> None:
    """By e-mail, by name and zip code, by item id; whatever the case of the letters."""
    assert counter.call("find_user_id_by_email", "Ann@Example.com") == "ann_1"
    assert counter.call("find_user_id_by_name_zip", "ann", "LEE", "78701") == "ann_1"
    with pytest.raises(Refused, match="no such user"):
        counter.call("find_user_id_by_name_zip", "Ann", "Lee", "78702")
    assert "'product_id': '1'" in counter.call("get_item_details", BIG_MUG)
    assert counter.tools["list_all_product_types"]() == {"Lamp": "2", "Mug": "1"}


@pytest.mark.parametrize(
    ("expression", "value"),
    [("3131.1 + 4777.75 + 367.38", 8276.23), ("2 * (3 - -4) / 7", 2.0), (" 5 ", 5.0)],
)
def test_sums(expression: str, value: float) -> None:
    """Numbers, the four operations, brackets and signs."""
    assert arithmetic(expression) == pytest.approx(value)


@pytest.mark.parametrize(
    "expression",
    ["__import__('os')", "9 ** 9 ** 9", "True + 1", "1 / 0", "1 +", "a", "'x' * 9", ""],
)
def test_what_is_no_sum_is_refused(expression: str) -> None:
    """Nothing else is ever evaluated."""
    with pytest.raises(Refused):
        arithmetic(expression)


def test_handing_over_changes_no_record(counter: Counter) -> None:
    """It is in the journal, since it must not happen twice; no user, product or order changes."""
    rows = counter.shop.rows()
    counter.call("hand_over_to_people", "wants a manager")
    assert counter.shop.rows() == rows
    (call,) = counter.shop.journal()
    assert call.args == canonical({"summary": "wants a manager"})


def test_the_first_difference_is_found(counter: Counter, tmp_path: Path) -> None:
    """Equal shops have none; data and journal both count."""
    other = Counter(tmp_path / "other.db")
    assert first_difference(counter.shop.state(), other.shop.state()) == ""
    counter.call("hand_over_to_people", "x")
    assert first_difference(counter.shop.state(), other.shop.state()) == "1 calls, 0 calls"
    counter.call("modify_pending_order_address", "#P", **ELSEWHERE)
    assert "2 Elm St" in first_difference(counter.shop.state(), other.shop.state())
