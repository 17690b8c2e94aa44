"""`pointsman token`: who may use the servers of the team."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import DONE, drive
from pointsman.views.cli.grants import Until
from pointsman.views.cli.options import as_json, by_whom, program
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.nodes.digest import JsonObject
    from pointsman.teams.access import Role, Scope, Token

UNCHANGED = "Stopped. Nothing was changed."


@click.group()
def token() -> None:
    """Tokens for `pointsman serve` and `pointsman console`: each has a name, scopes, and maybe one
    tenant. What is decided with a token is on record under its name.

    \b
    Examples:
      pointsman token new ana --role reviewer --until 30d
      pointsman token list
    """


@token.command("new")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["viewer", "reviewer", "admin"]),
    help="viewer reads; reviewer reads and decides; admin may do everything.",
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["read", "submit", "decide", "admin"]),
    help="Instead of a role. May be given several times.",
)
@click.option("--tenant", default="", help="Only this tenant's runs and tickets. Default: all.")
@click.option("--until", type=Until(), help="When it ends: 12h, 30d, or a date. Default: never.")
@by_whom
@as_json
@click.pass_obj
def token_new(
    project: Project, name: str, role: "Role | None", scopes: "tuple[Scope, ...]", tenant: str,
    until: datetime | None, by: str, as_json: bool,
) -> int:  # fmt: skip
    """Make a token for NAME and print its secret, this once: it is stored nowhere.

    \b
    Examples:
      pointsman token new shop-web --scope submit --scope read --tenant shop
      pointsman token new ana --role reviewer
    """
    from pointsman.views.cli.record import put
    from pointsman.views.cli.session import opened
    from pointsman.views.visible import one_line

    if (role is None) == (not scopes):
        raise click.UsageError("Give either --role or --scope.")

    async def work() -> "tuple[Token, str]":
        async with opened(project) as session:
            return await session.team.new_token(
                name, role=role, scopes=scopes, tenant=tenant, expires=until, by=by
            )

    made, secret = drive(work, kept=lambda: UNCHANGED)
    if as_json:
        put({**_record(made), "secret": secret})
        return DONE
    click.echo(secret)
    whose = f" of tenant {one_line(made.tenant)}" if made.tenant else ""
    ends = f", until {made.expires.astimezone():%Y-%m-%d %H:%M}" if made.expires else ""
    click.echo(
        f"Token {made.id} for {one_line(made.name)}{whose}: {', '.join(made.scopes)}{ends}.\n"
        f"Keep the secret now; it is not shown again. End it:  {program()} token revoke {made.id}",
        err=True,
    )
    return DONE


@token.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@as_json
@click.pass_obj
def token_list(project: Project, everything: bool, as_json: bool) -> int:
    """List the tokens, newest first. Never their secrets.

    \b
    Example:
      pointsman token list --all
    """
    from datetime import UTC

    from pointsman.views.cli.record import put
    from pointsman.views.cli.session import opened

    async def work() -> "tuple[Token, ...]":
        async with opened(project) as session:
            return await session.team.tokens()

    now = datetime.now(UTC)
    found = [t for t in drive(work, kept=lambda: UNCHANGED) if everything or t.live(now)]
    if as_json:
        put([_record(t) for t in found])
        return DONE
    if not found:
        click.echo(f"There are no tokens. Make one:  {program()} token new NAME --role reviewer")
    for one in found:
        click.echo(_line(one))
    return DONE


@token.command("revoke")
@click.argument("token_id", metavar="TOKEN")
@by_whom
@as_json
@click.pass_obj
def token_revoke(project: Project, token_id: str, by: str, as_json: bool) -> int:
    """End TOKEN now, by its id or the beginning of it: whoever uses it is refused from then on.

    \b
    Example:
      pointsman token revoke 3fa2c1d0 --by ana
    """
    from pointsman.errors import BadInput
    from pointsman.views.cli.record import put
    from pointsman.views.cli.session import opened
    from pointsman.views.visible import one_line

    async def work() -> "Token":
        async with opened(project) as session:
            known = [t.id for t in await session.team.tokens()]
            begun = [i for i in known if i.startswith(token_id)] if token_id else []
            if len(begun) > 1:
                raise BadInput(f"Several tokens begin with {token_id!r}.", hint="Give more of it.")
            return await session.team.revoke_token(begun[0] if begun else token_id, by=by)

    ended = drive(work, kept=lambda: UNCHANGED)
    if as_json:
        put(_record(ended))
        return DONE
    click.echo(f"Token {ended.id} of {one_line(ended.name)} is over.")
    return DONE


def _record(one: "Token") -> "JsonObject":
    return one.model_dump(mode="json")


def _line(one: "Token") -> str:
    from pointsman.views.visible import one_line

    tenant = f"  tenant {one_line(one.tenant)}" if one.tenant else ""
    ends = f"  until {one.expires.astimezone():%Y-%m-%d %H:%M}" if one.expires else ""
    over = f"  revoked by {one_line(one.revoked_by)}" if one.revoked else ""
    made = f"{one.created.astimezone():%Y-%m-%d %H:%M} by {one_line(one.by)}"
    return (
        f"token {one.id}  {one_line(one.name)}  {','.join(one.scopes)}{tenant}{ends}{over}"
        f"  (made {made})"
    )
