"""Credential shapes: each rule finds its own, and ordinary support text has none."""

from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Misconfigured
from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.check import look
from pointsman.guardrails.secrets import RULES, Secrets, find_secrets

# Put together at run time, so that no scanner takes this file for a leak.
_A = "A1b2C3d4E5f6G7h8J9k0L1m2N3p4Q5r6S7t8U9v0"
_HEX = "0123456789abcdef" * 4
_UUID = "6f1b3c2d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
_LOWER = "a1b2c3d4e5f6g7h8j9k0" * 4
_BASE32 = "ABCDEFGH234567QRSTUVWXYZ" * 3
FOUND = {
    "aws-bedrock-key": "ABSK" + _A * 3,
    "bitbucket-token": "ATBB" + _A[:32],
    "atlassian-token": "ATATT3" + _A * 2,
    "discord-webhook": "https://discord.com/api/webhooks/123456789012345678/" + (_A * 2)[:68],
    "teams-webhook": "https://acme.webhook.office.com/webhookb2/" + _A + "@" + _A,
    "rubygems-token": "rubygems_" + _HEX[:48],
    "cargo-token": "cio" + _A[:32],
    "nuget-key": "oy2" + _LOWER[:43],
    "clojars-token": "CLOJARS_" + _LOWER[:60],
    "packagist-token": "packagist_ort_" + _HEX + "abcd",
    "mailgun-key": "key-" + _HEX[:32],
    "mailchimp-key": _HEX[:32] + "-us12",
    "brevo-key": "xkeysib-" + _HEX + "-" + _A[:16],
    "postmark-resend-key": "re_" + _A[:8] + "_" + _A[:24],
    "discord-token": "M" + _A[:23] + "." + _A[:6] + "." + _A[:27],
    "square-token": "sq0atp-" + _A[:22],
    "facebook-token": "EAA" + _A * 3,
    "paypal-key": "access_token$production$" + _LOWER[:16] + "$" + _HEX[:32],
    "razorpay-key": "rzp_live_" + _A[:14],
    "adyen-key": "AQE" + _A * 3,
    "flutterwave-key": "FLWSECK_TEST-" + _A[:32],
    "plaid-token": "access-production-" + _UUID,
    "terraform-token": _A[:14] + ".atlasv1." + (_A * 2)[:67],
    "pulumi-token": "pul-" + _HEX[:40],
    "doppler-token": "dp.pt." + _A + "abc",
    "docker-token": "dckr_pat_" + _A[:27],
    "kubernetes-join-token": "kubeadm join 10.0.0.1:6443 --token " + "abcdef.0123456789abcdef",
    "fly-token": "fo1_" + (_A * 2)[:43],
    "heroku-key": "HRKU-" + _A,
    "vercel-token": "vcp_" + (_A * 2)[:56],
    "netlify-token": "nfp_" + _A,
    "render-key": "rnd_" + _A[:32],
    "cloudflare-token": "v1.0-" + _HEX[:24] + "-" + (_HEX * 3)[:146],
    "supabase-key": "sbp_" + _HEX[:40],
    "planetscale-token": "pscale_tkn_" + _A,
    "grafana-token": "glsa_" + _A[:32] + "_" + _HEX[:8],
    "new-relic-key": "NRAK-" + _A[:27].upper(),
    "sentry-token": "sntryu_" + _HEX,
    "dynatrace-token": "dt0c01." + _BASE32[:24] + "." + _BASE32[:64],
    "posthog-key": "phx_" + (_A * 2)[:43],
    "linear-key": "lin_api_" + _A,
    "notion-token": "ntn_" + (_A * 2)[:46],
    "airtable-token": "pat" + _A[:14] + "." + _HEX,
    "figma-token": "figd_" + _A,
    "asana-token": "2/1234567890123456/1234567890123457:" + _HEX[:32],
    "hubspot-token": "pat-na1-" + _UUID,
    "okta-token": "SSWS 00" + _A,
    "postman-key": "PMAK-" + _HEX[:24] + "-" + _HEX[:34],
    "circleci-token": "CCIPAT_" + _A[:22] + "_" + _HEX[:40],
    "buildkite-token": "bkua_" + _HEX[:40],
    "jfrog-token": "AKCp" + (_A * 2)[:69],
    "sonar-token": "sqp_" + _HEX[:40],
    "snyk-token": "snyk_uat." + _HEX[:8] + "." + _A,
    "sourcegraph-token": "sgp_" + _HEX[:40],
    "tailscale-key": "tskey-auth-" + _A[:12] + "-" + _A[:32],
    "onepassword-key": "A3-ABC123-DEF456GH789-AB12C-DE34F-GH56J",
    "age-key": "AGE-SECRET-KEY-1" + _BASE32[:58],
    "alibaba-key": "LTAI" + _A[:20],
    "tencent-key": "AKID" + _A[:32],
    "yandex-key": "AQVN" + _A[:36],
    "mapbox-key": "sk.eyJ" + (_A * 2)[:60] + "." + _A[:22],
    "dropbox-token": "sl." + _A * 4,
    "contentful-token": "CFPAT-" + (_A * 2)[:43],
    "salesforce-token": "00D" + _A[:15] + "!" + _A * 3,
    "azure-client-secret": "abc8Q~" + _A[:34],
    "azure-sas": "https://x.blob.core.windows.net/c?sv=2020-08-04&sig=" + _A + "abc%3D",
    "azure-devops-token": _LOWER[:52] + "AZDO" + _LOWER[:24],
    "prefixed-token": "acme_live_" + _A[:32],
    "basic-auth": "Authorization: Basic " + b64encode(b"shop:hunter22").decode(),
    "curl-user": "curl -s -u shop:hunter22 https://shop.example/",
    "named-token": "SHOP_INGEST_TOKEN: " + _A,
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


_KEY, _HEX32 = _A[:32], "9f86d081884c7d659a2feaa0c55ad015"


@pytest.mark.parametrize("value", [_KEY, _HEX32])
@pytest.mark.parametrize("between", ["=", ": ", " = '", '": "', " => "])
@pytest.mark.parametrize(
    "name",
    [
        "API_KEY", "apiKey", "x-api-key", "SECRET_KEY", "client_secret", "access_token",
        "JWT_SECRET",
        "DATADOG_API_KEY", "STRIPE_SECRET", "MY_SERVICE_TOKEN", "token", "secret", "account_key",
        "aws_secret_access_key", "ALGOLIA_ADMIN_KEY", "private_token", "SENDGRID_KEY", "auth-token",
        "SECRET_KEY_BASE", "API_KEY_PROD", "oauth_token_secret", "authorization",
    ],
)  # fmt: skip
def test_a_value_no_person_made_up_is_found_behind_any_such_name(
    name: str, between: str, value: str
) -> None:
    """Configuration files, JSON, code and environment variables: found to its last character."""
    close = between[-1] if between[-1] in "'\"" else ""
    text = f"see {name}{between}{value}{close}\nnext"
    assert value in {text[f.start : f.end] for f in find_secrets(text)}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("DB_PASSWORD=supersecret9", "supersecret9"),
        ("SMTP_PASS=Xy7-kk2q", "Xy7-kk2q"),
        ("database:\n  password: swordfish\n  port: 1", "swordfish"),
        ('"password": "correct horse battery staple 9"', "correct horse battery staple 9"),
        ("Server=db;User Id=sa;Password=Pa$$w0rd!;Encrypt=true", "Pa$$w0rd!"),
        ("jdbc:mysql://h/db?user=x&password=abc123XY&ssl=1", "abc123XY"),
        ("mysql://root:P@ss!w0rd@localhost/db", "P@ss!w0rd"),
        ("redis://:s0mePass@cache:6379", "s0mePass"),
        ("The password is hunter22.", "hunter22"),
        ("The password for the shop is hunter22, use it", "hunter22"),
        ("Passwort: geheim123", "geheim123"),
        ("<password>hunter22</password>", "hunter22"),
        ("shop --password hunter22 --verbose", "hunter22"),
        ("sshpass -p 'S3cret!' ssh shop", "S3cret!"),
        ("user=bob pass=hunter2x", "hunter2x"),
        ("(password=hunter22)", "hunter22"),
        ("export HEROKU_API_KEY=" + _UUID, _UUID),
    ],
)
def test_a_password_is_found_to_its_end_and_no_further(text: str, value: str) -> None:
    """Brackets, query strings, full stops and tags around it stay."""
    assert value in {text[f.start : f.end] for f in find_secrets(text)}


