"""`pointsman cache similar`: what a similarity cache would do on texts of the user's own."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointsman.errors import MissingExtra, NotFound
from pointsman.views.cli.exits import DONE, drive
from pointsman.views.cli.options import as_json
from pointsman.views.cli.project import Project
from pointsman.views.cli.screen import console, plain

if TYPE_CHECKING:
    from pointsman.evals.similarity import Measured
    from pointsman.nodes.gateway.embedding import LocalEmbedding, Vector

SCHEMA = "pointsman.similar@1"


class Embedder:
    """Embeds texts with a model, outside of any run, or with a function."""

    def __init__(self, embed: "str | LocalEmbedding") -> None:
        from pointsman.nodes.gateway.litellm import LiteLLMTransport

        self._embed = embed
        self._transport = LiteLLMTransport()
        self.usd = 0.0
        self.unpriced = 0

    async def __call__(self, text: str) -> "Vector":
        """The text's vector. Raises what the model does."""
        from pointsman.nodes.gateway.embedding import unpacked
        from pointsman.nodes.gateway.similar import embedded
        from pointsman.nodes.gateway.transport import ModelRequest
        from pointsman.nodes.message import Turn

        if not isinstance(self._embed, str):
            return await embedded(self._embed, text)
        request = ModelRequest(turns=(Turn(role="user", content=text),), max_tokens=0)
        reply = await self._transport.embed(self._embed, request, 60.0)
        self.usd += reply.usd or 0.0
        self.unpriced += reply.usd is None
        return unpacked(reply.text)


@click.command(epilog='A row is one JSON object a line: {"text": "...", "label": "..."}.')
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--embed", metavar="MODEL",
    help="An embedding model by its LiteLLM name; it is asked once for each text, and paid.",
)  # fmt: skip
@click.option(
    "--specialist", metavar="NAME", help="The embedding of this specialist's cache=Similar(...)."
)
@click.option(
    "--threshold", "thresholds", type=click.FloatRange(0.0, 1.0, min_open=True), multiple=True,
    help="A cosine from which on texts are alike. May be repeated. Default: 12 from 0.7 to 0.99.",
)  # fmt: skip
@click.option(
    "--at-most", type=click.FloatRange(0.0, 1.0, min_open=True), default=0.01, show_default=True,
    help="Share of the hits that may be false.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the texts' order.")
@as_json
@click.pass_obj
def similar(
    project: Project,
    file: Path,
    embed: str | None,
    specialist: str | None,
    thresholds: tuple[float, ...],
    at_most: float,
    seed: int,
    as_json: bool,
) -> int:
    """Measure a similarity cache on labelled texts: hits, and false hits among them.

    Texts with one label want one answer. They come in a random order, and each is compared with
    all before it. A hit whose nearest text has another label is a false hit: the user would have
    read the answer to something else. Without --embed and --specialist texts are compared by
    spelling, with no model.

    \b
    Examples:
      pointsman cache similar asked.jsonl
      pointsman cache similar asked.jsonl --embed openai/text-embedding-3-small
    """
    try:
        from pointsman.evals import similarity
    except ImportError:
        raise MissingExtra("This needs NumPy.", hint='pip install "pointsman[analysis]"') from None
    from pointsman.nodes.gateway.embedding import hashed_grams

    if embed is not None and specialist is not None:
        raise click.UsageError("Give --embed or --specialist, not both.")
    wanted = embed or (hashed_grams() if specialist is None else _of(project, specialist))
    rows, embedder = similarity.read(file), Embedder(wanted)

    async def work(done: Callable[[], None]) -> "Measured":
        return await similarity.measure(
            rows, embedder, name=wanted if isinstance(wanted, str) else wanted.name,
            thresholds=thresholds or similarity.THRESHOLDS, at_most=at_most, seed=seed, done=done,
        )  # fmt: skip

    with click.progressbar(length=len(rows), label="Embedding", file=sys.stderr) as bar:
        measured = drive(
            lambda: work(lambda: bar.update(1)), kept=lambda: "Stopped. Nothing was kept."
        )
    if as_json:
        click.echo(json.dumps(_as_json(measured, embedder)))
    else:
        _show(measured, embedder)
    return DONE


def _of(project: Project, name: str) -> "str | LocalEmbedding":
    from pointsman.nodes.gateway.embedding import Similar

    for one in project.load().spec.specialists:
        if one.name == name:
            if isinstance(one.cache, Similar):
                return one.cache.embed
            raise NotFound(
                f"Specialist {name!r} has no similarity cache.", hint="Give --embed MODEL."
            )
    raise NotFound(f"There is no specialist {name!r}.", hint="Give --embed MODEL.")


def _as_json(measured: "Measured", embedder: Embedder) -> dict[str, object]:
    return {
        "schema_version": SCHEMA,
        "embedding": measured.embedding,
        "texts": measured.texts,
        "repeated": measured.repeated,
        "labels": measured.labels,
        "usd": None if embedder.unpriced else embedder.usd,
        "at_most": measured.at_most,
        "recommended": measured.recommended,
        "thresholds": [
            {
                "threshold": row.threshold,
                "hits": row.hits.passed,
                "hit_rate": row.hits.value,
                "false_hits": row.false.passed,
                "false_hit_rate": row.false.value if row.hits.passed else None,
                "interval": list(row.false.interval),
            }
            for row in measured.rows
        ],
    }


def _show(measured: "Measured", embedder: Embedder) -> None:
    from rich.table import Table

    screen = console(stderr=False)
    again = f", {measured.repeated} repeated and left out" if measured.repeated else ""
    plain(
        screen,
        f"{measured.texts} texts of {measured.labels} labels{again};"
        f" embedding {measured.embedding}",
    )
    table = Table(box=None, pad_edge=False)
    for name in ("threshold", "hits", "hit rate", "false hits", "of the hits", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in measured.rows:
        low, high = row.false.interval
        told = (
            (f"{row.false.value:.2%}", f"{low:.2%} - {high:.2%}") if row.hits.passed else ("-",) * 2
        )
        table.add_row(
            f"{row.threshold:g}", str(row.hits.passed), f"{row.hits.value:.1%}",
            str(row.false.passed), *told,
        )  # fmt: skip
    screen.print(table)
    plain(screen, _verdict(measured))
    if embedder.usd or embedder.unpriced:
        unknown = f", and {embedder.unpriced} calls of unknown price" if embedder.unpriced else ""
        plain(screen, f"The embeddings cost {embedder.usd:.4f} USD{unknown}.")


def _verdict(measured: "Measured") -> str:
    share = f"{100 * measured.at_most:g} %"
    if measured.recommended is None:
        return f"No threshold keeps false hits under {share} for sure. Leave the cache exact."
    hits = next(row.hits for row in measured.rows if row.threshold == measured.recommended)
    return (
        f"threshold={measured.recommended:g} keeps false hits under {share}"
        f" and hits {hits.value:.1%} of what the exact cache misses."
    )
