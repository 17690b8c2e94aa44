"""Runs, tickets and events as JSON objects, for `--json`. Field names are a promise to scripts."""

import json

import click
from pydantic import JsonValue

from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import Recorded
from pointsman.teams.approvals.grant import Grant
from pointsman.teams.result import Result
from pointsman.teams.tickets import Ticket


def of_result(result: Result) -> JsonObject:
    """A run: every field of Result; `tickets` is the list of the open tickets' ids."""
    made: JsonObject = result.model_dump(mode="json")
    made["tickets"] = [ticket.id for ticket in result.tickets]
    return made


def of_fault(error: str, text: str) -> JsonObject:
    """A message that could not be run, with the fields of a run."""
    return {
        "run": "",
        "thread": "",
        "team": "",
        "message_id": "",
        "status": "failed",
        "route": "",
        "route_tier": "",
        "route_confidence": None,
        "specialist": "",
        "answer": text,
        "by": None,
        "data": None,
        "tickets": [],
        "model_calls": 0,
        "cache_hits": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "usd": 0.0,
        "saved_usd": 0.0,
        "seconds": 0.0,
        "saved_seconds": 0.0,
        "error": error,
    }


def of_ticket(ticket: Ticket) -> JsonObject:
    """A ticket: every field as stored."""
    return ticket.model_dump(mode="json")


def of_grant(grant: Grant) -> JsonObject:
    """A grant: every field as stored."""
    return grant.model_dump(mode="json")


def of_event(recorded: Recorded) -> JsonObject:
    """A recorded event: run, seq, at (seconds since the epoch) and event."""
    return recorded.model_dump(mode="json")


def put(value: JsonValue) -> None:
    """Print one JSON value on one line of stdout, at once."""
    click.echo(json.dumps(value, ensure_ascii=False))
