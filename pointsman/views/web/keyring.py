"""Which token a secret opens: one stored with the team, or one made for this process only."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pointsman.teams.access import ROLES, Issued, Token, issue
from pointsman.teams.team import Team


class Keyring:
    """What a server asks about secrets. API and console share one."""

    def __init__(self, team: Team, made: Sequence[Issued] = ()) -> None:
        """`made`: tokens of this process, stored nowhere."""
        self._team = team
        self._made = tuple(made)

    async def token(self, secret: str) -> Token | None:
        """The token; None for a secret that is wrong, or whose token is over. Raises StoreError."""
        for made in self._made:
            if made.opens(secret):
                return made.token if made.token.live(datetime.now(UTC)) else None
        return await self._team.check_token(secret)

    async def still(self, token: Token) -> bool:
        """Whether a token that was let in before is good now: a session asks again. Raises
        StoreError."""
        for made in self._made:
            if made.token.id == token.id:
                return made.token.live(datetime.now(UTC))
        async with self._team.sessions.services() as services:
            found = await services.store.find_token(self._team.name, token.id)
        return found is not None and found[0].live(services.now())


def made_for_now(team: Team, name: str) -> Issued:
    """The token that a server prints at start: role admin, every tenant, gone with the process."""
    return issue(team.name, name, scopes=ROLES["admin"], by="server", at=datetime.now(UTC))
