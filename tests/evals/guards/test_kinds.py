"""Names of types: what data sets call them, what checks call them."""

import pytest

from pointsman.evals.guards.kinds import PII_LABELS, fits, label_of, labels_of, reads_data
from pointsman.guardrails.denylist import DenyList
from pointsman.guardrails.injection import Injection
from pointsman.guardrails.links import Links
from pointsman.guardrails.pii import Pii
from pointsman.guardrails.secrets import Secrets


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("EMAIL_ADDRESS", "EMAIL"), ("email", "EMAIL"), ("EmailAddress", "EMAIL"),
        ("CREDIT_CARD", "CARD"), ("creditCardNumber", "CARD"), ("credit card", "CARD"),
        ("IBAN_CODE", "IBAN"), ("PHONE_NUMBER", "PHONE"), ("US_SSN", "SSN"), ("SSN", "SSN"),
        ("IP_ADDRESS", "IP"), ("IPv4", "IP"), ("IPV6", "IP"), ("UK_NHS", "ID"),
        ("IN_AADHAAR", "ID"), ("URL", "URL"), ("CRYPTO", "CRYPTO"),
        ("SECRET", "SECRET"), ("api_key", "SECRET"), ("apiKey", "SECRET"), ("Api-Key", "SECRET"),
        ("aws-access-token", "SECRET"), ("awsSecretKey", "SECRET"), ("github-pat", "SECRET"),
        ("PASSWORD", "SECRET"), ("private_key", "SECRET"), ("jwt", "SECRET"),
        ("PERSON", "PERSON"), ("street address", "STREET_ADDRESS"), ("KEYWORD", "KEYWORD"),
        ("\u59d3\u540d", "\u59d3\u540d"),
    ],
)  # fmt: skip
def test_names_are_mapped(name: str, label: str) -> None:
    """However a name is spelled; an unknown one stands for itself."""
    assert label_of(name) == label


def test_every_type_of_pii_has_a_label() -> None:
    """A type that `Pii` learns must be added here, or its spans would count as not looked for."""
    pii = Pii(types=tuple(PII_LABELS))  # pyright: ignore[reportArgumentType]
    assert labels_of([pii]) == (frozenset(PII_LABELS.values()), True)
    assert set(Pii().types) <= PII_LABELS.keys()


def test_what_checks_look_for() -> None:
    """Links look for no type of data; of a check from elsewhere nobody knows."""
    assert labels_of([Secrets(), Links()]) == (frozenset({"SECRET"}), True)
    assert labels_of([DenyList(("x",))])[1] is False


def test_intent_and_data_are_told_apart() -> None:
    """Secrets, personal data and links are data whatever comes of them; so is what is redacted."""
    data = (Secrets(action="block"), Pii(), Links(action="record"), DenyList(("x",), "redact"))
    assert all(reads_data(check) for check in data)
    assert not any(reads_data(check) for check in (Injection(), DenyList(("x",))))


def test_a_social_security_number_is_an_id() -> None:
    """The one pair of labels that counts for each other."""
    assert fits("ID", "SSN")
    assert fits("EMAIL", "EMAIL")
    assert not fits("CARD", "PHONE")
