"""Scorers of what every suite may expect: the status, the tickets, and texts in the answer."""

from pydantic import Field

from pointsman.evals.record import Sample
from pointsman.evals.scorers.configured import NAMED, Configured, output_text
from pointsman.evals.scorers.scorer import Outcome
from pointsman.evals.suite import Case


class Status(Configured):
    """Whether the run ended with the expected status."""

    name: str = Field(default="status", validation_alias=NAMED, min_length=1)

    async def score(self, case: Case, sample: Sample) -> Outcome:
        """See `Scorer.score`."""
        if case.expected.status is None:
            return self.without("status")
        return sample.result is not None and sample.result.status == case.expected.status


class Contains(Configured):
    """Whether the answer holds every text of `contains` and none of `not_contains`, case ignored:
    those of the case and those of the options."""

    name: str = Field(default="contains", validation_alias=NAMED, min_length=1)
    contains: tuple[str, ...] = ()
    not_contains: tuple[str, ...] = ()

    async def score(self, case: Case, sample: Sample) -> Outcome:
        """See `Scorer.score`."""
        wanted = (*self.contains, *case.expected.contains)
        unwanted = (*self.not_contains, *case.expected.not_contains)
        if not wanted and not unwanted:
            return self.without("text to look for")
        text = (output_text(sample) if sample.result is None else sample.result.answer).casefold()
        has = all(one.casefold() in text for one in wanted)
        return has and not any(one.casefold() in text for one in unwanted)


class Tickets(Configured):
    """Whether these tickets, by tool and in order, were opened, decided or not."""

    name: str = Field(default="tickets", validation_alias=NAMED, min_length=1)

    async def score(self, case: Case, sample: Sample) -> Outcome:
        """See `Scorer.score`."""
        if case.expected.tickets is None:
            return self.without("tickets")
        return tuple(ticket.tool for ticket in sample.tickets) == case.expected.tickets
