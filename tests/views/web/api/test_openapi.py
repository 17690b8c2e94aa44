"""The OpenAPI document: whole, of the routes as they are, and open to everybody."""

import httpx
from jsonschema import Draft202012Validator

from pointsman.views.web.api.openapi import document
from pointsman.views.web.api.table import OPERATIONS
from tests.views.web.api.conftest import Served


async def test_it_is_served_to_everybody(served: Served) -> None:
    """Without a token, and it names no run, tenant or team."""
    async with served.as_whoever() as nobody:
        answer = await nobody.get("/v1/openapi.json")
    assert answer.json() == document()
    assert "shop" not in answer.text


def test_every_operation_is_in_it() -> None:
    """With its scope, a summary, and a schema for every answer."""
    paths = document()["paths"]
    assert isinstance(paths, dict)
    for operation in OPERATIONS:
        there = paths[operation.path][operation.method.lower()]  # pyright: ignore
        assert there["operationId"] == operation.name  # pyright: ignore
        if operation.scope is not None:
            assert f"`{operation.scope}`" in there["description"]  # pyright: ignore
            assert {"401", "403", "429"} <= set(there["responses"])  # pyright: ignore
            assert there["security"] == [{"token": []}]  # pyright: ignore


def test_every_reference_leads_somewhere() -> None:
    """And every schema is one."""
    made = document()
    schemas = made["components"]["schemas"]  # pyright: ignore

    def look(value: object) -> None:
        if isinstance(value, dict):
            to = value.get("$ref")
            if isinstance(to, str):
                assert to.removeprefix("#/components/schemas/") in schemas  # pyright: ignore
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    look(made)
    for schema in schemas.values():  # pyright: ignore
        Draft202012Validator.check_schema(schema)  # pyright: ignore


async def test_answers_fit_it(client: httpx.AsyncClient) -> None:
    """A run and a ticket as they are answered."""
    from tests.views.web.api.conftest import waiting

    ticket = await waiting(client)
    run = (await client.get(f"/v1/runs/{ticket['run']}")).json()
    schemas = document()["components"]["schemas"]  # pyright: ignore
    for name, value in (("TicketView", ticket), ("RunView", run)):
        whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        Draft202012Validator(whole).validate(value)