@pytest.mark.parametrize(
    "text",
    [
        "commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904 fixes it",
        f"id: {_UUID}",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        '"integrity": "sha512-' + (_A * 3)[:86] + '=="',
        '<img src="data:image/png;base64,' + _A * 9 + '">',
        "API_KEY=YOUR_API_KEY", "api_key: <token>", "password=xxxxxxxx", "token=${TOKEN}",
        'api_key="your-api-key-here"', "secret_key = 'changeme'", 'password = os.environ["PW"]',
        "password = get_password(user)", "login(user, password=password)",
        "def login(user: str, password: str) -> None:", 'token = request.headers.get("X")',
        "max_tokens: 4096", 'tokenizer = load("bert-base-uncased-v2-2024")',
        '"token_type": "bearer"', "primary_key: customer_id",
        "password_reset_url=https://shop.example/reset", "password: required|min:8|max:64",
        "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: x", "Authorization: Bearer <token>",
        "Authorization: Bearer YOUR_ACCESS_TOKEN", "sk-" + "x" * 32, "ghp_" + "x" * 36,
        "postgres://user:password@localhost/db", "postgres://user:${PW}@host/db",
        'cache_key = "user:1234:profile:v2"', "pwd: /srv/user/projects/app",
        "the password is at least 8 characters", "my password is case-sensitive",
        "api_key=process.env.API_KEY", '"access_key": "AWS_ACCESS_KEY_ID"',
        "uses: actions/checkout@b4ffde65f46336ab88eb53be808477a3936bae11",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "Secret Santa is on 2024-12-24 at noon", "my token number is 42",
    ],
)  # fmt: skip
def test_look_alikes_are_no_credentials(text: str) -> None:
    """Hashes, ids, images, placeholders, references, code and prose."""
    assert find_secrets(text) == []


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_every_span_lies_inside_any_text(text: str) -> None:
    """No text raises, lone surrogates included; spans are never empty."""
    plain = canonical(f"password={text} token: {text}")
    for found in look(Secrets(), plain):
        assert 0 <= found.start < found.end <= len(plain.text)
        assert plain.span(found.start, found.end)[1] <= plain.origin[-1]


