"""The commands end to end: real processes, a real store, a scripted model."""

import json
import signal
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.views.conftest import Shop

IMPORTS = "from pointsman import Specialist, Team\n"
TWINS = "a, b = Team('same', specialists=x), Team('same', specialists=x)"
RUN_FIELDS = {
    "run", "thread", "status", "route", "specialist", "answer", "tickets", "model_calls",
    "cache_hits", "usd", "seconds",
}  # fmt: skip


def waiting(shop: "Shop") -> dict[str, Any]:
    """A run that waits for a refund's approval, as its JSON object."""
    made = shop.invoke("run", "refund A-1002", "--thread", "t1", "--json")
    assert made.code == 3, made.err
    found: dict[str, Any] = json.loads(made.out)
    return found


def test_a_message_is_answered_on_stdout(shop: "Shop") -> None:
    """The answer alone is on stdout; route, tool and cost are on stderr."""
    done = shop.pointsman("run", "where is A-1002?")
    assert (done.code, done.out) == (0, "Order A-1002 is on its way.\n")
    assert "route     orders 90% by the model" in done.err
    assert "tool      find_order (read" in done.err
    assert "end       done, answered by the model (orders); 3 model calls" in done.err
    assert "\x1b" not in done.err


def test_a_run_as_json_has_the_promised_fields(shop: "Shop") -> None:
    """`run --json` prints one object with the fields that scripts rely on."""
    done = shop.invoke("run", "-", "--json", stdin=b"where is A-1002?\n")
    found = json.loads(done.out)
    assert found.keys() >= RUN_FIELDS
    assert (found["status"], found["route"], found["tickets"]) == ("done", "orders", [])


def test_the_same_message_id_is_the_same_run(shop: "Shop") -> None:
    """A message delivered twice gives the first run's result and does nothing again."""
    args = ("run", "where is A-1002?", "--thread", "t", "--message-id", "m1", "--json")
    first, again = shop.invoke(*args), shop.invoke(*args)
    assert json.loads(first.out) == json.loads(again.out)
    assert "ran before" in again.err


@pytest.mark.parametrize(
    ("args", "stdin", "says"),
    [
        (("run", ""), b"", "is empty"),
        (("run", "-"), b"", "is empty"),
        (("run", "-"), b"x" * 1_000_000, "too large"),
        (("run", "-"), b"x" * 200_000, "characters"),
        (("run", "-"), b"\xff\xfe", "not UTF-8"),
        (("run", "-"), b"a\x00b", "binary"),
        (("run", "--file", "none.jsonl"), b"", "cannot be read"),
        (("show", "nobody"), b"", "no run 'nobody'"),
        (("resume", "nobody"), b"", "no run 'nobody'"),
        (("cancel", "nobody"), b"", "no run 'nobody'"),
        (("approve", "nobody"), b"", "no ticket 'nobody'"),
        (("--project", "nowhere", "check"), b"", "no folder"),
        (("--team", "teams.nothing", "check"), b"", "no module 'teams.nothing'"),
        (("--team", "teams.shop:nothing", "check"), b"", "is nothing"),
        (("--team", "teams.shop:refund", "check"), b"", "not a Team"),
        (("graph", "-o", "nowhere/x.svg"), b"", "cannot be written"),
    ],
)
def test_bad_input_is_one_sentence(
    shop: "Shop", args: tuple[str, ...], stdin: bytes, says: str
) -> None:
    """Each ends with exit 1, one clear error on stderr, nothing on stdout and no traceback."""
    done = shop.invoke(*args, stdin=stdin)
    assert (done.code, done.out) == (1, "")
    assert says in done.err
    assert "Error: " in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise RuntimeError('no shop')", "raised RuntimeError: no shop (broken.py, line 1)"),
        ("import not_there_at_all", "needs 'not_there_at_all', which is not installed"),
        ("def f(:", "raised SyntaxError"),
        ("from teams.shop import TEAM", "raised ImportError"),
        (
            f"{IMPORTS}x = Specialist('x', handles='x')\na = Team('t', specialists=[x, x])",
            "2 specialists have this name",
        ),
        (
            f"{IMPORTS}x = (Specialist('x', handles='x'),)\n{TWINS}",
            "Two teams have the name 'same'",
        ),
        ("x = 1", "must hold one team; it holds none"),
    ],
)
def test_a_team_that_does_not_load_is_one_sentence(shop: "Shop", code: str, says: str) -> None:
    """A module that raises, lacks a package or holds a broken team says so in one error."""
    (shop.folder / "teams" / "broken.py").write_text(code + "\n")
    team = "teams.broken:a" if "a, b" in code else "teams.broken"
    done = shop.invoke("--team", team, "check")
    assert done.code == 1
    assert says in done.err
    assert "Traceback" not in done.err


