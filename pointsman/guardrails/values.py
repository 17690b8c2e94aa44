"""Is it a credential, or a mask, a reference or a word? What stands behind a secret's name."""

import base64
import binascii
import math
import re
from collections import Counter
from itertools import pairwise

_REFERENCE = re.compile(
    r"\$[A-Za-z_{(]|%[A-Za-z_({]|[<\[{]|\*{3}|[xX]{4}|\.{3}|@[A-Za-z]+\(|#\{|\\[nt]?$"
    r"|(?:os|env|process|self|this|config|settings|secrets|vault|request|args|params|options|data"
    r"|props|app|ctx|getenv|required|nullable|arn:aws|ref\+|op://|vault:|file:|https?:)[.:/|]"
)
"""A variable, a mask, a placeholder's bracket, a path into a configuration."""
_CODE = re.compile(r"[A-Za-z_][\w.]*[(\[]|[A-Za-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)+[;,)]*$")
"""A call, an index or a name with its owner."""
_STAND_INS = """
a an the my your our their his her its this that some any new old actual real here there api app
key keys apikey token tokens secret secrets password passwords passwd pass pwd pw passphrase
client id user username name login value string text field str int bool bytes var access private
public auth bearer basic account admin root db database example examples sample test testing dummy
fake mock demo foo bar baz qux placeholder insert enter replace change changeme changeit replaceme
put add set todo tbd tba fixme redacted hidden masked removed deleted filtered omitted sanitized
none null nil undefined empty blank default true false yes no required optional incorrect invalid
wrong expired reset forgotten missing unset unknown available correct valid needed protected
encrypted hashed stored with me in env goes from and or is was must should can cannot will be not
to of for on with type prompt input return function object array number long short strong weak
same different generated provided ok okay temporary lost stolen compromised leaked locked please
help aws gcp azure github google openai stripe slack prod dev staging server service webhook
signing encryption master refresh session something anything whatever self obj arg
"""
_WORDS = frozenset(_STAND_INS.split())
_APART = re.compile(r"[-_.\s:/]+|(?<=[a-z])(?=[A-Z])")
_PARAMETER = re.compile(r"&[A-Za-z_][\w.-]*=|</|\\[nr\"']")
_NAME = re.compile(r"[a-z][a-z0-9_.-]*|[0-9]{1,6}|[A-Z][a-z]+|[.~]{1,2}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def cut(value: str) -> int:
    """The value's length without what a sentence, a query string or a mark-up puts behind it."""
    behind = _PARAMETER.search(value)
    value = value[: behind.start()] if behind else value
    value = value.rstrip(".,:;?\\")
    while value and value[-1] in ")]}>" and value.count(_OPENS[value[-1]]) < value.count(value[-1]):
        value = value[:-1].rstrip(".,:;?")
    return len(value)


_OPENS = {")": "(", "]": "[", "}": "{", ">": "<"}


def mixed(value: str) -> bool:
    """Letters with digits, or capitals amid small letters, as in every generated key; no mask."""
    letters = any(c.isalpha() for c in value)
    digits = any(c.isdigit() for c in value)
    turns = sum(a.islower() and b.isupper() for a, b in pairwise(value))
    return letters and (digits or turns >= 3) and varied(value)


def varied(value: str) -> bool:
    """Not one character over and over, and no `your-key-here`."""
    tail = value[-16:].lower()
    return len(set(tail)) >= min(6, len(tail)) and not placeholder(value)


def placeholder(value: str) -> bool:
    """Nothing but words that stand for a value to come."""
    parts = [part for part in _APART.split(value.strip("<>[]{}()\"'`")) if part]
    return all(
        part.lower() in _WORDS or len(set(part.lower())) <= 1 or (len(parts) > 1 and len(part) <= 2)
        for part in parts
    )


def assigned(value: str) -> bool:
    """A value somebody wrote down, not the name of a variable, a call, a mask or a placeholder."""
    if len(value) < 6 or _REFERENCE.match(value) or _CODE.match(value) or _path(value):
        return False
    return len(set(value.lower())) > 2 and not placeholder(value)


def literal(value: str) -> bool:
    """As `assigned`, for what stands in quotes: shorter values, no names of variables."""
    if len(value) < 4 or _REFERENCE.match(value) or len(set(value.lower())) <= 2 or _path(value):
        return False
    # A sentence, as in a form's labels and error messages.
    wordy = value.count(" ") >= 2 and not any(c.isdigit() for c in value)
    return not wordy and not placeholder(value)


def said(value: str) -> bool:
    """As `assigned`, and no plain or hyphened word: in a sentence the next word may be any."""
    return assigned(value) and any(not (c.isalpha() or c in "-'/") for c in value.strip(".,:;!?"))


def noted(value: str) -> bool:
    """As `said`, with letters and digits both: behind a name that often means something else."""
    return said(value) and mixed(value)


def _path(value: str) -> bool:
    parts = value.split("/")
    return len(parts) > 2 and all(not part or _NAME.fullmatch(part) for part in parts)


def generated(value: str) -> bool:
    """Made by a machine: 16 characters at least, letters and digits, no words, much entropy."""
    if len(value) < 16 or not mixed(value) or _REFERENCE.match(value) or _CODE.match(value):
        return False
    if _UUID.fullmatch(value):
        return True
    if "://" in value or value.startswith(("/", "./", "../", "~/")) or value.count("/") > 6:
        return False
    parts = [part for part in _APART.split(value) if part]
    words = sum(len(p) for p in parts if p.isalpha() and (p.islower() or p.istitle()))
    return words * 2 < len(value) and entropy(value) >= 3.0


def entropy(value: str) -> float:
    """Shannon's entropy of the characters, in bits each."""
    counts = Counter(value).values()
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts) if value else 0.0


def user_and_password(value: str) -> bool:
    """Base64 of `user:password`, as in HTTP's basic authentication (RFC 7617)."""
    try:
        name, colon, word = binascii.a2b_base64(value + "=" * (-len(value) % 4)).partition(b":")
    except binascii.Error:
        return False
    return bool(colon and word) and (name + word).isascii() and (name + word).decode().isprintable()


def token_header(value: str) -> bool:
    """A JSON Web Token's first part: base64url of an object that names an algorithm (RFC 7515)."""
    head = value.split(".", 1)[0]
    try:
        raw = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))
    except (binascii.Error, ValueError):
        return False
    return b'"alg"' in raw or b'"typ"' in raw or b'"enc"' in raw or b'"kid"' in raw


def key_block(value: str) -> bool:
    """A private key's lines with something in them."""
    inner = value.split("-----")[2] if value.count("-----") >= 2 else ""
    return re.search(r"[A-Za-z0-9+/]{6}", inner.replace("\\n", " ")) is not None
