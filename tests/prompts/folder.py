"""A folder of prompts that a test writes."""

from pathlib import Path


def write(folder: Path, name: str, text: str | bytes) -> Path:
    """Put a prompt file into the folder and give its path."""
    path = folder / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path
