"""The page Inbox: the notebook's cards, and decisions by the one way that every view takes."""

from contextlib import suppress
from dataclasses import dataclass

from pydantic import JsonValue, ValidationError
from starlette.responses import Response

from pointsman.errors import Conflict, InvalidDecision, NotFound
from pointsman.nodes.digest import JsonObject
from pointsman.teams.family import members
from pointsman.teams.mailbox import Mailbox
from pointsman.teams.team import Team
from pointsman.teams.tickets import Decision, Ticket
from pointsman.views.notebook.cards import card
from pointsman.views.notebook.desk import NESTED, decision_of
from pointsman.views.web.console import shapes
from pointsman.views.web.feed import Feed
from pointsman.views.web.guarded import Asked
from pointsman.views.web.problems import Refusal, answer, sentence

CARDS = 100
"""Open cards on the page; as they are decided, others take their place."""
COUNTED = 500
"""Open tickets that are counted beyond those."""
DECIDED = 20


@dataclass(frozen=True, slots=True)
class Inbox:
    """`/console/tickets`."""

    team: Team
    mailbox: Mailbox
    feed: Feed

    async def tickets(self, asked: Asked) -> Response:
        """`GET /console/tickets`."""
        query = asked.request.query_params
        tenant, run = asked.session.token.tenant, query.get("run", "")
        if run:
            row = await self.team.run_row(run)
            asked.sees(row.tenant, f"run {run}")
        async with self.team.sessions.services() as services:
            inside = tuple(members(self.team.spec).keys() - {self.team.name})
            page = await services.store.ticket_page(
                self.team.name, inside=inside, status="pending", tenant=tenant, run=run,
                limit=CARDS + COUNTED,
            )  # fmt: skip
        shown = page.tickets[:CARDS]
        if query.get("decided") == "1":
            shown = (*shown, *await self._decided(asked, run))
        may = asked.session.token.may("decide")
        return answer(
            shapes.InboxPage(
                team=self.team.name, by=asked.by if may else "", may_decide=may,
                cards=tuple(card(ticket) for ticket in shown),
                more=max(0, len(page.tickets) - CARDS),
            )
        )  # fmt: skip

    async def decide(self, asked: Asked) -> Response:
        """`POST /console/tickets/{ticket}/decide`."""
        said = await asked.body(shapes.Said)
        if said.ticket != asked.part("ticket"):
            raise Refusal(400, "BadInput", "The address names another ticket than the decision.")
        ticket = await self._ticket(asked, said.ticket)
        status, text = 200, ""
        try:
            after = await self.mailbox.decide(ticket.id, _decision(said, asked.by))
            if not after.open:
                self.feed.closed(after.id)
                row = await self.team.run_row(after.run)
                text = NESTED if row.nested and after.kind != "compensate" else ""
        except Conflict as error:
            status, text = 409, str(error)
        except InvalidDecision as error:
            status, text = 422, str(error)
        except ValidationError as error:
            status, text = 422, sentence(error)
        now = await self.team.ticket(ticket.id)
        return answer(
            shapes.Ack(
                nonce=said.nonce, ticket=ticket.id, state="done" if status == 200 else "refused",
                text=text, card=card(now),
            ),
            status,
        )  # fmt: skip

    async def _ticket(self, asked: Asked, name: str) -> Ticket:
        ticket = await self.team.ticket(name)
        asked.sees(ticket.tenant, f"ticket {name}")
        return ticket

    async def _decided(self, asked: Asked, run: str) -> tuple[Ticket, ...]:
        """Those that were closed while somebody looked, newest first; of a run, all of them."""
        if run:
            of_run = await self.team.tickets(status=None, run=run)
            return tuple(t for t in reversed(of_run) if not t.open)[:DECIDED]
        found: list[Ticket] = []
        for name in self.feed.lately:
            with suppress(NotFound):
                ticket = await self._ticket(asked, name)
                if not ticket.open:
                    found.append(ticket)
            if len(found) == DECIDED:
                break
        return tuple(found)


def _decision(said: shapes.Said, by: str) -> Decision:
    """What the page said, as a decision of the session's person. Raises ValidationError, and
    InvalidDecision for an approval that does not say what was seen."""
    given: JsonObject = {"type": said.type, "by": by, "reason": said.reason}
    match said.type:
        case "approve":
            if not said.digest:
                raise InvalidDecision(
                    f"The approval of ticket {said.ticket} does not say what was seen.",
                    hint="Send the card's `shows` as `digest`.",
                )
            given["digest"] = said.digest
        case "edit":
            texts: dict[str, JsonValue] = {**said.json_}
            given["json"] = texts
        case "respond":
            given["text"] = said.text
        case "escalate":
            given["to"] = said.to
        case "reject":
            pass
    return decision_of(given)