def test_a_project_is_found_from_a_folder_inside(shop: "Shop") -> None:
    """Like git: the nearest project upwards counts, and its state lies in its own folder."""
    inside = replace(shop, folder=shop.folder / "teams")
    assert inside.pointsman("run", "where is A-1002?").code == 0
    assert (shop.folder / ".pointsman").is_dir()
    assert not (inside.folder / ".pointsman").exists()


def test_no_project_says_how_to_start_one(shop: "Shop") -> None:
    """Outside every project the error names the ways to give one."""
    (shop.folder / "pyproject.toml").unlink()
    done = shop.invoke("run", "hello")
    assert done.code == 1
    assert "pointsman new" in done.err


def test_a_refund_is_decided_in_other_processes(shop: "Shop") -> None:
    """Paused in one process, listed in a second, approved in a third: the effect happens once."""
    run = waiting(shop)
    assert shop.effects == []
    listed = json.loads(shop.pointsman("approvals", "--json").out)
    assert [t["id"] for t in listed] == run["tickets"]
    assert "goes back" in shop.pointsman("approvals").out

    done = shop.pointsman("approve", listed[0]["id"][:6], "--by", "ben")
    assert (done.code, done.out) == (0, "Order A-1002 was refunded $20.\n")
    assert shop.effects == ["A-1002 20"]

    again = shop.invoke("approve", listed[0]["id"], "--by", "eve")
    assert again.code == 1
    assert "ben" in again.err
    assert shop.effects == ["A-1002 20"]
    assert shop.invoke("approvals").out == "Nothing waits for a person.\n"
    assert "by ben" in shop.invoke("approvals", "--all").out


def test_an_edit_runs_with_the_new_arguments(shop: "Shop") -> None:
    """`edit --set` lays the value over the ticket's arguments; the rest stays."""
    (ticket,) = waiting(shop)["tickets"]
    done = shop.invoke("edit", ticket, "--set", "usd=7.5", "--json")
    assert json.loads(done.out)["status"] == "done"
    assert shop.effects == ["A-1002 7.5"]


def test_an_edit_that_does_not_fit_changes_nothing(shop: "Shop") -> None:
    """Arguments that the tool's schema refuses are an error, and the ticket still waits."""
    (ticket,) = waiting(shop)["tickets"]
    done = shop.invoke("edit", ticket, "--set", "usd=lots")
    assert done.code == 2
    assert "usd" in done.err
    assert len(json.loads(shop.invoke("approvals", "--json").out)) == 1
    assert shop.effects == []


def test_reject_respond_and_escalate(shop: "Shop") -> None:
    """A rejected action does not run; an escalated ticket waits on; a response is the answer."""
    (ticket,) = waiting(shop)["tickets"]
    passed = shop.invoke("escalate", ticket, "--to", "lead", "--by", "ana")
    assert passed.code == 3
    assert json.loads(shop.invoke("approvals", "--json").out)[0]["assigned"] == "lead"
    said = shop.invoke("reject", ticket, "--reason", "too late", "--by", "lead")
    assert (said.code, said.out) == (0, "Nothing was changed.\n")

    other = json.loads(shop.invoke("run", "refund A-1003", "--json").out)
    answered = shop.invoke("respond", other["tickets"][0], "We call you.", "--json")
    assert "We call you." in json.loads(answered.out)["answer"]
    assert shop.effects == []


def test_a_cancelled_run_closes_its_ticket(shop: "Shop") -> None:
    """After `cancel` nothing waits, and approving the ticket is refused."""
    run = waiting(shop)
    done = shop.invoke("cancel", run["run"][:10], "--reason", "customer called", "--json")
    assert (done.code, json.loads(done.out)["status"]) == (0, "cancelled")
    assert shop.invoke("approve", run["tickets"][0]).code == 1
    assert shop.effects == []


