"""What the shop's policy says of each write: what may be changed, and what becomes of the money.

Amounts are US dollars, rounded to cents. A gift card pays and is refunded at once, so its balance
changes; other methods only get an entry in the order's payment history.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from tests.retail.shop import Desk, Record, Refused

Reason = Literal["no longer needed", "ordered by mistake"]
MODIFIED = "pending (item modified)"


def cancel(desk: Desk, order_id: str, reason: Reason) -> str:
    """Cancel an order and refund what each method paid for it."""
    order = _order_that_is(desk, order_id, "pending")
    user = desk.user(order["user_id"])
    for method, paid in _paid(order).items():
        _refund(order, user, method, paid)
    order |= {"status": "cancelled", "cancel_reason": reason}
    desk.put_user(user)
    desk.put_order(order)
    return f"order {order_id} is cancelled"


def change_address(desk: Desk, order_id: str, address: dict[str, str]) -> str:
    """Send a pending order elsewhere."""
    order = _order_that_is(desk, order_id, "pending")
    order["address"] = address
    desk.put_order(order)
    return f"order {order_id} goes to {_line(address)}"


def change_payment(desk: Desk, order_id: str, method: str) -> str:
    """Pay a pending order by another method, and refund the one that paid."""
    order = _order_that_is(desk, order_id, "pending")
    user = desk.user(order["user_id"])
    paid = _paid(order)
    if len(paid) != 1:
        raise Refused(f"order {order_id} was not paid by one method")
    ((before, total),) = paid.items()
    if method == before:
        raise Refused(f"order {order_id} is paid by {method} already")
    _charge(order, user, method, total)
    _refund(order, user, before, total)
    desk.put_user(user)
    desk.put_order(order)
    return f"order {order_id} is paid by {method}"


def change_items(
    desk: Desk, order_id: str, item_ids: Sequence[str], new_item_ids: Sequence[str], method: str
) -> str:
    """Swap items of a pending order for other variants, once, and settle the difference."""
    order = _order_that_is(desk, order_id, "pending")
    user = desk.user(order["user_id"])
    swaps = _swaps(desk, order, item_ids, new_item_ids)
    difference = _difference(swaps)
    if difference > 0:
        _charge(order, user, method, difference)
    else:
        _refund(order, user, method, -difference)
    for old, new in swaps:
        old.update({key: new[key] for key in ("item_id", "price", "options")})
    order["status"] = MODIFIED
    desk.put_user(user)
    desk.put_order(order)
    return f"order {order_id} has other items, {difference:+.2f} USD on {method}"


def give_back(desk: Desk, order_id: str, item_ids: Sequence[str], method: str) -> str:
    """Ask a delivered order's items back. The refund waits for them to arrive."""
    order = _order_that_is(desk, order_id, "delivered")
    user = desk.user(order["user_id"])
    _picked(order, item_ids)
    if method not in _paid(order) and _method(user, method)["source"] != "gift_card":
        raise Refused(f"a refund goes to what paid order {order_id}, or to a gift card")
    order |= {
        "status": "return requested",
        "return_items": sorted(item_ids),
        "return_payment_method_id": method,
    }
    desk.put_order(order)
    return f"return of {len(item_ids)} items of order {order_id} is requested"


def exchange(
    desk: Desk, order_id: str, item_ids: Sequence[str], new_item_ids: Sequence[str], method: str
) -> str:
    """Swap items of a delivered order. The difference is settled when they arrive."""
    order = _order_that_is(desk, order_id, "delivered")
    user = desk.user(order["user_id"])
    difference = _difference(_swaps(desk, order, item_ids, new_item_ids))
    _affordable(user, method, difference)
    order |= {
        "status": "exchange requested",
        "exchange_items": sorted(item_ids),
        "exchange_new_items": sorted(new_item_ids),
        "exchange_payment_method_id": method,
        "exchange_price_difference": difference,
    }
    desk.put_order(order)
    return f"exchange of {len(item_ids)} items of order {order_id} is requested"


