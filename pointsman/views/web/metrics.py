"""`GET /metrics` for Prometheus, behind a token with the scope `read`."""

import logging

from starlette.requests import Request
from starlette.responses import Response

from pointsman.errors import Misconfigured, MissingExtra
from pointsman.teams.team import Team
from pointsman.views.web.keyring import Keyring
from pointsman.views.web.problems import Refusal

log = logging.getLogger("pointsman.views")


class Metrics:
    """Figures of all tenants: a token of one tenant does not see them."""

    def __init__(self, team: Team, keyring: Keyring) -> None:
        self._team = team
        self._keyring = keyring

    async def __call__(self, request: Request) -> Response:
        from pointsman.views.telemetry import PROMETHEUS_TYPE, prometheus_text

        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        token = await self._keyring.token(secret.strip()) if kind.lower() == "bearer" else None
        if token is None:
            refused = Refusal(
                401, "TokenNeeded", "The metrics need a token.",
                hint="Send `Authorization: Bearer <token>`; its scope must be read.",
            ).response()  # fmt: skip
            refused.headers["WWW-Authenticate"] = "Bearer"
            return refused
        if not token.may("read") or token.tenant:
            raise Refusal(
                403, "NotYourRole", "The metrics need the scope 'read' for all tenants.",
                hint="Make a token without --tenant.",
            )  # fmt: skip
        try:
            text = prometheus_text()
        except Misconfigured as error:
            raise Refusal(503, "NoMetrics", error.message, hint=error.hint) from error
        return Response(text, headers={"Content-Type": PROMETHEUS_TYPE})


def collect() -> None:
    """Begin to collect what `/metrics` shows. Without the extra `otel` there are no metrics."""
    from pointsman.views.telemetry import configure

    try:
        configure(prometheus=True)
    except MissingExtra as error:
        log.warning("there are no metrics: %s", error)