def test_a_batch_gives_every_line_a_status(shop: "Shop") -> None:
    """Each line ends as one object with its line number; waiting is a status, so exit is 0."""
    file = shop.messages(
        ['{"text": "where is A-1001?", "id": "m1", "thread": "a", "label": "x"}',
         "", '{"text": "refund A-1002"}', '{"text": "hello", "priority": 1}']
    )  # fmt: skip
    done = shop.pointsman("run", "--file", file, "--later", "--json")
    assert done.code == 0, done.err
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [(f["line"], f["status"]) for f in found] == [(1, "done"), (3, "waiting"), (4, "done")]
    assert all(f.keys() >= RUN_FIELDS for f in found)
    assert "2 done, 1 waiting for a person" in done.err
    assert f"pointsman approve {found[1]['tickets'][0][:8]}" in done.err


def test_a_bad_line_is_counted_and_the_others_run(shop: "Shop") -> None:
    """A line that is no message is reported by number, counts as failed, and makes exit 1."""
    file = shop.messages([b'{"text": "hello"}', b"\xff\xfe", b'{"text": "where is A-1001?"}'])
    done = shop.invoke("run", "--file", file, "--json")
    assert done.code == 1
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [(f["line"], f["status"]) for f in found] == [(1, "done"), (2, "failed"), (3, "done")]
    assert found[1].keys() >= RUN_FIELDS
    assert "Line 2 is not UTF-8" in done.err


def test_a_second_batch_comes_from_the_cache(shop: "Shop") -> None:
    """The same messages again need no model call, and the summary says what was saved."""
    file = shop.messages(['{"text": "where is A-1001?"}', '{"text": "hello"}'])
    first = shop.invoke("run", "--file", file)
    again = shop.invoke("run", "--file", file)
    figures = [" ".join(done.out.split()) for done in (first, again)]
    assert "model calls 5 cache hits 0" in figures[0]
    assert "model calls 0 cache hits 5" in figures[1]
    assert "saved by the cache" in figures[1]


def test_a_wrong_key_stops_the_batch_with_one_sentence(shop: "Shop") -> None:
    """What would fail every line alike stops the batch: one sentence, exit 1."""
    file = shop.messages(['{"text": "wrong key"}', '{"text": "hello"}'])
    done = shop.invoke("run", "--file", file)
    assert done.code == 1
    assert done.err.count("Error: ") == 1
    assert "key" in done.err.splitlines()[-1]
    one = shop.invoke("run", "wrong key")
    assert one.code == 1
    assert "key" in one.err


