"""The team `support` of Hearth, a maker of smart-home devices: billing, shipping, technical."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pointsman import GroundingGuard, Router, Rule, Specialist, Team
from pointsman.nodes.gateway.transports import Transports

from guardrails.overrides import Overrides
from guardrails.policy import policy
from nodes.fallbacks import billing_fallback, shipping_fallback, technical_fallback
from nodes.shop import Shop
from nodes.tools import billing_tools, shipping_tools, technical_tools

PROJECT = Path(__file__).parents[1]


def billing(shop: Shop) -> Specialist:
    """Money: looks invoices up, proposes refunds."""
    return Specialist(
        "billing",
        handles="invoices, payments, charges and refunds",
        prompt="support/billing",
        tools=billing_tools(shop),
        fallback=billing_fallback(shop),
        guards=(Overrides(), GroundingGuard()),
        examples=(
            "I was billed two times for the same order",
            "There is a charge on my credit card that I do not understand",
            "Can I have a refund for invoice INV-1016?",
            "Has my bank transfer for INV-1020 reached you?",
            "What is the amount of my last invoice?",
            "I returned my order and still wait for my money back",
            "Until what date do I have to pay INV-1044?",
            "Please check if INV-1029 is paid",
            "I got a payment reminder although I paid",
            "You charged my card twice, refund me now",
            "Is my bill settled?",
            "I paid too much, please give me the difference back",
            "When will the refund be on my account?",
            "Is invoice INV-1039 already paid?",
            "The amount on my statement is wrong",
            "Do I still owe you anything?",
        ),
    )


def shipping(shop: Shop) -> Specialist:
    """Parcels: tracks them, proposes changes to a delivery."""
    return Specialist(
        "shipping",
        handles="parcels, deliveries, orders on their way and addresses",
        prompt="support/shipping",
        tools=shipping_tools(shop),
        fallback=shipping_fallback(shop),
        guards=(Overrides(), GroundingGuard()),
        examples=(
            "Where is my package right now?",
            "Parcel PX-2218 has not moved for a week",
            "When will my delivery arrive?",
            "Did you already ship order SO-3043?",
            "The courier left nothing at my door but it says delivered",
            "I think my parcel got lost",
            "Please send PX-2246 to a different address",
            "Can you hold my delivery while I am on vacation?",
            "At which pickup point is my parcel waiting?",
            "The tracking number PX-2209 does not work",
            "How long does shipping take?",
            "I will not be home on the delivery day, keep the parcel for some days",
            "It says my package was delivered but it is not here",
            "The parcel arrived at a neighbour, but which one?",
            "Is my order still in your warehouse?",
            "I need my parcel before Friday",
        ),
    )


def technical(shop: Shop) -> Specialist:
    """Devices: finds the manual's advice, proposes repairs."""
    return Specialist(
        "technical",
        handles="devices that do not work, their set-up, batteries, wifi, warranty and repairs",
        prompt="support/technical",
        tools=technical_tools(shop),
        fallback=technical_fallback(shop),
        guards=(Overrides(), GroundingGuard()),
        examples=(
            "The lamp keeps flickering",
            "My hub is offline and the app can not find it",
            "How do I pair the motion sensor with the hub?",
            "The camera loses its connection to the wifi",
            "The battery of the doorbell is empty after one day",
            "The display of my thermostat is blank",
            "The door lock is stuck and does not turn",
            "An update of the hub never finishes",
            "How do I install the thermostat?",
            "How long is the warranty of DV-7009?",
            "My device is broken and needs a repair",
            "The plug shows an orange light, what does that mean?",
            "How do I set up the camera I just got?",
            "My thermostat does not heat the room",
            "The alarm of the sensor starts at night",
            "How can I change the battery?",
        ),
    )


def support_team(
    shop: Shop,
    *,
    home: Path | None = None,
    models: Mapping[str, Sequence[str]] | None = None,
    transports: Transports | None = None,
) -> Team:
    """The team over a shop. Nothing is opened until the first message.

    `home` is the folder of state; `models` and `transports` are for tests, as in `Team`.
    """
    return Team(
        "support",
        specialists=(billing(shop), shipping(shop), technical(shop)),
        router=Router(
            # One rule, for what needs no judgement. The rest is the classifier's, then the model's.
            rules=(Rule("tracking", to="shipping", pattern=r"\btrack(ing)?\b.*\bPX-\d{4}\b"),),
            out_of_scope=(
                "What is the weather like today?",
                "Tell me a joke",
                "Who won the game last night?",
                "Can you write a poem for my mother?",
                "Which restaurant do you like best?",
                "How do I cook rice?",
                "Help me with my homework",
            ),
        ),
        policy=policy,
        models=models,
        home=home,
        prompts=PROJECT / "prompts",
        transports=transports,
        no_route="I can help with invoices, parcels and Hearth devices, and this is none of them.",
    )


team = support_team(Shop())