def move_user(desk: Desk, user_id: str, address: dict[str, str]) -> str:
    """Change a user's default address."""
    user = desk.user(user_id)
    user["address"] = address
    desk.put_user(user)
    return f"{user_id} lives at {_line(address)}"


def _order_that_is(desk: Desk, order_id: str, status: str) -> Record:
    order = desk.order(order_id)
    if order["status"] != status:
        raise Refused(f"order {order_id} is {order['status']}, not {status}")
    return order


def _paid(order: Record) -> dict[str, float]:
    """What each method paid and did not get back."""
    paid: Counter[str] = Counter()
    for entry in order["payment_history"]:
        sign = 1 if entry["transaction_type"] == "payment" else -1
        paid[entry["payment_method_id"]] += sign * entry["amount"]
    return {method: round(usd, 2) for method, usd in paid.items() if round(usd, 2) > 0}


def _method(user: Record, method: str) -> Record:
    if method not in user["payment_methods"]:
        raise Refused(f"{user['user_id']} has no payment method {method}")
    return user["payment_methods"][method]


def _affordable(user: Record, method: str, usd: float) -> Record:
    """The method. Raises Refused for a gift card that holds less."""
    found = _method(user, method)
    if found["source"] == "gift_card" and found["balance"] < usd:
        raise Refused(f"{method} holds {found['balance']:.2f} USD, {usd:.2f} are needed")
    return found


def _charge(order: Record, user: Record, method: str, usd: float) -> None:
    _entry(order, _affordable(user, method, usd), "payment", usd)


def _refund(order: Record, user: Record, method: str, usd: float) -> None:
    found = _method(user, method)
    if usd:
        _entry(order, found, "refund", usd)


def _entry(order: Record, method: Record, kind: str, usd: float) -> None:
    order["payment_history"].append(
        {"transaction_type": kind, "amount": usd, "payment_method_id": method["id"]}
    )
    if method["source"] == "gift_card":
        change = -usd if kind == "payment" else usd
        method["balance"] = round(method["balance"] + change, 2)


def _picked(order: Record, item_ids: Sequence[str]) -> list[Record]:
    """The order's lines with these items, each line once. Raises Refused for one too many."""
    if not item_ids:
        raise Refused("no item was named")
    left = list(order["items"])
    picked: list[Record] = []
    for item_id in item_ids:
        line = next((one for one in left if one["item_id"] == item_id), None)
        if line is None:
            raise Refused(f"order {order['order_id']} has no item {item_id}, or not so many")
        left.remove(line)
        picked.append(line)
    return picked


def _swaps(
    desk: Desk, order: Record, item_ids: Sequence[str], new_item_ids: Sequence[str]
) -> list[tuple[Record, Record]]:
    """Each line with the variant that takes its place: available, of the same product."""
    if len(item_ids) != len(new_item_ids):
        raise Refused(f"{len(item_ids)} items cannot become {len(new_item_ids)}")
    swaps: list[tuple[Record, Record]] = []
    for line, new_id in zip(_picked(order, item_ids), new_item_ids, strict=True):
        product, variant = desk.item(new_id)
        if product != line["product_id"]:
            raise Refused(f"item {new_id} is no {line['name']}")
        if not variant["available"]:
            raise Refused(f"item {new_id} is not available")
        if new_id == line["item_id"]:
            raise Refused(f"item {new_id} is what the order has")
        swaps.append((line, variant))
    return swaps


def _difference(swaps: list[tuple[Record, Record]]) -> float:
    return round(sum(new["price"] for _, new in swaps) - sum(old["price"] for old, _ in swaps), 2)


def _line(address: dict[str, str]) -> str:
    parts = ("address1", "address2", "city", "state", "zip", "country")
    return ", ".join(address[part] for part in parts if address[part])
