"""Shapes of credentials: vendors' known prefixes, and values behind a secret's name."""

from pointsman.guardrails import values
from pointsman.guardrails.rules import Rule

# A prefix or a mark that a vendor gives its keys. `mixed` turns masks and plain words away.
_VENDORS = (
    ("aws-access-key", r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    ("aws-bedrock-key", r"\bABSK[A-Za-z0-9+/]{100,}={0,2}"),
    ("github-token", r"\b(?:gh[opsur]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
    ("gitlab-token", (r"\b(?:gl(?:pat|ptt|dt|rt|rtr|cbt|ft|ffct|oas|imt|agent|soat|wt)-"
     r"[\w=.-]{20,}"
     r"|GR1348941[\w-]{20})")),
    ("bitbucket-token", r"\b(?:ATBB[A-Za-z0-9]{28,40}|BBDC-[A-Za-z0-9+/=]{32,})"),
    ("atlassian-token", r"\bATATT3[A-Za-z0-9_=-]{60,}"),
    ("slack-token", (r"\bxox[abceoprsd]-[A-Za-z0-9-]{10,}"
     r"|\bxoxe\.xox[bp]-\d-[A-Za-z0-9]{100,}"
     r"|\bxapp-\d-[A-Za-z0-9-]{10,}")),
    ("slack-webhook",
     r"\bhooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,80}"),
    ("discord-webhook", r"\bdiscord(?:app)?\.com/api/webhooks/\d{17,20}/[\w-]{60,80}"),
    ("teams-webhook", r"\b[a-z0-9-]+\.webhook\.office\.com/webhookb2/[A-Za-z0-9@/-]{60,}"),
    ("stripe-key", (r"\b(?:[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,}"
     r"|whsec_[A-Za-z0-9+/=]{20,})")),
    ("model-key", r"\bsk-[A-Za-z0-9_-]{20,}"),
    ("model-key", (r"\b(?:gsk_[A-Za-z0-9]{40,60}|xai-[A-Za-z0-9]{60,}|pplx-[A-Za-z0-9]{32,64}"
     r"|r8_[A-Za-z0-9]{37}|fw_[A-Za-z0-9]{20,40}|tgp_v1_[\w-]{40,50}|csk-[a-z0-9]{40,60}"
     r"|nvapi-[\w-]{50,80}|pcsk_[A-Za-z0-9_]{50,90}|jina_[A-Za-z0-9]{50,70}"
     r"|lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}|[ps]k-lf-[a-f0-9-]{36}|tvly-[A-Za-z0-9_-]{20,60}"
     r"|AIK_[A-Z]+_[A-Za-z0-9]{20,64})")),
    ("google-key",
     (r"\b(?:AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{20,}"
     r"|1//0[A-Za-z0-9_-]{30,})")),
    ("npm-token", r"\bnpm_[A-Za-z0-9]{36}"),
    ("pypi-token", r"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    ("rubygems-token", r"\brubygems_[a-f0-9]{48}"),
    ("cargo-token", r"\bcio[A-Za-z0-9]{32}\b"),
    ("nuget-key", r"\boy2[a-z0-9]{43}\b"),
    ("clojars-token", r"\bCLOJARS_[a-z0-9]{60}"),
    ("packagist-token", r"\bpackagist_[a-z]{3}_[a-f0-9]{28,96}"),
    ("hugging-face-token", r"\b(?:hf_|api_org_)[A-Za-z0-9]{30,60}"),
    ("sendgrid-key", r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"),
    ("mailgun-key", r"\b(?:key-[a-f0-9]{32}|[a-f0-9]{32}-[a-f0-9]{8}-[a-f0-9]{8})\b"),
    ("mailchimp-key", r"\b[a-f0-9]{32}-us\d{1,2}\b"),
    ("brevo-key", r"\bx(?:keysib|smtpsib)-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    ("postmark-resend-key", r"\bre_[A-Za-z0-9]{6,10}_[A-Za-z0-9]{20,30}"),
    ("twilio-key", r"\bSK[0-9a-fA-F]{32}\b"),
    ("telegram-token", r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    ("discord-token", r"\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}"),
    ("digitalocean-token", r"\bdo[opr]_v1_[a-f0-9]{64}"),
    ("shopify-token", r"\bshp(?:at|ca|pa|ss|ua|tka)_[A-Fa-f0-9]{32}"),
    ("square-token", r"\b(?:sq0(?:atp|csp|idp)-[\w-]{22,43}|EAAA[A-Za-z0-9_-]{60})"),
    ("facebook-token", r"\bEAA[A-Za-z0-9]{90,}"),
    ("paypal-key", r"\baccess_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}"),
    ("razorpay-key", r"\brzp_(?:live|test)_[A-Za-z0-9]{14,24}"),
    ("adyen-key", r"\bAQE[A-Za-z0-9+/]{8,12}[A-Za-z0-9+/=-]{60,}"),
    ("flutterwave-key", r"\bFLW(?:PUB|SEC)K(?:_TEST)?-[A-Za-z0-9-]{20,50}"),
    ("plaid-token", r"\baccess-(?:sandbox|development|production)-[a-f0-9-]{36}"),
    ("databricks-token", r"\bdapi[a-f0-9]{32}(?:-\d)?"),
    ("vault-token", r"\bhv[bsr]\.[A-Za-z0-9_-]{24,}"),
    ("terraform-token", r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,80}"),
    ("pulumi-token", r"\bpul-[a-f0-9]{40}"),
    ("doppler-token",
     r"\bdp\.(?:pt|st|ct|scim|audit|sa)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}"),
    ("docker-token", r"\bdckr_(?:pat|oat)_[\w-]{27,40}|\bSWMTKN-1-[a-z0-9]{50}-[a-z0-9]{25}"),
    ("kubernetes-join-token",
     r"\bkubeadm\s+join\b[^\n]*--token\s+([a-z0-9]{6}\.[a-z0-9]{16})"),
    ("fly-token", r"\b(?:fo1_[\w-]{43}|fm[12][ar]?_[A-Za-z0-9+/]{80,}={0,3})"),
    ("heroku-key", r"\bHRKU-[A-Za-z0-9_-]{36,64}"),
    ("vercel-token", r"\bvc[acikpr]_[A-Za-z0-9_-]{50,60}"),
    ("netlify-token", r"\bnf[pcoub]_[A-Za-z0-9]{36,40}"),
    ("render-key", r"\brnd_[A-Za-z0-9]{28,40}"),
    ("cloudflare-token", r"\b(?:cf[ua]t_[A-Za-z0-9]{48}|v1\.0-[a-f0-9]{24}-[a-f0-9]{146})"),
    ("supabase-key", r"\bsb(?:p_[a-f0-9]{40}|_secret_[A-Za-z0-9_-]{20,60})"),
    ("planetscale-token", r"\bpscale_(?:tkn|pw|oauth)_[\w=.-]{32,64}"),
    ("grafana-token", r"\bgl(?:sa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|c_[A-Za-z0-9+/]{32,}={0,3})"),
    ("new-relic-key", r"\b(?:NR(?:AK|AL|II|IQ|JS|RA)-[A-Za-z0-9-]{19,42}|[a-f0-9]{36}NRAL)"),
    ("sentry-token", r"\bsntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    ("dynatrace-token", r"\bdt0[a-z]\d{2}\.[A-Z2-7]{8,24}\.[A-Z2-7]{64}"),
    ("posthog-key", r"\bph[cx]_[A-Za-z0-9_-]{40,50}"),
    ("linear-key", r"\blin_(?:api|oauth)_[A-Za-z0-9]{40,64}"),
    ("notion-token", r"\b(?:ntn_[A-Za-z0-9]{40,50}|secret_[A-Za-z0-9]{43})\b"),
    ("airtable-token", r"\bpat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    ("figma-token", r"\bfig[dour]_[A-Za-z0-9_-]{40,50}"),
    ("asana-token", r"\b[12]/\d{16}(?:/\d{16})?:[a-f0-9]{32}"),
    ("hubspot-token", r"\bpat-(?:na|eu|ap)\d-[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}"),
    ("okta-token", r"(?i)\bSSWS\s+(00[a-z0-9_-]{38,42})"),
    ("postman-key", r"\bPMA[KT]-[A-Za-z0-9-]{26,60}"),
    ("circleci-token", r"\bCCIP(?:AT|RJ)_[A-Za-z0-9]{22}_[a-f0-9]{40}"),
    ("buildkite-token", r"\bbk[ua]a?_[a-z0-9]{40,80}"),
    ("jfrog-token", r"\b(?:AKCp[A-Za-z0-9]{60,75}|cmVmd[A-Za-z0-9]{59})\b"),
    ("sonar-token", r"\bsq[apu]_[a-f0-9]{40}"),
    ("snyk-token", r"\bsnyk_[a-z]+\.[a-f0-9-]{8,40}\.[A-Za-z0-9_.-]{20,}"),
    ("sourcegraph-token", r"\bsgp_(?:[a-fA-F0-9]{16}_|local_)?[a-fA-F0-9]{40}"),
    ("tailscale-key", r"\btskey-[a-z]+-[A-Za-z0-9]{6,20}-[A-Za-z0-9]{20,40}"),
    ("onepassword-key", (r"\b(?:A3-[A-Z0-9]{6}-[A-Z0-9]{6,11}(?:-[A-Z0-9]{5}){3,5}"
     r"|ops_eyJ[A-Za-z0-9+/_-]{100,}={0,3})")),
    ("age-key", r"\bAGE-SECRET-KEY-1[A-Z0-9]{58}"),
    ("alibaba-key", r"\bLTAI[A-Za-z0-9]{17,21}\b"),
    ("tencent-key", r"\bAKID[A-Za-z0-9]{32}\b"),
    ("yandex-key", (r"\b(?:AQVN[A-Za-z0-9_-]{35,40}|y[0-3]_[A-Za-z0-9_-]{55,80}"
     r"|t1\.[\w-]+={0,2}\.[\w-]{86}={0,2})")),
    ("mapbox-key", r"\bsk\.eyJ[A-Za-z0-9_-]{40,}\.[A-Za-z0-9_-]{20,30}"),
    ("dropbox-token", r"\bsl\.(?:u\.)?[A-Za-z0-9_-]{130,}"),
    ("contentful-token", r"\bCFPAT-[A-Za-z0-9_-]{43}"),
    ("salesforce-token", r"\b00D[A-Za-z0-9]{12,15}![A-Za-z0-9._-]{80,}"),
    ("azure-client-secret", r"(?:^|[^\w~.-])([A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34})"),
    ("azure-key", (r"(?i)\b(?:AccountKey|SharedAccessKey|SharedSecretKey|AccessKey)\s?=\s?"
     r"([a-z0-9+/]{40,90}={0,2})")),
    ("azure-sas", r"(?i)[?&;]sig=([a-z0-9%+/]{40,}={0,2})"),
    ("azure-devops-token",
     r"\b[a-z0-9]{52}AZDO[a-z0-9]{24}\b|\b[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}\b"),
    ("prefixed-token",
     (r"\b[a-z][a-z0-9]{1,11}_(?:live|test|prod|api|pat|sk|secret|tok|token|key)"
     r"_([A-Za-z0-9]{20,})\b")),
)  # fmt: skip

_STRONG = (
    r"(?:pass(?:word|wd|phrase|wort|code)|kennwort|contrasena|mot[ _-]de[ _-]passe|wachtwoord"
    r"|\bsenha|\bpwd|_pwd|(?:\b|_)psw?d|(?:\b|[_-])(?:db|smtp|ftp|mail|root|sudo|user|admin)[_-]?pass"
    r"|(?:client|shared|app|consumer|api|jwt|auth|oauth|webhook|session|cookie|signing|encryption)"
    r"[_. -]?secret|secret(?:[_. -]?(?:key|access[_. -]?key))?"
    r"|(?:api|access|private|auth|signing|encryption|master|account|storage|shared|license|admin"
    r"|consumer|application|app|deploy|service|webhook|subscription|ingestion|function|host|server"
    r"|bot|jwt|hmac|aes|cipher|crypto|rest|sdk|functions)[_. -]?key|apikey|authkey|accesskey"
    r"|(?:auth|access|api|refresh|bearer|session|bot|id|oauth|deploy|personal|registry|github|gitlab"
    r"|slack|npm|user|admin|service|security|app|push|device|vault|hf|jwt|bearer|private|verify"
    r"|verification|install)[_. -]?token)"
    r"(?:[_-]?(?:base|prod|production|dev|development|test|staging|live|old|new|backup|value|string"
    r"|primary|secondary|[a-z]?\d{1,2}))?"
)
_WEAK = (
    r"(?:(?:token|secret|credentials?|passwd|auth|authorization|signature|cookie)"
    r"|[a-z0-9]{2,30}[_-]key|\bpass|_pass|\bpw)"
)
_QUOTES = r"(?:\\?[\"'`]){0,2}"
_UNTIL = r"\s*(?::=|=>|=|:)\s*(?:[bruf]{1,2})?"
_BARE = r"([^\s\"'`,;]{6,})"

_GENERIC = (
    # "name": "value", name = 'value'
    Rule("assignment", r"(?i)" + _STRONG + _QUOTES + _UNTIL + r"\\?(?:"
         r"\"([^\"\n]{4,})\"|'([^'\n]{4,})'"
         r"|`([^`\n]{4,})`)", holds=values.literal, cut=values.cut, confidence=0.9),
    # NAME=value
    Rule("assignment", r"(?i)" + _STRONG + _QUOTES + r"[ \t]*(?::=|=>|=)[ \t]*\\?[\"'`]?" + _BARE,
         holds=values.assigned, cut=values.cut, confidence=0.8),
    # a line of its own, as in YAML
    Rule("assignment", r"(?im)^[ \t-]*[\w.-]*?" + _STRONG + _QUOTES
         + r"[ \t]{0,8}:[ \t]{1,20}" + _BARE + r"[ \t]*\r?$",
         holds=values.assigned, cut=values.cut, confidence=0.7),
    # the password for the shop is value
    Rule("assignment", r"(?i)" + _STRONG + _QUOTES + r"(?:\s{1,3}(?:for|of|to)\s[\w .@-]{1,40}?)?"
         r"(?:\s{0,3}:|\s{1,3}(?:is|was|will\sbe)(?:\snow)?:?|\s{1,3}->)\s{1,3}[\"'`]?" + _BARE,
         holds=values.said, cut=values.cut, confidence=0.7),
    Rule("assignment", r"(?i)" + _STRONG + _QUOTES + r":" + _BARE,
         holds=values.said, cut=values.cut, confidence=0.7),
    # <password>value</password>, --password value
    Rule("assignment", r"(?i)<[\w.:-]*?" + _STRONG
         + r"[^<>\n]*>\s{0,3}([^<>\s]{4,})\s{0,3}</",
         holds=values.literal, confidence=0.9),
    Rule("assignment", r"(?i)\s--?[\w-]*?" + _STRONG + r"[ =][\"']?" + _BARE,
         holds=values.said, cut=values.cut, confidence=0.8),
    # pass=value
    Rule("assignment", r"(?i)(?:\b|[_-])(?:pass|pw|psw)" + _QUOTES
         + r"[ \t]{0,3}[=:][ \t]{0,3}[\"'`]?"
         + _BARE, holds=values.noted, cut=values.cut, confidence=0.7),
    Rule("assignment", r"\bsshpass\s{1,3}-p\s{0,3}[\"']?([^\s\"']{4,})", holds=values.literal),
    # any name that speaks of a token, with a value no person thought of
    Rule("named-token", r"(?i)" + _WEAK + _QUOTES + _UNTIL + r"\\?[\"'`]?([^\s\"'`,;<>&]{16,})",
         holds=values.generated, cut=values.cut, confidence=0.6),
)  # fmt: skip

RULES = (
    Rule("private-key", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)"
         r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)", holds=values.key_block),
    Rule("private-key", r"\bPuTTY-User-Key-File-[23]:(?s:.*?)(?:Private-MAC: ?[0-9a-f]{40,64}|\z)"),
    Rule("aws-secret-key", r"(?i)\baws[a-z0-9_ .-]*(?:secret|key)[a-z0-9_ .-]*[\"']?"
         r"\s{0,3}[=:]\s{0,3}[\"']?([a-z0-9/+]{40})(?:[^a-z0-9/+=]|\z)", holds=values.varied),
    Rule("jwt", r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*){1,3}",
         holds=values.token_header),
    Rule("basic-auth", r"(?i)\bbasic\s{1,3}([a-z0-9+/]{8,}={0,2})",
         holds=values.user_and_password),
    Rule("bearer-token", r"(?i)\b(?:bearer|authorization[\"']?:\s{0,3}[\"']?token)\s{1,3}"
         r"([a-z0-9._~+/-]{20,}=*)", holds=values.mixed),
    Rule("curl-user", r"\bcurl\b[^\n]*?\s(?:-u|--user)[ =]?[\"']?"
         r"[^\s:\"']{1,}:([^\s\"']{3,})",
         holds=values.literal),
    Rule("url-password", r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s:/@\[\]\"'<>]*:"
         r"([^\s/\"'<>]{3,})@[A-Za-z0-9\[\{$%._-]", holds=values.literal),
    *(Rule(name, pattern, holds=values.mixed) for name, pattern in _VENDORS),
    *_GENERIC,
)  # fmt: skip
"""All of them, in the order they are looked for."""
