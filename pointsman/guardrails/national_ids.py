"""National identity numbers, by their check digits (`python-stdnum`).

A shape that many other numbers have (nine to twelve bare digits) counts only where a word before
it says what it is.
"""

import re
from dataclasses import dataclass
from importlib import import_module

from pointsman.guardrails.rules import Found, Rule

_BEFORE = 60
"""Characters before a number in which its name is looked for."""


@dataclass(frozen=True, slots=True)
class _Number:
    module: str
    """In `stdnum`; its `is_valid` decides."""
    shape: str
    said: str = ""
    """A word that must stand before it; empty where the shape and the check digits suffice."""


_BARE = r"\d(?:[ .-]?\d)"
_NUMBERS = {
    "AU": _Number("au.tfn", _BARE + r"{7,8}", r"tfn|tax file"),
    "BE": _Number("be.nn", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}"),
    "BG": _Number("bg.egn", r"\d{10}", r"egn|personal (?:no|number)|\u0435\u0433\u043d"),
    "BR": _Number("br.cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}"),
    "CA": _Number("ca.sin", r"\d{3}[ -]?\d{3}[ -]?\d{3}", r"\bsin\b|social insurance"),
    "CH": _Number("ch.ssn", r"756\.?\d{4}\.?\d{4}\.?\d{2}"),
    "CL": _Number("cl.rut", r"\d{1,2}\.\d{3}\.\d{3}-[\dKk]"),
    "CN": _Number("cn.ric", r"[1-9]\d{5}(?:19|20)\d{9}[\dXx]"),
    "CZ": _Number("cz.rc", r"\d{6}/\d{3,4}"),
    "DE": _Number("de.idnr", _BARE + r"{10}", r"steuer|tax id|idnr|tin\b"),
    "DK": _Number("dk.cpr", r"\d{6}-?\d{4}", r"\bcpr|personnummer"),
    "EE": _Number("ee.ik", r"[1-6]\d{10}", r"isikukood|personal (?:code|id)"),
    "ES": _Number("es.dni", r"\d{8}[ -]?[A-HJ-NP-TV-Z]"),
    "ES2": _Number("es.nie", r"[XYZ][ -]?\d{7}[ -]?[A-HJ-NP-TV-Z]"),
    "FI": _Number("fi.hetu", r"\d{6}[-+A]\d{3}[0-9A-FHJ-NPR-Y]"),
    "FR": _Number("fr.nir", r"[12] ?\d{2} ?[0-1]\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}"),
    "GB": _Number("gb.nhs", r"\d{3}[ -]?\d{3}[ -]?\d{4}", r"\bnhs\b|health service"),
    "GR": _Number("gr.amka", r"\d{11}", r"amka"),
    "HR": _Number("hr.oib", r"\d{11}", r"\boib\b"),
    "IE": _Number("ie.pps", r"\d{7}[A-W][A-IW]?", r"\bpps"),
    "IL": _Number("il.idnr", r"\d{9}", r"teudat|israeli? id|id (?:no|number)"),
    "IN": _Number("in_.aadhaar", r"[2-9]\d{3} ?\d{4} ?\d{4}", r"aadh?aa?r|uid(?:ai)?\b"),
    "IN2": _Number("in_.pan", r"[A-Z]{3}[ABCFGHLJPTK][A-Z]\d{4}[A-Z]"),
    "IT": _Number("it.codicefiscale", r"(?i:[A-Z]{6}[\dL-NP-V]{2}[A-EHLMPR-T][\dL-NP-V]{2}"
                  r"[A-Z][\dL-NP-V]{3}[A-Z])"),
    "JP": _Number("jp.in_", _BARE + r"{11}", r"my ?number|individual number"),
    "KR": _Number("kr.rrn", r"\d{6}-[1-8]\d{6}"),
    "LT": _Number("lt.asmens", r"[1-6]\d{10}", r"asmens|personal (?:code|id)"),
    "MX": _Number("mx.curp", r"[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d"),
    "NL": _Number("nl.bsn", r"\d{4}[. ]?\d{2}[. ]?\d{3}", r"\bbsn\b|burgerservice|sofi"),
    "NO": _Number("no.fodselsnummer", r"\d{6} ?\d{5}", r"f\S?dsels|personnummer|national id"),
    "PL": _Number("pl.pesel", r"\d{11}", r"pesel"),
    "PT": _Number("pt.cc", r"\d{8} ?\d ?[A-Z]{2}\d"),
    "RO": _Number("ro.cnp", r"[1-8]\d{12}", r"\bcnp\b|cod numeric"),
    "SE": _Number("se.personnummer", r"(?:19|20)?\d{6}[-+]\d{4}"),
    "TR": _Number("tr.tckimlik", r"[1-9]\d{10}", r"kimlik|\btckn?\b|t\.?c\. (?:no|id)"),
    "ZA": _Number("za.idnr", r"\d{13}", r"\bid\b|identity"),
}  # fmt: skip
COUNTRIES = frozenset(name for name in _NUMBERS if len(name) == 2)
"""ISO 3166 codes of the countries whose numbers are known. US social security numbers are a type of
their own."""
_SAID = {name: re.compile(n.said, re.IGNORECASE) for name, n in _NUMBERS.items() if n.said}


def id_rules(countries: frozenset[str]) -> list[Rule]:
    """One rule for each kind of number, named after its country in small letters."""
    chosen = [(name, n) for name, n in _NUMBERS.items() if name[:2] in countries]
    return [Rule(f"id-{name.lower()}", rf"\b(?:{n.shape})\b", "ID") for name, n in chosen]


def is_id(text: str, hit: Found) -> bool:
    """Whether what `id_rules` found has its check digits, and its name where it needs one."""
    name = hit.rule.removeprefix("id-").upper()
    said = _SAID.get(name)
    if said and not said.search(text, max(0, hit.start - _BEFORE), hit.start):
        return False
    number = _NUMBERS[name]
    return bool(import_module(f"stdnum.{number.module}").is_valid(hit.key))
