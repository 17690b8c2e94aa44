"""`pointsman keys`: keys that sign what processes send each other."""

from pathlib import Path

import click

from pointsman.views.cli.exits import DONE


@click.group("keys")
def keys() -> None:
    """Keys that sign what this project's processes send each other.

    \b
    Example:
      pointsman keys new shop/router
    """


@keys.command("new")
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False),
    help="The file. Default: NAME.key here, with / as -.",
)  # fmt: skip
def keys_new(name: str, out: Path | None) -> int:
    """Make a key for the sender NAME: its file, and the line that makes others believe it.

    \b
    Example:
      pointsman keys new shop/router --out router.key
    """
    from pointsman.errors import BadInput
    from pointsman.teams.keyfiles import new_signer, sender_line

    if not name.strip() or len(name) > 200 or not name.isprintable():
        raise BadInput("A sender's name has 1 to 200 printable characters.")
    path = out or Path(f"{name.replace('/', '-')}.key")
    signer = new_signer(name, path)
    click.echo(f"Wrote {path}, for its owner only. Use it:  POINTSMAN_SIGNING_KEY={path}", err=True)
    click.echo("In the file of POINTSMAN_SENDERS, under [senders]:", err=True)
    click.echo(sender_line(signer))
    return DONE
