"""Records as a run leaves them, for tests of what reads them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from pointsman.evals.record import End, Head, Sample

SCORES = ("ok", "close", "tone")


def sample(
    case: str, *, epoch: int = 1, ok: bool | None = True, close: float | None = None,
    tone: str | None = None, error: str = "", **more: object,
) -> Sample:  # fmt: skip
    """A sample; with an error it has no score."""
    given = {"ok": ok, "close": close, "tone": tone}
    scores = {} if error else {name: value for name, value in given.items() if value is not None}
    row = {
        "key": f"{case}-{epoch}", "case": case, "epoch": epoch, "case_digest": f"d-{case}",
        "version": "v1", "input": f"ask {case}", "scores": scores, "error": error,
        "usd": 0.01, "seconds": 1.0, "tokens": 100, "model_calls": 1,
    }  # fmt: skip
    return Sample.model_validate({**row, **more})


def many(outcomes: str, **more: object) -> list[Sample]:
    """A case for each letter: `p` passes, `f` fails, `e` is an error, `u` has a scorer that
    failed, `-` is none of the scorer's."""
    found: list[Sample] = []
    for n, letter in enumerate(outcomes):
        name = f"c{n:04}"
        match letter:
            case "e":
                found.append(sample(name, error="ModelTimeout: no answer", **more))
            case "u":
                found.append(sample(name, ok=None, unscored={"ok": "ValueError: no"}, **more))
            case "-":
                found.append(sample(name, ok=None, **more))
            case _:
                found.append(sample(name, ok=letter == "p", **more))
    return found


def write(
    path: Path, samples: Iterable[Sample], *, digest: str = "s1", epochs: int = 1,
    versions: dict[str, str] | None = None, due: int | None = None, **more: object,
) -> Path:  # fmt: skip
    """A record of these samples, complete unless `due` says that there should be more cases."""
    held = list(samples)
    cases = len({one.case for one in held}) if due is None else due
    row = {
        "run": "r1", "suite": "support", "suite_digest": digest, "target": "team", "version": "v1",
        "started": datetime(2026, 1, 2, tzinfo=UTC), "scorers": SCORES, "epochs": epochs,
        "scorer_versions": versions or dict.fromkeys(SCORES, "1"), "cases": cases,
    }  # fmt: skip
    head = Head.model_validate({**row, **more})
    end = End(reason="complete", done=len(held), due=cases * epochs)
    lines = [line.model_dump_json() for line in (head, *held, end)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
