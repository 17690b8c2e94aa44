"""Records on disk: their lines, what a crash leaves, and who may write."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pointsman.errors import BadInput, Conflict
from pointsman.evals import recordfile
from pointsman.evals.record import End, Head, Sample, sample_key
from pointsman.evals.recordfile import RecordFile, Samples

HEAD = Head(
    run="r", suite="s", suite_digest="d", target="t", version="v", cases=3,
    started=datetime(2026, 11, 21, tzinfo=UTC),
)  # fmt: skip


def samples(count: int) -> list[Sample]:
    """Samples of different cases."""
    return [
        Sample(key=f"k{n}", case=f"c{n}", output="x\n" * n, scores={"right": n % 2 == 0})
        for n in range(count)
    ]


def written(path: Path, count: int, *, ended: bool = True) -> bytes:
    """A record of so many samples, as bytes."""
    with RecordFile(path, HEAD, lambda _: True) as out:
        for sample in samples(count):
            out.add(sample)
        if ended:
            out.end(End(reason="complete", done=count, due=3))
    return path.read_bytes()


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Head, samples and end come back equal, in order and at their places."""
    path = tmp_path / "r.jsonl"
    written(path, 3)
    assert recordfile.head(path) == HEAD
    assert list(recordfile.samples(path)) == samples(3)
    assert recordfile.ending(path) == End(reason="complete", done=3, due=3)
    places = [at for at, line in recordfile.lines(path) if isinstance(line, Sample)]
    held = Samples(path, places[::-1])
    assert list(held) == samples(3)[::-1]
    assert (held[0], held[-1], list(held[:1])) == (samples(3)[2], samples(3)[0], samples(3)[2:])


@settings(max_examples=60, deadline=None)
@given(cut=st.floats(0, 1))
@example(cut=0.0)
@example(cut=1.0)
def test_a_record_cut_anywhere_is_gone_on_with(
    tmp_path_factory: pytest.TempPathFactory, cut: float
) -> None:
    """Of a file that ends anywhere, every whole line is kept and the rest dropped."""
    path = tmp_path_factory.mktemp("cut") / "r.jsonl"
    data = written(path, 3)
    kept = data[: round(cut * len(data))]
    path.write_bytes(kept)
    whole = [s for s in samples(3) if (s.model_dump_json() + "\n").encode() in kept]
    assert list(recordfile.samples(path)) == whole
    with RecordFile(path, HEAD, lambda _: True) as out:
        assert list(out.places) == [s.key for s in whole]
        for sample in samples(3)[len(whole) :]:
            out.add(sample)
    assert recordfile.head(path) == HEAD
    assert list(recordfile.samples(path)) == samples(3)


@settings(max_examples=60, deadline=None)
@given(line=st.binary(max_size=60), end=st.booleans())
def test_foreign_lines_are_refused_and_left(
    tmp_path_factory: pytest.TempPathFactory, line: bytes, end: bool
) -> None:
    """What is no line of a record is named by its number; the file stays as it is."""
    path = tmp_path_factory.mktemp("foreign") / "r.jsonl"
    data = written(path, 1)
    foreign = line.replace(b"\n", b" ") + (b"\n" if end else b"")
    harmless = not end and any(
        kind.startswith(foreign) or foreign.startswith(kind) for kind in recordfile.BEGINNINGS
    )
    if harmless:
        return
    path.write_bytes(data + foreign)
    with pytest.raises(BadInput, match=r"r\.jsonl:4 is no sample"):
        RecordFile(path, HEAD, lambda _: True)
    assert path.read_bytes() == data + foreign


