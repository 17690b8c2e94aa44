"""What schema 4 keeps of runs and events that older schemas stored, made from them."""

import json
from collections.abc import Callable, Sequence

import psycopg
from psycopg.rows import TupleRow

from pointsman.nodes.message import Message
from pointsman.teams.result import Result
from pointsman.teams.store import lists
from pointsman.teams.store.postgres import counting
from pointsman.teams.store.postgres.words import vector

_BATCH = 500
_Db = psycopg.Connection[TupleRow]


def to_4(db: _Db) -> None:
    """Let every run be listed and found by its words, and count every event."""
    with db.cursor(name="unlisted") as found:
        found.execute("SELECT run, request, result FROM runs ORDER BY seq")
        while rows := found.fetchmany(_BATCH):
            _list(db, [(run, *_said(request, result)) for run, request, result in rows])
    counting.count_all(db)


def _said(request: str, result: str | None) -> tuple[str, Result | None]:
    text = lists.request_text(Message.model_validate_json(request))
    return text, None if result is None else Result.model_validate_json(result)


def _list(db: _Db, runs: Sequence[tuple[str, str, Result | None]]) -> None:
    db.cursor().executemany(
        "UPDATE runs SET text = %s WHERE run = %s",
        [(json.dumps(text[: lists.TEXT_SHOWN]), run) for run, text, _ in runs],
    )
    db.cursor().executemany(
        "UPDATE runs SET usd = %s, calls = %s, error = %s WHERE run = %s",
        [(came.usd, came.model_calls, came.error, run) for run, _, came in runs if came],
    )
    db.cursor().executemany(
        "INSERT INTO run_texts (run, words) VALUES (%s, %s::tsvector || %s::tsvector)",
        [
            (run, vector(text, "A"), vector(came.answer if came else "", "B"))
            for run, text, came in runs
        ],
    )


BACKFILLS: dict[int, Callable[[_Db], None]] = {4: to_4}
"""What is done after the step to a schema, in its transaction."""
