"""The shop's tools, as a specialist gets them.

Writes are high stakes: each asks a person. Handing over to people is a write too, since it acts on
the world and must not happen twice, but one of low stakes that changes no record.
"""

import ast
import operator
from collections.abc import Callable
from functools import partial
from typing import Any

from pointsman.nodes.message import Change
from pointsman.nodes.specialist import AnyTool
from pointsman.nodes.tool import tool
from tests.retail import rules
from tests.retail.rules import Reason
from tests.retail.shop import Record, Refused, RetailShop, Rule, canonical

WRITES = {
    "cancel_pending_order": rules.cancel,
    "exchange_delivered_order_items": rules.exchange,
    "modify_pending_order_address": rules.change_address,
    "modify_pending_order_items": rules.change_items,
    "modify_pending_order_payment": rules.change_payment,
    "modify_user_address": rules.move_user,
    "return_delivered_order_items": rules.give_back,
}
HANDOVER = "hand_over_to_people"
ADDRESS = ("address1", "address2", "city", "state", "country", "zip")

_OPERATORS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def retail_tools(shop: RetailShop, *, reconcile: bool = False) -> tuple[AnyTool, ...]:
    """Every tool of the shop. `reconcile`: the writes look into the shop's journal after a crash;
    right only while no two runs do the same."""
    return (*_reads(shop), *_writes(shop, reconcile=reconcile), _handover(shop))


def rule_of(name: str, args: Record) -> Rule:
    """What a write does at the desk."""
    given = dict(args)
    if "address1" in given:
        address = {part: given.pop(part) for part in ADDRESS}
        given["address"] = address
    if "payment_method_id" in given:
        given["method"] = given.pop("payment_method_id")
    return lambda desk: WRITES[name](desk, **given)


def changed(was: Record, now: Record) -> list[tuple[str, Any, Any]]:
    """The fields that differ: name, before, after."""
    names = sorted(was.keys() | now.keys())
    return [(n, was.get(n), now.get(n)) for n in names if was.get(n) != now.get(n)]


def arithmetic(expression: str) -> float:
    """The value of a sum: numbers, + - * / and brackets, nothing else. Raises Refused."""

    def value(node: ast.AST) -> float:
        match node:
            case ast.Expression(body=body):
                return value(body)
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.BinOp(op=op, left=left, right=right) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](value(left), value(right))
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](value(operand))
            case _:
                pass
        raise Refused(f"{expression!r} is no sum")

    try:
        return value(ast.parse(expression.strip(), mode="eval"))
    except (SyntaxError, ZeroDivisionError, RecursionError) as error:
        raise Refused(f"{expression!r} has no value: {error}") from error


def _reads(shop: RetailShop) -> tuple[AnyTool, ...]:
    @tool(effect="read")
    def find_user_id_by_email(email: str) -> str:
        """Find a user's id by e-mail address."""
        return _only(shop, "lower(body ->> '$.email') = lower(?)", email)

    @tool(effect="read")
    def find_user_id_by_name_zip(first_name: str, last_name: str, zip: str) -> str:
        """Find a user's id by first name, last name and zip code."""
        return _only(
            shop,
            "lower(body ->> '$.name.first_name') = lower(?)"
            " AND lower(body ->> '$.name.last_name') = lower(?) AND body ->> '$.address.zip' = ?",
            first_name, last_name, zip,
        )  # fmt: skip

    @tool(effect="read")
    def get_user_details(user_id: str) -> Record:
        """Show a user's profile, payment methods and order ids."""
        return shop.look(lambda desk: desk.user(user_id))

    @tool(effect="read")
    def get_order_details(order_id: str) -> Record:
        """Show an order; its id begins with #."""
        return shop.look(lambda desk: desk.order(order_id))

    @tool(effect="read")
    def get_product_details(product_id: str) -> Record:
        """Show a product and its variants."""
        return shop.look(lambda desk: desk.product(product_id))

    @tool(effect="read")
    def get_item_details(item_id: str) -> Record:
        """Show one variant of a product, by its item id."""
        product_id, variant = shop.look(lambda desk: desk.item(item_id))
        return {"product_id": product_id, **variant}

    @tool(effect="read")
    def list_all_product_types() -> dict[str, str]:
        """List the names of all products with their ids."""
        return shop.look(lambda desk: desk.product_types())

    @tool(effect="read")
    def calculate(expression: str) -> str:
        """Work out a sum such as 12.5 - (3 + 4) * 2, to the cent."""
        return f"{arithmetic(expression):.2f}"

    return (
        find_user_id_by_email, find_user_id_by_name_zip, get_user_details, get_order_details,
        get_product_details, get_item_details, list_all_product_types, calculate,
    )  # fmt: skip


