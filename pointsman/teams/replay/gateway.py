"""The door to models in a replay: the journal's answers, and the errors that were recorded."""

from dataclasses import replace

from pointsman.errors import Diverged
from pointsman.nodes.gateway import recorded
from pointsman.nodes.gateway.asked import Asked
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import Journal
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Reader
from pointsman.nodes.run import Run
from pointsman.nodes.tape import Met, unpacked
from pointsman.teams.replay.play import Play


class PlayGateway(ModelGateway):
    """Answers what a tape plays, and asks models only where none does."""

    source: Journal
    """Where the recorded answers are."""
    fork: Play | None = None
    """What a fork plays; None for a replay."""

    def asks_anew(self) -> None:
        """Take nothing from the response cache: whoever wants a live answer has the old one."""
        self._cache = None

    async def complete(
        self, request: ModelRequest, run: Run, read: Reader | None = None
    ) -> ModelReply:
        """See `ModelGateway.complete`. Raises what was raised then, and Diverged."""
        # The counter of the live gateway, which counts when it is asked itself.
        counted = replace(run, occurrences=run.occurrences.copy())
        asked = Asked.of(request, counted)
        met, parts = asked.met
        then = run.tape.played(met)
        if then is None:
            return await super().complete(request, run, read)
        Asked.of(request, run)
        outcome = then.model_copy(update={"asked": met.asked, "digest": met.digest})
        run.tape.keep(outcome, parts)
        return await self._again(then, replace(asked, run=run), read)

    async def _again(self, then: Met, asked: Asked, read: Reader | None) -> ModelReply:
        if then.outcome == "cut":
            await asked.run.tape.cut()
        if then.outcome == "error":
            raise unpacked(then.error)
        if self.fork is not None:
            reply = await self._copied(then, asked, self.fork)
        else:
            run = replace(asked.run, step=then.step)
            place = replace(asked, digest=then.digest, occurrence=then.n, run=run)
            reply = await recorded.replayed(self.source, place)
        if reply is None:
            raise Diverged(f"The answer to {then.name} is not in the journal any more.")
        if read is not None:
            read.text(reply.text)
        return reply

    async def _copied(self, then: Met, asked: Asked, play: Play) -> ModelReply | None:
        """The recorded answer as the fork's own, that nobody pays for again."""
        run = asked.run
        name = play.runs[run.id].row.run
        reply = await self.source.journal_get(name, then.step, then.n, then.digest)
        if reply is None:
            return None
        again = reply.served_from("journal")
        run.emit(recorded.called(again, asked))
        await self.source.journal_put(run.id, run.step, asked.occurrence, asked.digest, reply)
        return again
