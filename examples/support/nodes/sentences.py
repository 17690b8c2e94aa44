"""What the shop's records say, as the one or two plain sentences that tools and fallbacks show.

Every number, amount and date stands here exactly as an answer should repeat it. No name and no
address: an invoice or parcel number is all that the person who asks has shown.
"""

from nodes.shop import Device, Invoice, Parcel, Shop, usd


def about_invoice(shop: Shop, number: str) -> str:
    """What was charged, paid and refunded."""
    invoice = shop.invoice(number)
    if invoice is None:
        return f"There is no invoice {number}."
    text = f"Invoice {number} over {usd(invoice.cents)} {_payment(invoice)}"
    if invoice.refunded:
        day, cents = invoice.refunded[-1]
        text += f" {usd(cents)} was refunded on {day}."
    return text


def _payment(invoice: Invoice) -> str:
    days = [day for day, _ in invoice.paid]
    if not days:
        return f"is not paid yet. It is due on {invoice.due}."
    if len(days) == 1:
        return f"was paid once, on {days[0]}."
    text = f"was paid twice, on {days[0]} and on {days[1]}."
    return f"{text} {usd(invoice.overpaid)} was paid too much." if invoice.overpaid else text


def about_parcel(shop: Shop, number: str) -> str:
    """Where a parcel is and when it should arrive."""
    parcel = shop.parcel(number)
    return _parcel(parcel) if parcel else f"There is no parcel {number}."


def about_order(shop: Shop, number: str) -> str:
    """Which parcel an order goes out in, and where that is."""
    parcel = shop.parcel_of(number)
    if parcel is None:
        return f"There is no order {number}."
    return f"Order {number} goes out in parcel {parcel.id}. {_parcel(parcel)}"


def _parcel(parcel: Parcel) -> str:
    seen = f"It was last seen in {parcel.place} on {parcel.seen}"
    match parcel.state:
        case "packed":
            text = f"is packed and not sent yet. It should arrive on {parcel.expected}."
        case "delivered":
            text = f"was delivered in {parcel.place} on {parcel.seen}."
        case "at pickup point":
            text = f"waits at the pickup point in {parcel.place} until {parcel.hold_until}."
        case "returned":
            text = f"is on its way back to us. {seen}."
        case "lost":
            text = f"is lost. {seen}."
        case state:
            text = f"is {state}. {seen} and should arrive on {parcel.expected}."
    if parcel.hold_until and parcel.state != "at pickup point":
        text += f" The carrier keeps it until {parcel.hold_until}."
    return f"Parcel {parcel.id} {text}"


def about_device(shop: Shop, number: str) -> str:
    """What a device is, how long its warranty runs and whether a repair is open."""
    device = shop.device(number)
    return _device(device) if device else f"There is no device {number}."


def _device(device: Device) -> str:
    text = f"Device {device.id} is a {device.name}. Its warranty ends on {device.warranty_until}."
    if device.repair_opened:
        text += f" A repair was opened on {device.repair_opened}."
    return text


def about_problem(shop: Shop, device: str, problem: str) -> str:
    """What the manual advises."""
    advice = shop.advice(device, problem)
    return advice or f"The manual says nothing about {problem} on the {device}."


def refunded(number: str, cents: int) -> str:
    """A refund that was made."""
    return f"{usd(cents)} of invoice {number} was refunded."


def held(number: str, until: str) -> str:
    """A parcel that the carrier keeps."""
    return f"The carrier keeps parcel {number} until {until}."


def redirected(number: str, address: str) -> str:
    """A parcel that goes elsewhere."""
    return f"Parcel {number} now goes to {address}."


def repair_opened(number: str) -> str:
    """A repair that was opened."""
    return f"A repair of device {number} is open."
