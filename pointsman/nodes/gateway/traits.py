"""What a prompt, and a cheap model's answer to it, look like as numbers. Serves without NumPy.

Fitting and serving use these same functions, so that a fitted policy scores what it was fitted on.
"""

import ast
import math
import re
import zlib
from collections.abc import Iterator
from itertools import pairwise

BUCKETS = 1 << 17
"""Grams are counted in so many buckets (the hashing trick, Weinberger et al. 2009)."""
LONGEST = 20_000
"""Characters of a text that are looked at."""

_WORD = re.compile(r"\w\w+")
_NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?")
_SENTENCE = re.compile(r"[.?!]\s")
_STEP = re.compile(
    r"([\d.$,\s+\-*/x\u00d7\u00f7()%]{1,200}?)=\s{0,3}\$?\s{0,3}(-?\d[\d,]*(?:\.\d+)?)"
)
_OPERATION = re.compile(r"\d\s*[+\-*/]\s*\(?\d")
_LAST = re.compile(
    r"(?:####|answer is|answer:|answer =)\s*\**\$?(-?\d[\d,]*(?:\.\d+)?)", re.IGNORECASE
)
_ASKED = (
    "%", "percent", "half", "twice", "times", "each", "every", "more than", "less than", "total",
    "remaining", "left", "average", "per ", "fraction", "/", "ratio", "if ", "then", "after",
    "before", "how many", "how much", "than", "first", "second", "rest", "same", "not ",
    "which of", "except", "all of", "both", "\n", ",", "?",
)  # fmt: skip
_SAID = (
    "however", "but ", "mistake", "assume", "since", "note", "cannot", "not ", "therefore", "so ",
    "let ", "equation", "x ", "=", "first", "then", "to find", "we need", "we can", "each", "per",
    "if ", "rounded", "approximately", "about", "actually", "sorry", "incorrect", "total",
    "remaining", "would", "+", "-", "*", "/", "(", "$", "%", "\\",
)  # fmt: skip


def word_grams(text: str) -> dict[int, float]:
    """Buckets of the words and pairs of words of a text, with 1 + log(count)."""
    words = _WORD.findall(text[:LONGEST].lower())
    return _counted([*words, *(f"{a} {b}" for a, b in pairwise(words))])


def character_grams(text: str) -> dict[int, float]:
    """Buckets of the 2 to 4 characters in a row within words, with 1 + log(count)."""
    grams: list[str] = []
    for word in text[:LONGEST].lower().split():
        framed = f" {word} "
        for size in (2, 3, 4):
            grams += [framed[at : at + size] for at in range(len(framed) - size + 1)]
    return _counted(grams)


def prompt_traits(prompt: str) -> list[float]:
    """Numbers about a prompt, each squeezed by sign(x) log(1 + |x|)."""
    text = prompt[:LONGEST]
    numbers, words = _numbers(text), text.split()
    letters = sum(map(len, words)) / len(words) if words else 0.0
    raw = [
        len(prompt), len(words), len(_SENTENCE.split(text)), len(numbers), len(set(numbers)),
        max(numbers, default=0.0) > 100, sum(n != int(n) for n in numbers), letters,
        *(text.lower().count(word) for word in _ASKED),
    ]  # fmt: skip
    return [_squeezed(float(value)) for value in raw]


def answer_traits(prompt: str, answer: str) -> list[float]:
    """Numbers about an answer beside its prompt: whether its arithmetic holds, whether its last
    figure stands in its own work, how much of the prompt it uses, how sure it sounds."""
    text, low = answer[:LONGEST], answer[:LONGEST].lower()
    asked, said = _numbers(prompt[:LONGEST]), _numbers(text)
    known, used = set(asked), set(said)
    right, wrong = _arithmetic(text)
    marked = list(_LAST.finditer(text))
    last = _numbers(marked[-1][1])[:1] if marked else said[-1:]
    work = _numbers(text[: marked[-1].start()]) if marked else said[:-1]
    final = last[0] if last else 0.0
    lines = [line for line in text.split("\n") if line.strip()]
    raw = [
        bool(marked), bool(last), bool(last) and final != int(final), final < 0,
        bool(last) and final in known, bool(work) and final == work[-1], final in work,
        abs(final), abs(final) / (1 + max(map(abs, asked), default=0.0)),
        right, wrong, wrong > 0, len(answer), len(answer) / (1 + len(prompt)), len(lines),
        len(said), len(used), len(used - known), len(known),
        sum(n in used for n in known) / len(known) if known else 1.0,
        sum(n != int(n) for n in said), max(said, default=0.0) > 1000,
        len(answer) / max(1, len(lines)), bool(last) and final == 0,
        text.rstrip().endswith("."), text.count("<<"),
        *(low.count(word) for word in _SAID),
    ]  # fmt: skip
    return [*(_squeezed(float(value)) for value in raw), *prompt_traits(prompt)]


def _counted(grams: list[str]) -> dict[int, float]:
    counts: dict[int, int] = {}
    for gram in grams:
        bucket = zlib.crc32(gram.encode("utf-8", "replace")) % BUCKETS
        counts[bucket] = counts.get(bucket, 0) + 1
    return {bucket: 1 + math.log(count) for bucket, count in counts.items()}


def _squeezed(value: float) -> float:
    return math.copysign(math.log1p(abs(value)), value)


def _numbers(text: str) -> list[float]:
    return list(_read(text))


def _read(text: str) -> Iterator[float]:
    for found in _NUMBER.findall(text):
        value = float(found.replace("$", "").replace(",", ""))
        if abs(value) < 1e15:
            yield value


def _arithmetic(text: str) -> tuple[int, int]:
    """How many steps `a + b = c` of a text are right, and how many wrong (by more than 1 %)."""
    right = wrong = 0
    for left, result in _STEP.findall(text):
        plain = left.translate(_AS_TYPED).replace("%", "/100").strip()
        if len(plain) > 200 or not _OPERATION.search(plain):
            continue
        value = _value(plain)
        if value is None:
            continue
        said = float(result.replace(",", ""))
        good = abs(value - said) <= max(0.01 * abs(value), 0.011)
        right, wrong = right + good, wrong + (not good)
    return right, wrong


_AS_TYPED = str.maketrans({"$": None, ",": None, "x": "*", "\u00d7": "*", "\u00f7": "/"})


def _value(expression: str) -> float | None:
    """The value of plain arithmetic; None for anything else."""
    try:
        return _of(ast.parse(expression, mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        return None


def _of(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_of(operand)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _of(left) + _of(right)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _of(left) - _of(right)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _of(left) * _of(right)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _of(left) / _of(right)
        case _:
            raise ValueError("no plain arithmetic")
