"""The contract of what servers keep: access tokens, keys of messages, what nobody finished."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from pointsman.errors import Conflict, NotFound
from pointsman.teams.access import Issued, issue
from pointsman.teams.approvals.audit import faults
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import Submitted
from pointsman.teams.tickets import Approve, Ticket, TicketStatus
from tests.contracts.rows import NOW, a_run, a_ticket, claim


def a_token(name: str = "ana", *, team: str = "shop") -> Issued:
    """A token of a reviewer."""
    return issue(team, name, scopes=("read", "decide"), tenant="acme", by="bo", at=NOW)


class ServingContract:
    """What every Store promises of what servers keep."""

    async def test_a_token_comes_back_with_its_digest(self, store: Store) -> None:
        """By its id and its team; another team's is not there."""
        made = a_token()
        await store.add_token(made.token, made.digest)
        assert await store.find_token("shop", made.token.id) == (made.token, made.digest)
        assert await store.find_token("other", made.token.id) is None
        assert await store.find_token("shop", "") is None

    async def test_tokens_are_listed_newest_first(self, store: Store) -> None:
        """Each team's own, ended ones too."""
        old, new, foreign = a_token("old"), a_token("new"), a_token("x", team="other")
        later = new.token.model_copy(update={"created": NOW + timedelta(seconds=1)})
        await store.add_token(old.token, old.digest)
        await store.add_token(later, new.digest)
        await store.add_token(foreign.token, foreign.digest)
        assert [t.name for t in await store.tokens("shop")] == ["new", "old"]
        assert [t.name for t in await store.tokens("shop", limit=1)] == ["new"]

    async def test_a_token_is_revoked_once(self, store: Store) -> None:
        """Of several at once one does it; the others are told by whom."""
        made = a_token()
        await store.add_token(made.token, made.digest)
        came = await asyncio.gather(
            *(store.revoke_token("shop", made.token.id, by=f"p{n}", at=NOW) for n in range(4)),
            return_exceptions=True,
        )
        done = [one for one in came if not isinstance(one, BaseException)]
        assert len(done) == 1
        assert all(isinstance(e, Conflict) and done[0].revoked_by in str(e)
                   for e in came if isinstance(e, BaseException))  # fmt: skip
        found = await store.find_token("shop", made.token.id)
        assert found is not None
        assert found[0].revoked == NOW
        assert not found[0].live(NOW)
        with pytest.raises(NotFound):
            await store.revoke_token("other", made.token.id, by="x", at=NOW)

    async def test_issuing_and_revoking_are_audited(self, store: Store) -> None:
        """One row each, in the chain, without the secret or its digest."""
        made = a_token()
        await store.add_token(made.token, made.digest)
        await store.revoke_token("shop", made.token.id, by="cy", at=NOW)
        rows = await store.audit()
        assert [(r.entry.action, r.entry.by, r.entry.to, r.entry.token) for r in rows] == [
            ("issue", "bo", "ana", made.token.id), ("withdraw", "cy", "ana", made.token.id),
        ]  # fmt: skip
        assert faults(rows) == []
        assert made.digest not in "".join(r.model_dump_json() for r in rows)

    async def test_the_first_of_a_key_counts(self, store: Store) -> None:
        """Of several at once all are given the same; each tenant and team has keys of its own."""
        came = await asyncio.gather(
            *(
                store.submitted("shop", "acme", "k1", digest=f"d{n}", thread=f"c{n}")
                for n in range(5)
            )
        )
        assert len(set(came)) == 1
        other = await store.submitted("shop", "globex", "k1", digest="x", thread="y")
        assert other == Submitted("x", "y")

    async def test_what_is_unfinished(self, store: Store) -> None:
        """Runs that a message began and that run, oldest first, page by page; no fork, which only
        whoever forks drives."""
        for n in range(3):
            await store.add_run(a_run(f"r{n}", thread=f"c{n}"))
        await store.add_run(a_run("graph", nested=True))
        await store.add_run(replace(a_run("child"), parent="r0", root="r0"))
        await store.add_run(replace(a_run("fork"), fork_of="r0", fork_at="1:route"))
        await store.add_run(a_run("elsewhere", team="other"))
        await store.add_run(a_run("done"))
        await store.move_run("done", "done", frm=("running",))
        first = await store.unfinished("shop", limit=2)
        assert [run for _, run in first] == ["r0", "r1"]
        rest = await store.unfinished("shop", after=first[-1][0], limit=2)
        assert [run for _, run in rest] == ["r2"]

    async def test_tickets_page_by_page(self, store: Store) -> None:
        """Every ticket is on one page, oldest first; only the tenant's, the status's, the run's."""
        await store.add_run(a_run("r1"))
        await store.add_run(a_run("r2", tenant="globex"))
        await store.freeze([a_ticket(f"t{n}", run="r1" if n % 2 else "r2") for n in range(7)])
        seen: list[str] = []
        after: int | None = 0
        while after is not None:
            page = await store.ticket_page("shop", after=after, limit=2)
            seen += [t.id for t in page.tickets]
            after = page.next
        assert seen == [f"t{n}" for n in range(7)]
        theirs = await store.ticket_page("shop", tenant="globex")
        assert [t.id for t in theirs.tickets] == ["t0", "t2", "t4", "t6"]
        assert (await store.ticket_page("shop", status="approved")).tickets == ()
        assert len((await store.ticket_page("shop", run="r1")).tickets) == 3

    async def test_tickets_of_all_statuses_teams_and_tenants_in_one_order(
        self, store: Store
    ) -> None:
        """As they were opened, whoever they are of and however they stand; each filter is plain."""
        await store.add_run(a_run("outer"))
        await store.add_run(a_run("bolts", tenant="bolt"))
        await store.add_run(replace(a_run("below", team="stock"), parent="outer", root="outer"))
        await store.add_run(a_run("alone", team="stock"))
        of = {"outer": "shop", "bolts": "shop", "below": "stock", "alone": "stock"}
        opened: list[Ticket] = []
        for n in range(24):
            run = list(of)[n % 4]
            (ticket,) = await store.freeze([a_ticket(f"t{n}", run=run, team=of[run])])
            if n % 3 == 0:
                ticket = await claim(store, ticket.id, Approve(by="ana"))
            opened.append(ticket)
        statuses: tuple[TicketStatus | None, ...] = (None, "pending", "approved")
        for tenant, status in product(("", "acme", "bolt"), statuses):
            seen: list[str] = []
            after: int | None = 0
            while after is not None:
                page = await store.ticket_page(
                    "shop", inside=("stock", "mint"), status=status, tenant=tenant, after=after,
                    limit=4,
                )  # fmt: skip
                seen += [t.id for t in page.tickets]
                after = page.next
            assert seen == [
                t.id for t in opened
                if t.run != "alone" and status in (None, t.status)
                and (not tenant or (t.run == "bolts") == (tenant == "bolt"))
            ]  # fmt: skip

    async def test_tickets_of_a_team_inside(self, store: Store) -> None:
        """They are on the outer team's pages where they work for it, and only then."""
        await store.add_run(a_run("outer"))
        await store.add_run(replace(a_run("below", team="stock"), parent="outer", root="outer"))
        await store.add_run(a_run("alone", team="stock"))
        await store.freeze(
            [a_ticket("a", run="below", team="stock"), a_ticket("b", run="alone", team="stock")]
        )
        page = await store.ticket_page("shop", inside=("stock",))
        assert [t.id for t in page.tickets] == ["a"]
        assert (await store.ticket_page("shop")).tickets == ()
        of_run = await store.ticket_page("shop", inside=("stock",), run="outer")
        assert [t.id for t in of_run.tickets] == ["a"]
