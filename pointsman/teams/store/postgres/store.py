"""The store on PostgreSQL. Needs the extra `scale`."""

from pointsman.teams.store.postgres.accessrows import AccessRows
from pointsman.teams.store.postgres.boardrows import BoardRows
from pointsman.teams.store.postgres.effectrows import EffectRows
from pointsman.teams.store.postgres.eventrows import EventRows
from pointsman.teams.store.postgres.leaserows import LeaseRows
from pointsman.teams.store.postgres.letterrows import LetterRows
from pointsman.teams.store.postgres.logrows import LogRows
from pointsman.teams.store.postgres.releaserows import ReleaseRows
from pointsman.teams.store.postgres.runrows import RunRows
from pointsman.teams.store.postgres.searchrows import SearchRows
from pointsman.teams.store.postgres.steprows import StepRows
from pointsman.teams.store.postgres.submissionrows import SubmissionRows
from pointsman.teams.store.postgres.tailrows import TailRows
from pointsman.teams.store.postgres.ticketrows import TicketRows
from pointsman.teams.store.postgres.usagerows import UsageRows
from pointsman.teams.store.postgres.vaultrows import VaultTable


class PostgresStore(
    RunRows,
    TicketRows,
    EffectRows,
    EventRows,
    LogRows,
    VaultTable,
    BoardRows,
    LeaseRows,
    ReleaseRows,
    AccessRows,
    SubmissionRows,
    SearchRows,
    UsageRows,
    TailRows,
    StepRows,
    LetterRows,
):
    """`Store` on one PostgreSQL database, for all processes of all machines that run a team.

    Reads see what is committed when they begin. Changes are compare-and-set in one statement, or
    stand behind the lock that their file names; a change whose connection is lost is tried again
    unless the server says that it was committed.
    """
