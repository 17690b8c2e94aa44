"""A record on disk: read as a stream, appended to line by line, one writer at a time.

A crash costs the line that was being written: it is dropped when the file is opened again, and its
sample runs again. What is in the file in any other way than as a line of a record is refused, and
the file left as it is.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, overload

from pydantic import TypeAdapter, ValidationError

from pointsman.errors import BadInput, Conflict
from pointsman.evals.record import END_SCHEMA, HEAD_SCHEMA, SAMPLE_SCHEMA, End, Head, Sample

Line = Head | Sample | End
_SAMPLE: TypeAdapter[Sample] = TypeAdapter(Sample)
_KINDS = (SAMPLE_SCHEMA, "pointsman.sample@1", HEAD_SCHEMA, END_SCHEMA)
BEGINNINGS = tuple(f'{{"schema_version":"{kind}"'.encode() for kind in _KINDS)
"""How the lines of a record begin."""


def parsed(line: bytes, path: Path, number: int) -> Line:
    """One line. Raises BadInput where it is none of a record."""
    try:
        if line.startswith(BEGINNINGS[2]):
            return Head.model_validate_json(line)
        if line.startswith(BEGINNINGS[3]):
            return End.model_validate_json(line)
        return _SAMPLE.validate_json(line)
    except ValidationError as error:
        raise _foreign(path, number) from error


def lines(path: Path) -> Iterator[tuple[int, Line]]:
    """The lines and where each begins, in bytes. A last one that a crash cut off is passed over.

    Raises BadInput for a file that cannot be read, and for a line that is none of a record.
    """
    for at, number, line in _raw(path):
        yield at, parsed(line, path, number)


def _raw(path: Path) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):
                    yield at, number, line
                elif not _may_begin(line):
                    raise _foreign(path, number)
                at += len(line)
    except OSError as error:
        raise BadInput(f"The record {path} cannot be read: {error}.") from error


def _may_begin(rest: bytes) -> bool:
    return any(rest.startswith(known) or known.startswith(rest) for known in BEGINNINGS)


def _foreign(path: Path, number: int) -> BadInput:
    return BadInput(
        f"{path}:{number} is no sample of this version.", hint="Use another record file."
    )


def samples(path: Path) -> Iterator[Sample]:
    """The samples of a record, in the order they ended; one in memory at a time."""
    return (line for _, line in lines(path) if isinstance(line, Sample))


def head(path: Path) -> Head | None:
    """A record's first line; None for a file of `pointsman.sample@1`, which has none."""
    first = next(lines(path), None)
    return first[1] if first is not None and isinstance(first[1], Head) else None


def ending(path: Path) -> End | None:
    """How the last run stopped; None where it was killed, or still goes on."""
    last: Line | None = None
    for _, line in lines(path):
        last = line
    return last if isinstance(last, End) else None


class RecordFile:
    """A record that is being written. Holds where each sample begins, and no sample.

    Raises BadInput for a file that is no record, or one of another suite or version; Conflict when
    another process is writing it.
    """

    def __init__(self, path: Path, head: Head, due: Callable[[str], bool]) -> None:
        """`due` says of a key whether this run asks for it."""
        self.path = path
        self.places: dict[str, int] = {}
        """Where each sample begins, in bytes, by its key."""
        self._unsynced = False
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._opened()
        try:
            self.head = self._taken_up(head, due)
            self._size = path.stat().st_size
            if not self._size:
                self._append(self.head.model_dump_json().encode())
        except BaseException:
            self._file.close()
            raise

    def _opened(self) -> BinaryIO:
        file = self.path.open("ab")
        try:
            _lock(file, self.path)
        except BaseException:
            file.close()
            raise
        return file

    def _taken_up(self, head: Head, due: Callable[[str], bool]) -> Head:
        """What the file holds already; its head, or this one where the suite has grown."""
        found: Head | None = None
        for at, line in lines(self.path):
            if isinstance(line, Head):
                found = line
            elif isinstance(line, Sample):
                if not due(line.key):
                    raise BadInput(
                        f"{self.path} holds sample {line.case!r} (epoch {line.epoch}, version"
                        f" {line.version!r}), which this run does not ask for.",
                        hint="Its suite or target has changed: use another record file.",
                    )
                self.places[line.key] = at
        drop_half_line(self.path)
        if found is not None and _same(found, head):
            return found
        if self.places or found is not None:
            self._rewrite(head)
        return head

    def _rewrite(self, head: Head) -> None:
        """The same samples under a new head: the suite has grown, or the record had none."""
        old = [(at, key) for key, at in self.places.items()]
        with self.path.open("rb") as source, replacing(self.path) as out:
            out.write(head.model_dump_json().encode() + b"\n")
            for at, key in sorted(old):
                source.seek(at)
                self.places[key] = out.tell()
                out.write(source.readline())
        self._file.close()
        self._file = self._opened()

    def add(self, sample: Sample) -> None:
        """Append it. It survives the end of this process at once, a power cut after `sync`."""
        self.places[sample.key] = self._append(sample.model_dump_json().encode())

    def end(self, end: End) -> None:
        """Say how the run stopped."""
        self._append(end.model_dump_json().encode())

    def _append(self, line: bytes) -> int:
        at = self._size
        self._file.write(line + b"\n")
        self._file.flush()
        self._size += len(line) + 1
        self._unsynced = True
        return at

    def sync(self) -> None:
        """Have what was written on disk, also after a power cut."""
        if self._unsynced:
            self._unsynced = False
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and close. Safe to call twice."""
        if not self._file.closed:
            self.sync()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Samples(Sequence[Sample]):
    """Samples of a record in an order of one's own, each read when it is wanted."""

    def __init__(self, path: Path, places: Sequence[int]) -> None:
        self.path = path
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> "Samples": ...
    def __getitem__(self, index: int | slice) -> "Sample | Samples":
        if isinstance(index, slice):
            return Samples(self.path, self._places[index])
        with self.path.open("rb") as file:
            return self._at(file, self._places[index])

    def __iter__(self) -> Iterator[Sample]:
        with self.path.open("rb") as file:
            for place in self._places:
                yield self._at(file, place)

    def _at(self, file: BinaryIO, place: int) -> Sample:
        file.seek(place)
        return _SAMPLE.validate_json(file.readline())


class replacing:  # noqa: N801 (reads as a verb in its with statement)
    """A file written beside another one that takes its place when the block ends well."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f"{path.name}.{os.getpid()}.new")

    def __enter__(self) -> BinaryIO:
        self._file = self._beside.open("wb")
        return self._file

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        if kind is None:
            self._beside.replace(self._path)
        else:
            self._beside.unlink(missing_ok=True)


def _same(found: Head, head: Head) -> bool:
    return found.model_copy(update={"run": head.run, "started": head.started}) == head


def drop_half_line(path: Path) -> None:
    """Cut off what a crash left of the last line. Readers have said that it is one's beginning."""
    size = path.stat().st_size
    with path.open("rb+") as file:
        at = size
        while at:
            step = min(at, 65_536)
            file.seek(at - step)
            found = file.read(step).rfind(b"\n")
            if found >= 0:
                at = at - step + found + 1
                break
            at -= step
        if at < size:
            file.truncate(at)


def _lock(file: BinaryIO, path: Path) -> None:
    """One writer at a time, as long as its process lives; where the system has such locks."""
    try:
        import fcntl
    except ImportError:  # no such system: two writers are then the user's own care
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Conflict(
            f"The record {path} is being written by another process.",
            hint="Wait for it, or give another --out.",
        ) from error
