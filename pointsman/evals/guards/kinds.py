"""Which name of a type of personal data means what a check calls it.

Data sets name types each in their own way (`EMAIL_ADDRESS`, `email`, `Email`); a check has labels
(`EMAIL`). Here is the way from one to the other.
"""

import re
from collections.abc import Iterable

from pointsman.guardrails.links import Links
from pointsman.guardrails.pii import Pii
from pointsman.guardrails.secrets import Secrets

_LABELS = {
    "EMAIL": "EMAIL EMAIL_ADDRESS E_MAIL E_MAIL_ADDRESS MAIL EMAILADDRESS",
    "CARD": "CARD CREDIT_CARD CREDITCARD CREDIT_CARD_NUMBER CREDITCARDNUMBER CARD_NUMBER"
    " CREDIT_DEBIT_CARD CREDIT_DEBIT_NUMBER DEBIT_CARD PAYMENT_CARD PAN_NUMBER CC CC_NUMBER",
    "IBAN": "IBAN IBAN_CODE IBAN_NUMBER IBANCODE INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "PHONE": "PHONE PHONE_NUMBER PHONENUMBER TELEPHONE TELEPHONE_NUMBER TELEPHONENUM PHONENUM"
    " MOBILE MOBILE_NUMBER TEL FAX FAX_NUMBER PHONE_FAX",
    "SSN": "SSN US_SSN SOCIAL_SECURITY_NUMBER US_SOCIAL_SECURITY_NUMBER SOCIALNUM",
    "IP": "IP IP_ADDRESS IPADDRESS IPV4 IPV6 IPV4_ADDRESS IPV6_ADDRESS IP_ADDR",
    "URL": "URL URI LINK WEBSITE WEB_ADDRESS",
    "CRYPTO": "CRYPTO CRYPTO_ADDRESS BITCOIN BITCOIN_ADDRESS BITCOINADDRESS BTC_ADDRESS WALLET"
    " ETHEREUM_ADDRESS ETHEREUMADDRESS ETH_ADDRESS",
    "ID": "ID NATIONAL_ID NATIONAL_ID_NUMBER ID_NUMBER IDENTITY_NUMBER UK_NHS GB_NHS NHS_NUMBER"
    " ES_NIF ES_NIE ES_DNI IT_FISCAL_CODE IN_AADHAAR IN_PAN AU_TFN PL_PESEL KR_RRN"
    " FI_PERSONAL_IDENTITY_CODE CA_SIN CANADA_SOCIAL_INSURANCE_NUMBER BR_CPF CN_RIC CL_RUT MX_CURP"
    " NL_BSN FR_NIR FR_INSEE DE_IDNR SE_PERSONNUMMER NO_FODSELSNUMMER DK_CPR BE_NN CZ_RC RO_CNP"
    " IE_PPS IL_IDNR ZA_IDNR TR_TCKIMLIK CH_SSN CH_AHV AADHAAR PESEL CPF CURP BSN",
}
_BY_NAME = {name: label for label, names in _LABELS.items() for name in names.split()}
_SECRETS = (
    "SECRET SECRETS KEY KEYS APIKEY TOKEN TOKENS PASSWORD PASSWD PASSPHRASE PWD CREDENTIAL"
    " CREDENTIALS PAT JWT WEBHOOK AWS GCP AZURE GITHUB GITLAB SLACK STRIPE OPENAI ANTHROPIC TWILIO"
    " SENDGRID NPM PYPI HUGGINGFACE PRIVATEKEY BEARER"
)
_SECRET_WORDS = frozenset(_SECRETS.split())
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

PII_LABELS = {
    "email": "EMAIL", "card": "CARD", "iban": "IBAN", "phone": "PHONE", "ssn": "SSN", "ip": "IP",
    "id": "ID", "url": "URL", "crypto": "CRYPTO",
}  # fmt: skip


def label_of(name: str) -> str:
    """The label that a data set's name for a type stands for; for an unknown one the name itself,
    in capitals.

    A name with a word such as key, token, password, AWS or GitHub in it is a credential (`SECRET`).
    """
    spelled = "_".join(_WORD.findall(name.replace("IPv", "IPV"))).upper() or name.upper()
    for way in (spelled, re.sub(r"\W+", "_", name).upper()):
        if way in _BY_NAME:
            return _BY_NAME[way]
    if _SECRET_WORDS & set(spelled.split("_")):
        return "SECRET"
    return re.sub(r"\W+", "_", name).upper()


def fits(label: str, found: str) -> bool:
    """Whether a finding's label is right for a span's. A social security number is an id."""
    return label == found or {label, found} == {"SSN", "ID"}


def labels_of(checks: Iterable[object]) -> tuple[frozenset[str], bool]:
    """The labels that checks look for, and whether that is all: of a check that is not one of
    pointsman's own nobody knows before it finds something."""
    labels: set[str] = set()
    everything = True
    for check in checks:
        match check:
            case Secrets():
                labels.add("SECRET")
            case Pii():
                labels.update(PII_LABELS[kind] for kind in check.types)
            case Links():
                pass
            case _:
                everything = False
    return frozenset(labels), everything


def reads_data(check: object) -> bool:
    """Whether a check looks for data (a credential, personal data, a link), not for intent."""
    return isinstance(check, Secrets | Pii | Links) or getattr(check, "action", "") == "redact"
