"""The team's tools, by specialist. Reads run at once; writes are proposed for the policy."""

import re
from typing import Annotated, Literal

from pointsman import tool
from pointsman.nodes.message import Change
from pointsman.nodes.specialist import AnyTool
from pydantic import BaseModel, ConfigDict, Field, field_validator

from nodes import sentences
from nodes.shop import Shop, usd

InvoiceNumber = Annotated[str, Field(pattern=r"^INV-\d{4}$", description="e.g. INV-1042")]
ParcelNumber = Annotated[str, Field(pattern=r"^PX-\d{4}$", description="e.g. PX-2240")]
OrderNumber = Annotated[str, Field(pattern=r"^SO-\d{4}$", description="e.g. SO-3040")]
DeviceNumber = Annotated[str, Field(pattern=r"^DV-\d{4}$", description="e.g. DV-7004")]

ADDRESS = re.compile(r"\d+[a-zA-Z]? [^,?!]+, [^,?!]+, [A-Z]{2}( \d{5})?")
LONGEST_HOLD = 30
"""Days for which the carrier keeps a parcel at most."""

Kind = Literal["hub", "camera", "sensor", "thermostat", "doorbell", "plug", "lock", "lamp"]
Problem = Literal[
    "wifi", "battery", "setup", "light", "picture", "sound", "alarm", "heating", "display",
    "update", "stuck",
]  # fmt: skip


class Call(BaseModel):
    """Base of every call's arguments: nothing beyond the fields is accepted."""

    model_config = ConfigDict(extra="forbid")


class InvoiceCall(Call):
    """Which invoice."""

    invoice: InvoiceNumber


class RefundCall(Call):
    """Which invoice, and how many US dollars of it to give back."""

    invoice: InvoiceNumber
    usd: float = Field(gt=0, le=2000)

    @property
    def cents(self) -> int:
        """The amount in US cents, rounded to the nearest."""
        return round(self.usd * 100)


class ParcelCall(Call):
    """Which parcel."""

    parcel: ParcelNumber


class OrderCall(Call):
    """Which order."""

    order: OrderNumber


class HoldCall(Call):
    """Which parcel, and for how many days after the expected one."""

    parcel: ParcelNumber
    days: int = Field(ge=1, le=LONGEST_HOLD)


class AddressCall(Call):
    """Which parcel, and the whole new address."""

    parcel: ParcelNumber
    address: str = Field(min_length=10, max_length=120)

    @field_validator("address")
    @classmethod
    def _whole(cls, address: str) -> str:
        """A small model likes to take the customer's sentence for the address."""
        if not ADDRESS.fullmatch(address):
            raise ValueError(
                "give number and street, city and state, as in 12 Main Street, Fresno, CA"
            )
        return address


class ProblemCall(Call):
    """A kind of device and a kind of problem."""

    device: Kind
    problem: Problem


class DeviceCall(Call):
    """Which device."""

    device: DeviceNumber


class RepairCall(Call):
    """Which device, and what is wrong with it."""

    device: DeviceNumber
    problem: Problem


def billing_tools(shop: Shop) -> tuple[AnyTool, ...]:
    """`lookup_invoice` (read) and `refund` (high stakes: a person decides, always)."""

    @tool(effect="read")
    def lookup_invoice(call: InvoiceCall) -> str:
        """Look up an invoice: its amount, when it was paid, what was refunded."""
        return sentences.about_invoice(shop, call.invoice)

    def preview(call: RefundCall) -> str | Change:
        invoice = shop.invoice(call.invoice)
        if invoice is None:
            return f"There is no invoice {call.invoice}: the refund would be refused."
        before, after = invoice.refundable, invoice.refundable - call.cents
        if after < 0:
            return f"Only {usd(before)} of {call.invoice} is left: the refund would be refused."
        return Change(
            what=f"{call.invoice}, paid and not refunded", before=usd(before), after=usd(after)
        )

    @tool(effect="write", stakes="high", preview=preview)
    def refund(call: RefundCall) -> str:
        """Refund money that was paid too much on an invoice."""
        shop.refund(call.invoice, call.cents)
        return sentences.refunded(call.invoice, call.cents)

    return lookup_invoice, refund


def shipping_tools(shop: Shop) -> tuple[AnyTool, ...]:
    """`track_parcel`, `lookup_order` (reads), `hold_parcel`, `change_address` (writes)."""

    @tool(effect="read")
    def track_parcel(call: ParcelCall) -> str:
        """Track a parcel: where it is and when it should arrive."""
        return sentences.about_parcel(shop, call.parcel)

    @tool(effect="read")
    def lookup_order(call: OrderCall) -> str:
        """Look up an order: which parcel it goes out in and where that is."""
        return sentences.about_order(shop, call.order)

    def preview_hold(call: HoldCall) -> str:
        parcel = shop.parcel(call.parcel)
        if parcel is None:
            return f"There is no parcel {call.parcel}."
        return f"{call.parcel}, expected {parcel.expected}: kept {call.days} days longer"

    @tool(effect="write", preview=preview_hold)
    def hold_parcel(call: HoldCall) -> str:
        """Have the carrier keep a parcel for some days."""
        return sentences.held(call.parcel, shop.hold(call.parcel, call.days))

    def preview_address(call: AddressCall) -> str:
        parcel = shop.parcel(call.parcel)
        if parcel is None:
            return f"There is no parcel {call.parcel}."
        return f"{call.parcel}: {parcel.address} -> {call.address}"

    @tool(effect="write", preview=preview_address)
    def change_address(call: AddressCall) -> str:
        """Send a parcel to another address."""
        shop.change_address(call.parcel, call.address)
        return sentences.redirected(call.parcel, call.address)

    return track_parcel, lookup_order, hold_parcel, change_address


def technical_tools(shop: Shop) -> tuple[AnyTool, ...]:
    """`find_article`, `lookup_device` (reads), `open_repair` (a write)."""

    @tool(effect="read")
    def find_article(call: ProblemCall) -> str:
        """Find the manual's advice for a kind of device and a kind of problem."""
        return sentences.about_problem(shop, call.device, call.problem)

    @tool(effect="read")
    def lookup_device(call: DeviceCall) -> str:
        """Look up a device by its number: what it is and when its warranty ends."""
        return sentences.about_device(shop, call.device)

    def preview(call: RepairCall) -> str:
        return f"{sentences.about_device(shop, call.device)} -> repair for {call.problem}"

    @tool(effect="write", preview=preview)
    def open_repair(call: RepairCall) -> str:
        """Open a repair for a device that the manual's advice did not mend."""
        shop.open_repair(call.device, call.problem)
        return sentences.repair_opened(call.device)

    return find_article, lookup_device, open_repair
