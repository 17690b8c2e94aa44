"""What others than the one who forks may do with a fork."""

from pointsman.errors import Conflict
from pointsman.teams.services import Services
from pointsman.teams.store.rows import RunRow
from pointsman.teams.tape import LiveTapes


async def check_forked(services: Services, row: RunRow) -> None:
    """Raises Conflict for a fork that broke off before it went its own way: until then its writes
    come from the record, with the approvals of that time, and here they would happen again."""
    if not row.fork_at or not isinstance(services.recorder.tapes, LiveTapes):
        return
    if all(step.step != row.fork_at for step in await services.store.steps(row.run)):
        raise Conflict(
            f"Fork {row.run} broke off before its step {row.fork_at}.",
            hint=f"Fork run {row.fork_of} again.",
        )