def test_a_grown_suite_goes_on_under_a_new_head(tmp_path: Path) -> None:
    """Samples stay; the head says what is run now, and there is one."""
    path = tmp_path / "r.jsonl"
    written(path, 2)
    grown = HEAD.model_copy(update={"suite_digest": "other", "cases": 4})
    with RecordFile(path, grown, lambda _: True) as out:
        out.add(samples(3)[2])
        assert list(Samples(path, list(out.places.values()))) == samples(3)
    heads = [line for _, line in recordfile.lines(path) if isinstance(line, Head)]
    assert heads == [grown]
    assert list(recordfile.samples(path)) == samples(3)


def test_a_record_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """Samples that the run does not ask for would be lost or miscounted: it is refused."""
    path = tmp_path / "r.jsonl"
    data = written(path, 2)
    with pytest.raises(BadInput, match=r"holds sample 'c0'.*does not ask for"):
        RecordFile(path, HEAD, lambda key: key == "k1")
    assert path.read_bytes() == data


def test_one_writes_at_a_time(tmp_path: Path) -> None:
    """A second writer is told so, and may write when the first is done."""
    path = tmp_path / "r.jsonl"
    with RecordFile(path, HEAD, lambda _: True) as out:
        with pytest.raises(Conflict, match="written by another process"):
            RecordFile(path, HEAD, lambda _: True)
        out.add(samples(1)[0])
    with RecordFile(path, HEAD, lambda _: True) as out:
        assert list(out.places) == ["k0"]


def test_a_run_without_an_end_was_killed(tmp_path: Path) -> None:
    """Only the last line says how it ended."""
    path = tmp_path / "r.jsonl"
    written(path, 2)
    assert recordfile.ending(path) is not None
    with RecordFile(path, HEAD, lambda _: True) as out:
        out.add(samples(3)[2])
    assert recordfile.ending(path) is None


def test_samples_of_the_first_form_are_read(tmp_path: Path) -> None:
    """A record of an older release has no head; its routes and costs are taken over."""
    path = tmp_path / "r.jsonl"
    old = (
        '{"schema_version":"pointsman.sample@1","key":"k","case":"c","expected_route":"billing",'
        '"result":{"run":"r","thread":"t","team":"t","status":"done","route":"tech",'
        '"answer":"Hi","usd":0.5,"input_tokens":3,"output_tokens":4},'
        '"scores":{"route":false},"unscored":{},"error":""}\n'
    )
    path.write_text(old, "utf-8")
    [sample] = recordfile.samples(path)
    assert (sample.expected_route, sample.route, sample.output) == ("billing", "tech", "Hi")
    assert (sample.usd, sample.tokens, sample.scores) == (0.5, 7, {"route": False})
    assert recordfile.head(path) is None


@given(
    one=st.tuples(st.text(max_size=4), st.integers(1, 5), st.text(max_size=4)),
    other=st.tuples(st.text(max_size=4), st.integers(1, 5), st.text(max_size=4)),
)
def test_keys_are_equal_where_all_parts_are(
    one: tuple[str, int, str], other: tuple[str, int, str]
) -> None:
    """Case, epoch and version all count, and do not run into one another."""
    assert (sample_key(*one) == sample_key(*other)) is (one == other)


def test_a_key_is_the_same_on_every_machine() -> None:
    """It is stored and paired by: another form of it would orphan every record."""
    assert (
        sample_key("5acd9807c255cf14", 2, "27d7e3cdee4883ef") == "24a0520992f3e5690eefd8b16c79453f"
    )


@given(
    scores=st.dictionaries(
        st.text(max_size=5),
        st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    ),
    output=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=6,
    ),
)
def test_any_sample_survives_its_line(
    scores: dict[str, bool | float | str], output: object
) -> None:
    """Kinds of scores are kept apart, and no text breaks a line."""
    sample = Sample.model_validate({"key": "k", "case": "c", "scores": scores, "output": output})
    line = sample.model_dump_json()
    assert "\n" not in line
    back = recordfile.parsed(line.encode(), Path("r"), 1)
    assert back == sample
    assert isinstance(back, Sample)
    assert [type(v) for v in back.scores.values()] == [type(v) for v in scores.values()]
