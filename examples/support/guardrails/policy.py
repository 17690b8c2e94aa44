"""Which actions need a person. Ordered rules, first match decides; what no rule names asks."""

from pointsman.guardrails.policy import ApprovalPolicy, Limit, PolicyRule

policy = ApprovalPolicy(
    rules=(
        # A hold moves no money and no parcel: the carrier keeps it where it is, and lets it go at
        # any time the customer asks. A week is what the carrier does for free; beyond that a person
        # decides. This is the only write that nobody looks at.
        PolicyRule(
            "short-hold",
            then="allow",
            tools=("hold_parcel",),
            specialists=("shipping",),
            when=(Limit("days", at_least=1, at_most=7),),
            reason="up to a week, free of charge and taken back at any time",
        ),
        PolicyRule(
            "large-refund",
            then="ask",
            tools=("refund",),
            when=(Limit("usd", at_least=500),),
            reason="more than any single product of ours costs: check the order before you approve",
        ),
        PolicyRule(
            "other-writes",
            then="ask",
            effect="write",
            reason="changes the shop",
        ),
    )
)
