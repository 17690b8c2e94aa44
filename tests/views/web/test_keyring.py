"""Which token a secret opens for a server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pointsman.teams.access import issue
from pointsman.views.web.keyring import Keyring, made_for_now
from tests.flow.shop import shop_team


async def test_stored_tokens_and_those_of_the_process(tmp_path: Path) -> None:
    """Both open; the latter are in no store; neither opens when it is over."""
    async with shop_team(tmp_path) as team:
        stored, secret = await team.new_token("ana", role="viewer")
        made = made_for_now(team, "root")
        at = datetime.now(UTC)
        over = issue(team.name, "old", scopes=("read",), at=at, expires=at + timedelta(seconds=1))
        gone = type(over)(over.token.model_copy(update={"expires": at}), over.secret)
        keyring = Keyring(team, (made, gone))
        assert await keyring.token(secret) == stored
        assert await keyring.token(made.secret) == made.token
        assert made.token.scopes == ("read", "submit", "decide", "admin")
        assert await keyring.token(gone.secret) is None
        assert await keyring.token(made.secret[:-1] + "x") is None
        assert await keyring.token("") is None
        assert await keyring.still(stored)
        assert await keyring.still(made.token)
        assert not await keyring.still(gone.token)
        assert [t.name for t in await team.tokens()] == ["ana"]
        await team.revoke_token(stored.id, by="root")
        assert await keyring.token(secret) is None
        assert not await keyring.still(stored)
        assert await Keyring(team).token(made.secret) is None
