"""The reader's one tool."""

from pointsman import tool
from pointsman.nodes.specialist import AnyTool
from pydantic import BaseModel, ConfigDict

from nodes.archive import Archive, DocNumber, Section


class SectionCall(BaseModel):
    """Which section of which document."""

    model_config = ConfigDict(extra="forbid")

    document: DocNumber
    section: Section


def reading_tools(archive: Archive) -> tuple[AnyTool, ...]:
    """What reads the archive. Nothing writes to it."""

    @tool(effect="read", returns="document")
    async def read_section(call: SectionCall) -> str:
        """Read what a document says about cost, yield, time, noise or risk."""
        return archive.read(call.document, call.section)

    return (read_section,)
