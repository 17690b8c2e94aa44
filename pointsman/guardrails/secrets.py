"""Credentials by their shape: keys with a known prefix, tokens, private keys, assignments."""

import re

from pointsman.guardrails.rules import Found, Rule, RuleSet


def _mixed(value: str) -> bool:
    """Letters and digits both, as in every generated key and few words."""
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


_REFERENCE = re.compile(
    r"\$|%|\*{3}|x{4}|\.{3}|os\.|env\.|process\.|none$|null$|true$|false$|changeme$|required$"
    r"|incorrect$|invalid$|expired$|wrong$|reset$|forgotten$",
    re.IGNORECASE,
)


def _assigned(value: str) -> bool:
    """A value somebody wrote down, not the name of a variable, a mask or a sentence's next word."""
    return not _REFERENCE.match(value)


def _said(value: str) -> bool:
    return _assigned(value) and any(not c.isalpha() for c in value.strip(".,:;!?-"))


_NAMES = (
    r"(?:pass(?:word|wd|phrase)|pwd|(?:client|shared|app)[_ -]?secret|secret(?:[_ -]?key)?"
    r"|(?:api|access|private|auth|signing|encryption)[_ -]?key|apikey"
    r"|(?:auth|access|api|refresh|bearer|session|bot)[_ -]?token)"
)
_VALUE = r"([^\s\"'`,;<>()\[\]{}|]{6,200})"

RULES = (
    Rule("private-key", r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)"
         r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\z)"),
    Rule("aws-access-key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    Rule("aws-secret-key", r"(?i)\baws[a-z0-9_ .-]{0,30}(?:secret|key)[a-z0-9_ .-]{0,20}[\"']?"
         r"\s{0,3}[=:]\s{0,3}[\"']?([a-z0-9/+]{40})(?:[^a-z0-9/+=]|\z)"),
    Rule("github-token", r"\b(?:gh[opsur]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})"),
    Rule("gitlab-token", r"\bgl(?:pat|ptt|dt|rt|cbt|ft|oas|imt|agent|soat)-[\w=.-]{20,300}"),
    Rule("slack-token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,250}|\bxapp-\d-[A-Za-z0-9-]{10,250}",
         holds=_mixed),
    Rule("slack-webhook",
         r"\bhooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,80}"),
    Rule("stripe-key", r"\b(?:[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,200}"
         r"|whsec_[A-Za-z0-9+/=]{20,100})"),
    Rule("model-key", r"\bsk-[A-Za-z0-9_-]{20,250}", holds=_mixed),
    Rule("google-key",
         r"\b(?:AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{20,300})"),
    Rule("jwt", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?"),
    Rule("npm-token", r"\bnpm_[A-Za-z0-9]{36}"),
    Rule("pypi-token", r"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    Rule("hugging-face-token", r"\bhf_[A-Za-z0-9]{30,60}"),
    Rule("sendgrid-key", r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"),
    Rule("twilio-key", r"\bSK[0-9a-f]{32}\b"),
    Rule("telegram-token", r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    Rule("digitalocean-token", r"\bdo[opr]_v1_[a-f0-9]{64}"),
    Rule("shopify-token", r"\bshp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}"),
    Rule("databricks-token", r"\bdapi[a-f0-9]{32}"),
    Rule("vault-token", r"\bhv[bs]\.[A-Za-z0-9_-]{24,200}"),
    Rule("azure-key", r"(?i)\b(?:AccountKey|SharedAccessKey)=([a-z0-9+/]{40,90}={0,2})"),
    Rule("bearer-token", r"(?i)\bbearer\s{1,3}([a-z0-9._~+/-]{20,}=*)", holds=_mixed),
    Rule("url-password", r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s:/@\[\]]{0,100}:([^\s/@\[\]]{3,200})@",
         holds=_assigned),
    Rule("assignment", r"(?i)" + _NAMES + r"[\"']?\s{0,3}(?::=|=>|=)\s{0,3}[\"'`]?" + _VALUE,
         holds=_assigned),
    Rule("assignment", r"(?i)" + _NAMES + r"[\"']?(?:\s{0,3}:|\s{1,3}is:?)\s{1,3}[\"'`]?" + _VALUE,
         holds=_said),
    Rule("assignment", r"(?i)" + _NAMES + r"[\"']?:[\"'`]?" + _VALUE, holds=_said),
)  # fmt: skip
_SET = RuleSet(RULES)


def find_secrets(text: str) -> list[Found]:
    """Every span of a canonical text that has a credential's shape. Spans may overlap."""
    return list(_SET.find(text))