GITLEAKS = """
[[rules]]
id = "shop-voucher"
regex = '''(?i)(voucher)[ =]+([a-z0-9]{10})'''
secretGroup = 2
entropy = 2.5
keywords = ["Voucher"]
[[rules.allowlists]]
regexTarget = "line"
regexes = ['''documentation''']
stopwords = ["example"]

[[rules]]
id = "files-only"
path = '''\\.pem$'''

[allowlist]
regexes = ['''^0{3}''']
"""


def rules_file(folder: Path, text: str) -> Path:
    """A file of rules."""
    path = folder / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Voucher = q7w8e9r1t2", ["q7w8e9r1t2"]),
        ("voucher aaaaaaaaaa", []),
        ("voucher 000w8e9r1t", []),
        ("voucher example9r1", []),
        ("documentation: voucher q7w8e9r1t2", []),
        ("documentation:\nvoucher q7w8e9r1t2", ["q7w8e9r1t2"]),
        ("password=hunter22", []),
    ],
)
def test_a_gitleaks_file_is_taken_as_it_is(tmp_path: Path, text: str, values: list[str]) -> None:
    """Group, entropy, keywords and allow-lists, of the rule and of the file, all count."""
    check = Secrets(rules=rules_file(tmp_path, GITLEAKS), builtin=False)
    assert [text[f.start : f.end] for f in check.find(canonical(text))] == values


def test_rules_of_a_file_stand_beside_the_built_in_ones(tmp_path: Path) -> None:
    """Both are found, and the version tells that there are more rules."""
    check = Secrets(rules=rules_file(tmp_path, GITLEAKS))
    found = check.find(canonical("password=hunter22, voucher q7w8e9r1t2"))
    assert {f.rule for f in found} == {"assignment", "shop-voucher"}
    assert check.version != Secrets().version
    assert check == Secrets(rules=check.rules)


def test_what_re2_cannot_compile_is_named(tmp_path: Path) -> None:
    """Every such rule stands in the message; none is left out in silence."""
    bad = GITLEAKS + "[[rules]]\nid = 'looks-ahead'\nregex = 'a(?=b)'\n"
    bad += "[[rules]]\nid = 'no-group'\nregex = 'a'\nsecretGroup = 3\n"
    with pytest.raises(Misconfigured, match=r"looks-ahead: .*no-group: there is no group 3"):
        Secrets(rules=rules_file(tmp_path, bad))


@pytest.mark.parametrize("text", ["rules = 3", "[[rules]\n", "[[rules]]\nregex = 'a'"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    """When the check is made, not at the first message."""
    with pytest.raises(Misconfigured, match="no gitleaks file"):
        Secrets(rules=rules_file(tmp_path, text))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The message names it."""
    with pytest.raises(Misconfigured, match="cannot be read"):
        Secrets(rules=tmp_path / "none.toml")
