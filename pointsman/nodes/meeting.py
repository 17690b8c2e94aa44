"""Meeting the world outside: through the tape of the step."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from pointsman.errors import is_control_flow
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.event import Event
from pointsman.nodes.run import Run
from pointsman.nodes.tape import Kind, Met, packed, unpacked

Work = Callable[[Run], Awaitable[str]]


async def through(kind: Kind, name: str, asked: JsonObject, run: Run, work: Work) -> str:
    """What `work` gives, kept; or what came of the same then, where the step is played.

    Raises what it raises or raised, and Diverged.
    """
    key = digest(kind, name, asked)
    met = Met(
        kind=kind, step=run.step, name=name, digest=key, n=run.occurrences[key], asked=asked
    )  # fmt: skip
    run.occurrences[key] += 1
    then = run.tape.played(met)
    if then is not None:
        run.tape.keep(then.model_copy(update={"asked": asked, "digest": key}))
        return await _again(then, run)
    if not run.tape.keeps:
        return await work(run)
    told: list[Event] = []

    def both(event: Event) -> None:
        told.append(event)
        run.emit(event)

    came: dict[str, object] = {"outcome": "cut"}
    try:
        text = await work(replace(run, emit=both))
        came = {"outcome": "text", "text": text}
    except Exception as error:
        if is_control_flow(error):
            raise
        came = {"outcome": "error", "error": packed(error)}
        raise
    finally:
        run.tape.keep(met.model_copy(update={**came, "events": tuple(told)}))
    return text


async def _again(then: Met, run: Run) -> str:
    for event in then.events:
        run.emit(event)
    if then.outcome == "error":
        raise unpacked(then.error)
    if then.outcome == "cut":
        await run.tape.cut()
    return then.text
