"""Credential shapes: each rule finds its own, and ordinary support text has none."""

import pytest

from pointsman.guardrails.secrets import RULES, find_secrets

# Put together at run time, so that no scanner takes this file for a leak.
_A = "A1b2C3d4E5f6G7h8J9k0L1m2N3p4Q5r6S7t8U9v0"
_HEX = "0123456789abcdef" * 4
FOUND = {
    "private-key": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n"
    + _A
    + "\n-----END RSA PRIVATE KEY-----",
    "aws-access-key": "AKIA" + "IOSFODNN7EXAMPLE",
    "aws-secret-key": "aws_secret_access_key = " + "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY",
    "github-token": "ghp_" + _A[:36],
    "gitlab-token": "glpat-" + _A[:20],
    "slack-token": "xoxb-" + "123456789012-" + _A[:24],
    "slack-webhook": "https://hooks.slack.com/services/T00000000/B00000000/" + _A[:24],
    "stripe-key": "sk_live_" + _A[:24],
    "model-key": "sk-proj-" + _A,
    "google-key": "AIza" + _A[:35],
    "jwt": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0." + _A,
    "npm-token": "npm_" + _A[:36],
    "pypi-token": "pypi-AgE" + _A + _A,
    "hugging-face-token": "hf_" + _A[:34],
    "sendgrid-key": "SG." + _A[:22] + "." + _A + "xyz",
    "twilio-key": "SK" + _HEX[:32],
    "telegram-token": "123456789:AA" + _A[:33],
    "digitalocean-token": "dop_v1_" + _HEX,
    "shopify-token": "shpat_" + _HEX[:32],
    "databricks-token": "dapi" + _HEX[:32],
    "vault-token": "hvs." + _A,
    "azure-key": "AccountKey=" + _A + _A + "abcdef==",
    "bearer-token": "Authorization: Bearer " + _A,
    "url-password": "postgres://shop:s3cr3tpw@db.example.com/shop",
    "assignment": "password=hunter22",
}


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_each_rule_finds_its_shape(rule: str) -> None:
    """A credential within a sentence is found by the rule named after it."""
    assert rule in {f.rule for f in find_secrets(f"please use {FOUND[rule]} , thanks")}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("password=hunter22", "hunter22"),
        ("my password is hunter22", "hunter22"),
        ('{"api_key": "k3y-f0r-you"}', "k3y-f0r-you"),
        ('{"api_key":"k3y-f0r-you"}', "k3y-f0r-you"),
        ("DB_PASSWORD='letmein!'", "letmein!"),
        ("client secret: q7Hs-22", "q7Hs-22"),
        ("https://bob:pa55w0rd@example.com/", "pa55w0rd"),
    ],
)
def test_only_the_value_of_an_assignment_is_found(text: str, value: str) -> None:
    """The name and the sign stay, so that the sentence still says what it was about."""
    assert {text[f.start : f.end] for f in find_secrets(text)} == {value}


@pytest.mark.parametrize(
    "text",
    [
        "I forgot my password: please help me to reset it",
        "My password is expired since 2024-01-02.",
        "The password is incorrect, says the page.",
        "password=$DB_PASSWORD and api_key=${API_KEY}",
        "api_key = os.environ['KEY']",
        "password: ********",
        "password=abc",
        "Where is INV-1042? It was PX-2231, SO-3046 or DV-7004 of 2024-03-05 for $1,042.50.",
        "the task-list of the risk-management-and-other-long-hyphenated-words",
        "sk-learn-is-not-a-key-but-a-library",
        "https://example.com:8080/path?page=2 at 10:30",
        "password=[SECRET_1]",
    ],
)
def test_ordinary_text_holds_no_credential(text: str) -> None:
    """Questions about passwords, references to variables, masks and placeholders pass."""
    assert find_secrets(text) == []


def test_a_private_key_that_was_cut_off_is_found_to_the_end() -> None:
    """Without its last line, all that follows the first one counts as the key."""
    text = "key: -----BEGIN PRIVATE KEY-----\nMIIEvQ\nAbCd"
    assert [text[f.start : f.end] for f in find_secrets(text)] == [text[5:]]
