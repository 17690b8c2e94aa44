"""The reply: sentences that a tool or a worked answer holds, chosen by the tiny model; words around
copied figures only where there are none.
"""

from collections.abc import Sequence

from pointsman.errors import BadOutput
from pointsman.nodes.gateway import embedded_copy as copy
from pointsman.nodes.gateway.embedded_llama import Llama
from pointsman.nodes.gateway.embedded_prompt import ANSWER, Case, Step, one_line

_REPLY_TOKENS = 120
"""A reply of this model that is longer than two or three sentences has lost its thread."""
_MAX_SENTENCES = 24
"""Fixed sentences a reply is chosen from at most."""


def reply(llama: Llama, prompt: str, case: Case, steps: Sequence[Step], max_tokens: int) -> str:
    """The answer. Where the worked answers are whole sentences of their results and fixed ones, so
    is this one, and the model chooses which. Else it puts words around copied figures, which is
    worse: this model makes false sentences of true figures.
    """
    prompt += "Reply:"
    alike = [s for s in steps if s.action == ANSWER and bool(s.case.results) == bool(case.results)]
    fixed = _fixed(alike)
    if fixed is not None and all(copy.is_prose(result) for result in case.results):
        said = [part for result in case.results for part in copy.sentences(one_line(result))]
        if said or fixed:
            return _composed(llama, prompt, list(dict.fromkeys(said)), fixed)
    grammar = copy.sentence((one_line(place) for place in case.places), _own_words(alike))
    tokens = min(max_tokens, _REPLY_TOKENS)
    text, ended = llama.write(prompt, grammar=grammar, max_tokens=tokens)
    if not (answer := whole_sentences(text, ended=ended)):
        raise BadOutput("The embedded model wrote no whole sentence.")
    return answer


def _fixed(answers: Sequence[Step]) -> list[str] | None:
    """What worked answers say beyond their results: sentences, or the whole answer where there was
    no result. None where one of them words a fact of its case anew."""
    fixed: dict[str, None] = {}
    for step in answers:
        whole = one_line(step.reply)
        given = copy.sentences(" ".join(one_line(result) for result in step.case.results))
        for said in copy.sentences(whole) if given else [whole]:
            if said in given:
                continue
            if _holds_fact(said, step.case):
                return None
            fixed[said] = None
    return list(fixed)[:_MAX_SENTENCES]


def _composed(llama: Llama, prompt: str, said: Sequence[str], fixed: Sequence[str]) -> str:
    """Sentences chosen one after another, the results' first and in their order, until a line end
    is likelier than any further one. Without a result, one fixed answer."""
    options = list(said or fixed)
    answer, most = "", len(said) + 1
    while options and most:
        stop = ("",) if answer else ()
        ranked = llama.rank(prompt, (*(f" {one}" for one in options), *stop))
        best = max(ranked, key=lambda text: ranked[text])
        if not best:
            break
        answer, prompt, most = answer + best, prompt + best, most - 1
        picked = best.removeprefix(" ")
        if picked in said:
            options = [*said[said.index(picked) + 1 :], *fixed]
        else:
            options.remove(picked)
    return answer.strip()


def _holds_fact(said: str, case: Case) -> bool:
    """Whether a sentence has a figure, or a name that it took from its conversation."""
    facts = {word.strip(copy.TRIM) for place in case.places for word in place.split()}
    words = [word.strip(copy.TRIM) for word in said.split()]
    return any(c.isdigit() for c in said) or any(
        word in facts and any(c.isupper() for c in word) for word in words[1:]
    )


def _own_words(shots: Sequence[Step]) -> list[str]:
    """The words of worked replies that were not copied from their conversations: no facts of
    somebody else's case."""
    words: list[str] = []
    for step in shots:
        facts = " ".join(step.case.places)
        words += [word for word in step.reply.split() if word.strip(copy.TRIM) not in facts]
    return words


def whole_sentences(text: str, *, ended: bool) -> str:
    """The text up to its last whole sentence, each sentence once. `ended`: nothing was cut off."""
    kept: list[str] = []
    for part in copy.sentences(text):
        complete = part.endswith((".", "!", "?")) or (ended and not kept)
        if complete and part not in kept:
            kept.append(part)
    return " ".join(kept)
