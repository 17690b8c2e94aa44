"""A shop's messages, written for the tests: three specialists, and what is nobody's."""

_BILLS = ("bill", "invoice", "charge", "payment", "refund", "receipt")
_PARCELS = ("parcel", "delivery", "shipment", "order", "courier", "package")
_LOGINS = ("login", "password", "account", "e-mail address", "profile", "security code")

SHOP: dict[str, tuple[str, ...]] = {
    "billing": tuple(
        text
        for thing in _BILLS
        for text in (f"my {thing} is wrong", f"why is the {thing} so high", f"pay the {thing}")
    ),
    "delivery": tuple(
        text
        for thing in _PARCELS
        for text in (f"where is my {thing}", f"the {thing} is late", f"track the {thing} please")
    ),
    "access": tuple(
        text
        for thing in _LOGINS
        for text in (f"i forgot my {thing}", f"change my {thing}", f"the {thing} does not work")
    ),
}
NOBODYS = (
    "what is the weather tomorrow", "tell me a joke", "who won the match", "sing a song",
    "how tall is the tower", "what do cats eat", "give me a recipe for soup", "is it raining",
)  # fmt: skip