@pytest.mark.parametrize("batch", [False, True])
def test_ctrl_c_keeps_what_was_done(shop: "Shop", batch: bool) -> None:
    """Ctrl-C in a model call: one sentence, exit 130, and the run it names can be resumed."""
    file = shop.messages(['{"text": "hello"}', '{"text": "slow hello"}', '{"text": "A-1001?"}'])
    args = ("run", "--file", file) if batch else ("run", "slow hello")
    process = subprocess.Popen(
        shop.command(*args), cwd=shop.folder, env=shop.environ,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (shop.folder / "asked.txt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    assert last.startswith("Stopped")
    if batch:
        assert "1 message is finished and kept" in last
        assert last.endswith(f"`pointsman run --file {file} --start 3`.")
    run = last.split("pointsman resume ")[1].split("`")[0]
    source = (shop.folder / "teams" / "shop.py").read_text()
    (shop.folder / "teams" / "shop.py").write_text(
        source.replace("asyncio.sleep(60)", "asyncio.sleep(0)")
    )
    done = shop.pointsman("resume", run)
    assert (done.code, done.out) == (0, "Hello.\n")


def test_show_tells_the_whole_run(shop: "Shop") -> None:
    """`show` lists the recorded steps in order; with --json they are the events."""
    run = waiting(shop)
    shop.invoke("approve", run["tickets"][0], "--by", "ben")
    shown = shop.invoke("show", run["run"][:8])
    assert shown.code == 0
    order = [
        "orders 90% by the model",
        "refund waits for a person",
        "approve by ben",
        "refund (write",
    ]
    places = [shown.out.index(part) for part in order]
    assert places == sorted(places)
    kinds = [
        e["event"]["kind"]
        for e in json.loads(shop.invoke("show", run["run"], "--json").out)["events"]
    ]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_ended"


def test_check_prints_the_matrix(shop: "Shop") -> None:
    """Specialists, tools by effect, transitions and findings are printed; JSON holds the same."""
    done = shop.invoke("check")
    assert done.code == 0
    for part in ("orders", "find_order", "refund", "Who may follow whom", "route"):
        assert part in done.out
    found = json.loads(shop.invoke("check", "--json").out)
    assert found["transitions"]["route"][:2] == ["orders", "questions"]
    assert found["specialists"][0]["tools"][1] == {
        "name": "refund",
        "effect": "write",
        "stakes": "high",
    }


def test_graph_draws_three_kinds_of_file(shop: "Shop") -> None:
    """Mermaid goes to stdout; the suffix of --output decides the rest; others are usage errors."""
    assert shop.invoke("graph").out.startswith("flowchart LR\n")
    begins = {"x.svg": b"<svg", "x.png": b"\x89PNG", "x.mmd": b"flowchart"}
    for name, start in begins.items():
        assert shop.invoke("graph", "-o", name).code == 0
        assert (shop.folder / name).read_bytes().startswith(start)
    assert shop.invoke("graph", "-o", "x.gif").code == 2


def test_models_are_listed_without_a_call(shop: "Shop") -> None:
    """Each tier's chain is listed with what is known of it; a missing key names its variable."""
    (shop.folder / "teams" / "plain.py").write_text(
        "from pointsman import Specialist, Team\n"
        "team = Team('plain', specialists=[Specialist('x', handles='x')])\n"
    )
    chain = {"POINTSMAN_FAST": "openai/gpt-4o-mini,embedded", "POINTSMAN_STRONG": "groq/x"}
    args = ("--team", "teams.plain:team", "models", "--json")
    done = shop.pointsman(*args, environ={**chain, "OPENAI_API_KEY": ""})
    found = {(m["tier"], m["model"]): m for m in json.loads(done.out)}
    assert "OPENAI_API_KEY" in found["fast", "openai/gpt-4o-mini"]["note"]
    assert found["fast", "embedded"]["ready"] is True
    assert done.code == 1  # the strong tier has no key at all
    keys = {"OPENAI_API_KEY": "sk-secret", "GROQ_API_KEY": "gsk-secret"}
    done = shop.pointsman(*args, environ={**chain, **keys})
    assert done.code == 0
    assert "secret" not in done.out + done.err


def test_chat_keeps_one_thread(shop: "Shop") -> None:
    """Every line is a message of the same thread; a bad one does not end the conversation."""
    done = shop.invoke("chat", "--json", stdin=b"hello\n\nwhere is A-1001?\n/quit\nnever\n")
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [f["answer"] for f in found] == ["Hello.", "Order A-1001 is on its way."]
    assert len({f["thread"] for f in found}) == 1


def test_a_closed_pipe_is_no_error(shop: "Shop") -> None:
    """`pointsman … | head -1` ends quietly."""
    command = " ".join(f"'{part}'" for part in shop.command("graph"))
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -1"], cwd=shop.folder, env=shop.environ,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("flowchart LR\n", "")


def test_debug_shows_the_traceback(shop: "Shop") -> None:
    """With --debug the traceback comes first and the sentence last."""
    done = shop.invoke("--debug", "show", "nobody")
    assert "Traceback" in done.err
    assert done.err.rstrip().splitlines()[-1].startswith("Error: ")


def test_json_logs_say_run_thread_and_specialist(shop: "Shop") -> None:
    """With --log-json stderr is JSON objects only, each with run, thread and specialist."""
    done = shop.pointsman("--log-json", "run", "where is A-1002?", "--thread", "t7")
    lines = [json.loads(line) for line in done.err.splitlines()]
    assert {line["thread"] for line in lines} == {"t7"}
    assert len({line["run"] for line in lines}) == 1
    assert lines[-1]["specialist"] == "orders"
    assert [line["message"].partition(":")[0] for line in lines] == [
        "run_started", "model_called", "routed", "model_called", "tool_called", "model_called",
        "run_ended",
    ]  # fmt: skip


def test_state_lies_where_it_was_told(shop: "Shop") -> None:
    """--home wins over POINTSMAN_HOME, which wins over the project's folder."""
    shop.pointsman("--home", "mine", "run", "hello", environ={"POINTSMAN_HOME": "other"})
    assert (shop.folder / "mine" / "pointsman.db").exists()
    shop.pointsman("run", "hello", environ={"POINTSMAN_HOME": "other"})
    assert (shop.folder / "other" / "pointsman.db").exists()
    assert not (shop.folder / ".pointsman").exists()
