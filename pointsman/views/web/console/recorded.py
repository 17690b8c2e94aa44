"""What the run's record adds to its page: what was asked of models and what they answered; and the
run gone over again another way."""

import asyncio
from dataclasses import dataclass, field

from starlette.responses import Response

from pointsman.errors import NotFound, PointsmanError
from pointsman.nodes.digest import JsonObject
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.replay.fork import Fork
from pointsman.teams.replay.record import CallRecord, RunRecord
from pointsman.teams.store.rows import RunRow
from pointsman.teams.team import Team
from pointsman.views.runpage.page import page
from pointsman.views.web.console import runshapes
from pointsman.views.web.console.sidebyside import difference
from pointsman.views.web.guarded import Asked
from pointsman.views.web.problems import Refusal, answer

ROUTE = "route"
_NO_STEPS = ("intake", "finish")


@dataclass(frozen=True, slots=True)
class Recordings:
    """`/console/runs/{run}/prompts/{call}`, `/export` and `/fork`."""

    team: Team
    under_way: set[asyncio.Task[str]] = field(default_factory=set[asyncio.Task[str]])

    async def prompt(self, asked: Asked) -> Response:
        """The prompt of a model call, as it was sent, and its file beside the release's."""
        row = await self.team.run_row(asked.part("run"))
        asked.sees(row.tenant, f"run {row.run}")
        name = asked.part("call")
        for step in (await self.team.record(row.run)).steps:
            for call in step.calls:
                if call.call == name and call.asked.get("turns"):
                    return answer(await self._shown(row, step.specialist, call))
        raise NotFound(
            f"Run {row.run} has no prompt of call {name[:60]!r} on record.",
            hint="Runs of an older version have none.",
        )

    async def export(self, asked: Asked) -> Response:
        """The run as one HTML file. Always a download, never a page of this server."""
        row = await self.team.run_row(asked.part("run"))
        asked.sees(row.tenant, f"run {row.run}")
        text = page(await self.team.record(row.run))
        kept = {"Content-Disposition": f'attachment; filename="run-{row.run}.html"'}
        return Response(text, headers=kept, media_type="text/html; charset=utf-8")

    async def fork(self, asked: Asked) -> Response:
        """The run again, from a step on, another way. Writes only seem to happen."""
        row = await self.team.run_row(asked.part("run"))
        asked.sees(row.tenant, f"run {row.run}")
        said = await asked.body(runshapes.ForkAsk)
        wanted = Fork(
            at=_step(await self.team.record(row.run), said.at), answers=said.answers, by=asked.by,
            prompts={_whose(self.team, name): text for name, text in said.prompts.items()},
            models={
                name if _known(self.team, name) else "": model.partition(",")[0].strip()
                for name, model in said.models.items()
            },
        )  # fmt: skip
        task = asyncio.create_task(self.team.fork(row.run, wanted), name=f"fork-{row.run}")
        self.under_way.add(task)  # it goes on where the page does not wait for it
        task.add_done_callback(self._ended)
        made = await self.team.run_row(await asyncio.shield(task))
        return answer(runshapes.RunDone(run=made.run, state=made.state, words="Forked."))

    def _ended(self, task: asyncio.Task[str]) -> None:
        self.under_way.discard(task)
        if not task.cancelled():
            task.exception()  # who asked has it, or has gone

    async def _shown(self, row: RunRow, specialist: str, call: CallRecord) -> runshapes.PromptShown:
        name, _, version = str(call.asked.get("prompt_version", "")).partition("@")
        before, release = await self._released(name)
        then = await self._then(row, name)
        note = ""
        if not release:
            note = "No release is in production: there is nothing to compare with."
        elif not before or not then:
            note = "The prompt's file is not known on both sides."
        return runshapes.PromptShown(
            call=call.call, specialist=specialist, name=name, version=version, release=release,
            turns=turns(call.asked), diff=difference(before, then) if before and then else (),
            note=note,
        )  # fmt: skip

    async def _released(self, prompt: str) -> tuple[str, str]:
        """The prompt file's text in the release in production, and that release."""
        production = (await self.team.channels()).production
        return (await self._pinned(production, prompt), production) if production else ("", "")

    async def _then(self, row: RunRow, prompt: str) -> str:
        """The file's text that the run used: its release's, or the file as it is now."""
        if row.release:
            return await self._pinned(row.release, prompt)
        folder = self.team.spec.prompts
        return await asyncio.to_thread(_file, PromptLibrary((folder,) if folder else ()), prompt)

    async def _pinned(self, release: str, prompt: str) -> str:
        try:
            found = (await self.team.release(release)).parts.prompts.get(prompt)
        except PointsmanError:
            return ""
        return found.text if found else ""


def turns(asked: JsonObject) -> tuple[runshapes.PromptTurn, ...]:
    """What a model was sent."""
    listed = asked.get("turns")
    return tuple(
        runshapes.PromptTurn(role=str(one.get("role", "")), text=str(one.get("content") or ""))
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict)
    )


def _step(record: RunRecord, at: int | str) -> str:
    """The name of the step that an event is of."""
    if isinstance(at, str):
        return at
    found = ""
    for step in record.steps:
        if step.name not in _NO_STEPS and step.events and step.events[0].seq <= at:
            found = step.name
    if not found:
        raise Refusal(422, "NoStep", "No step of the run begins there.", hint="Take a later one.")
    return found


def _whose(team: Team, name: str) -> str:
    """Who has the prompt file: a specialist's name, or `route`."""
    if _known(team, name):
        return name
    if name.startswith("router/"):
        return ROUTE
    return next((s.name for s in team.spec.specialists if s.prompt == name), "")


def _known(team: Team, name: str) -> bool:
    return name == ROUTE or any(s.name == name for s in team.spec.specialists)


def _file(library: PromptLibrary, prompt: str) -> str:
    if not prompt or not library.has(prompt):
        return ""
    return library.get(prompt).path.read_text("utf-8")