def _only(shop: RetailShop, condition: str, *values: str) -> str:
    found = shop.look(lambda desk: desk.users_where(condition, *values))
    if len(found) != 1:
        raise Refused("there is no such user" if not found else f"{len(found)} users fit")
    return found[0]


def _writes(shop: RetailShop, *, reconcile: bool) -> tuple[AnyTool, ...]:
    def high(fn: Callable[..., str]) -> AnyTool:
        name = fn.__name__
        make = tool(
            effect="write",
            stakes="high",
            preview=partial(_preview, shop, name),
            reconcile=partial(_happened, shop, name) if reconcile else None,
        )
        return make(fn)

    @high
    def cancel_pending_order(order_id: str, reason: Reason) -> str:
        """Cancel a pending order and refund it."""
        return _done(shop, "cancel_pending_order", locals())

    @high
    def exchange_delivered_order_items(
        order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
    ) -> str:
        """Exchange items of a delivered order for other variants, position by position."""
        return _done(shop, "exchange_delivered_order_items", locals())

    @high
    def modify_pending_order_address(
        order_id: str, address1: str, address2: str, city: str, state: str, country: str, zip: str
    ) -> str:  # fmt: skip
        """Change where a pending order goes."""
        return _done(shop, "modify_pending_order_address", locals())

    @high
    def modify_pending_order_items(
        order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str
    ) -> str:
        """Change items of a pending order to other variants, position by position; only once."""
        return _done(shop, "modify_pending_order_items", locals())

    @high
    def modify_pending_order_payment(order_id: str, payment_method_id: str) -> str:
        """Change how a pending order is paid."""
        return _done(shop, "modify_pending_order_payment", locals())

    @high
    def modify_user_address(
        user_id: str, address1: str, address2: str, city: str, state: str, country: str, zip: str
    ) -> str:  # fmt: skip
        """Change a user's default address."""
        return _done(shop, "modify_user_address", locals())

    @high
    def return_delivered_order_items(
        order_id: str, item_ids: list[str], payment_method_id: str
    ) -> str:
        """Request the return of items of a delivered order."""
        return _done(shop, "return_delivered_order_items", locals())

    return (
        cancel_pending_order, exchange_delivered_order_items, modify_pending_order_address,
        modify_pending_order_items, modify_pending_order_payment, modify_user_address,
        return_delivered_order_items,
    )  # fmt: skip


def _handover(shop: RetailShop) -> AnyTool:
    @tool(effect="write", stakes="low")
    def hand_over_to_people(summary: str) -> str:
        """Hand the user over to a human agent, with a summary of what they want."""
        return shop.write(HANDOVER, {"summary": summary}, lambda _: "handed over")

    return hand_over_to_people


def _done(shop: RetailShop, name: str, given: Record) -> str:
    args = {key: value for key, value in given.items() if key != "shop"}
    return shop.write(name, args, rule_of(name, args))


def _preview(shop: RetailShop, name: str, **args: object) -> list[Change]:
    """What the write would change, found by doing it and taking it back."""
    found = shop.would_change(rule_of(name, args))
    return [
        Change(what=f"{key} {field}", before=before, after=after)
        for (_, key), (was, now) in found.items()
        for field, before, after in changed(was, now)
    ]


def _happened(shop: RetailShop, name: str, **args: object) -> str | None:
    """What the journal says of a write."""
    wanted = canonical(args)
    done = (c for c in shop.journal() if (c.tool, c.args, c.refused) == (name, wanted, ""))
    return next((c.said for c in done), None)
