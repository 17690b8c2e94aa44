"""Telling reviewers over HTTP that a ticket waits."""

from collections.abc import Awaitable, Callable

from pointsman.errors import Misconfigured
from pointsman.teams.tickets import Ticket


def webhook(url: str) -> Callable[[Ticket], Awaitable[None]]:
    """A callback that POSTs the ticket as JSON to `url`: ids, specialist, tool, reason. The
    arguments stay in the store, for the reviewers who may see them.

    Raises Misconfigured for a URL that is not http(s).
    """
    if not url.startswith(("http://", "https://")):
        raise Misconfigured(
            f"on_ticket={url!r} is no http(s) URL.", hint="Give a URL or a function."
        )

    async def tell(ticket: Ticket) -> None:
        import aiohttp

        body = {
            "type": "pointsman.ticket.opened",
            "ticket": ticket.id,
            "team": ticket.team,
            "run": ticket.run,
            "specialist": ticket.specialist,
            "tool": ticket.tool,
            "reason": ticket.reason,
        }
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.post(url, json=body) as answer,
        ):
            answer.raise_for_status()

    return tell
