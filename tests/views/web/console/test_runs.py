"""Runs: the list, one run in full, two side by side, what is done with one; team, costs, evals."""

from pathlib import Path
from typing import cast

from pointsman import Approve, Reject
from pointsman.views.web.console import runshapes, teamshapes
from pointsman.views.web.console.runmessages import LONGEST, MOST, SHORT, WHOLE, messages
from tests.views.web.served import REFUNDS, Json, Served, served


async def test_the_list_is_paged_and_filtered(web: Served) -> None:
    """Newest first; each run on one page; text, state and specialist narrow it."""
    runs = [(await web.team.run(f"hello number {n}")).run for n in range(5)]
    waiting = (await web.team.run("refund A-1234 now")).run
    async with web.page("vera") as page:
        seen: list[str] = []
        after = ""
        while True:
            found = (await page.get("/console/runs", limit="2", after=after)).json()
            seen += [line["run"] for line in found["lines"]]
            after = found["next"]
            if not after:
                break
        assert seen == [waiting, *reversed(runs)]
        for query, expected in (
            ({"text": "refund"}, [waiting]),
            ({"state": "waiting"}, [waiting]),
            ({"text": "number 3"}, [runs[3]]),
            ({"tenant": "acme"}, []),
            ({"usd_at_least": "5"}, []),
        ):
            lines = (await page.get("/console/runs", **query)).json()["lines"]
            assert [line["run"] for line in lines] == expected, query


async def test_a_filter_that_makes_no_sense_is_refused(web: Served) -> None:
    """With a word what is wrong."""
    wrong = (
        {"state": "sleeping"}, {"since": "x"}, {"limit": "0"}, {"limit": "500"},
        {"usd_at_least": "nan"}, {"after": "x"},
    )  # fmt: skip
    async with web.page("vera") as page:
        for query in wrong:
            found = await page.get("/console/runs", **query)
            assert (found.status_code, bool(found.json()["message"])) == (422, True), query


async def test_one_run_in_full(web: Served) -> None:
    """Its steps in order with offsets, the graph they walk, its cards, calls, tools and effects."""
    shown = await web.ticket()
    run = (await web.team.ticket(str(shown["id"]))).run
    async with web.page("rob") as page:
        path = f"/console/tickets/{shown['id']}/decide"
        await page.post(path, {"ticket": shown["id"], "type": "approve", "digest": shown["shows"]})
        await web.team.resume(run)
        data = (await page.get(f"/console/runs/{run}")).json()
    found = runshapes.RunPage.model_validate(data)
    assert (found.line.state, found.line.specialist, found.route) == ("done", "orders", "orders")
    assert found.answer == "Order A-1234 was refunded $20."
    kinds = [step.kind for step in found.steps]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_ended"
    assert "ticket_decided" in kinds
    assert [step.index for step in found.steps] == list(range(len(kinds)))
    offsets = [step.offset for step in found.steps]
    assert offsets == sorted(offsets)
    names = {node.id for node in found.nodes}
    assert {"message", "router", "s:orders", "person", "t:refund", "answer"} <= names
    assert all({edge.frm, edge.to} <= names for edge in found.edges)
    assert [edge.step for edge in found.edges] == sorted(edge.step for edge in found.edges)
    assert {call.purpose for call in found.calls} == {"route", "act"}
    (tool,) = found.tools
    assert (tool.tool, tool.ok, tool.args) == ("refund", True, {"order": "A-1234", "usd": 20.0})
    assert [one.state for one in found.effects] == ["done"]
    assert [cast("Json", one)["status"] for one in found.tickets] == ["executed"]
    said = [(one.frm, one.to, one.kind) for one in found.messages if one.stage]
    assert said == [
        ("user", "route", "request"), ("user", "orders", "request"),
        ("orders", "execute", "proposal"), ("execute", "orders", "outcomes"),
        ("orders", "user", "answer"),
    ]  # fmt: skip
    asked, decided = [one for one in found.messages if not one.stage]
    assert (asked.kind, asked.id, asked.to) == ("proposal", shown["id"], "person")
    assert (decided.kind, decided.frm) == ("decision", "rob")
    assert decided.text == "approve\nOrder A-1234 was refunded $20."
    carried = [edge.message for edge in found.edges if edge.message]
    assert carried == [asked.id, decided.id]
    times = [one.at for one in found.messages]
    assert None not in times
    assert times == sorted(cast("list[int]", times))


async def test_every_message_and_what_it_answers(web: Served) -> None:
    """What each step was given, in words, with its cause, and the events of that step."""
    shown = await web.ticket()
    async with web.page("ana") as page:
        path = f"/console/tickets/{shown['id']}/decide"
        said = {"ticket": shown["id"], "type": "approve", "digest": shown["shows"]}
        assert (await page.post(path, said)).status_code == 200
        await web.team.resume(str(shown["run"]))
        data = (await page.get(f"/console/runs/{shown['run']}")).json()
    found = runshapes.RunPage.model_validate(data)
    routed, asked, proposed, outcomes, answered = [m for m in found.messages if m.stage]
    assert proposed.text == "refund(order='A-1234', usd=20.0)"
    assert outcomes.text == "refund: done: Order A-1234 was refunded $20."
    assert answered.text == found.answer
    assert routed.message == asked.message == proposed.causation == proposed.correlation
    assert outcomes.causation == proposed.message
    assert answered.causation == outcomes.message
    assert asked.first is not None
    assert asked.last is not None
    kinds = {step.kind for step in found.steps[asked.first : asked.last + 1]}
    assert {"model_called", "ticket_opened"} <= kinds
    assert "routed" not in kinds
    assert found.messages_left == 0
    (wrote,) = found.tools
    assert wrote.text == "Order A-1234 was refunded $20."


async def test_a_run_of_many_long_messages_is_bounded(web: Served) -> None:
    """A message is cut, and so is their number; the page says how much is left out."""
    run = (await web.team.run(f"hello {'x' * 20_000}")).run
    record, events = await web.team.record(run), await web.team.events(run)
    one = messages(record, events)
    assert [(len(m.text), m.left) for m in one.shown[:2]] == [(LONGEST, 20_006 - LONGEST)] * 2
    many = messages(record.model_copy(update={"steps": record.steps * MOST}), events)
    assert len(many.shown) == MOST
    assert many.left == (len(one.shown) - 1) * MOST
    assert sum(len(m.text) for m in many.shown) <= WHOLE + MOST * SHORT + LONGEST


async def test_a_run_of_an_older_version(web: Served) -> None:
    """Without steps on record its request and its answer are shown."""
    run = (await web.team.run("hello")).run
    record, events = await web.team.record(run), await web.team.events(run)
    old = record.model_copy(update={"steps": (), "before": events})
    assert [(m.kind, m.text) for m in messages(old, events).shown] == [
        ("request", "hello"), ("answer", "Hello."),
    ]  # fmt: skip


async def test_two_runs_side_by_side(web: Served) -> None:
    """What is the same and what is not, and their steps laid beside each other."""
    one, other = await web.team.run("hello"), await web.team.run("refund A-1234")
    async with web.page("vera") as page:
        data = (await page.get("/console/compare", a=one.run, b=other.run)).json()
        same = (await page.get("/console/compare", a=one.run, b=one.run)).json()
        missing = await page.get("/console/compare", a=one.run, b="r0")
    found = runshapes.ComparePage.model_validate(data)
    sides = {side.name: side for side in found.sides}
    assert (sides["route"].a, sides["route"].b) == ("questions", "orders")
    assert not sides["state"].same
    assert sides["release"].same
    assert sum(pair.a is not None for pair in found.steps) == len(await web.team.events(one.run))
    assert all(pair["same"] for pair in same["steps"])
    assert all(side["same"] for side in same["sides"])
    assert missing.status_code == 404


async def test_what_a_model_was_asked_and_said(web: Served) -> None:
    """Each call's answer, and its prompt as it was sent."""
    run = (await web.team.run("hello there")).run
    async with web.page("vera") as page:
        found = runshapes.RunPage.model_validate((await page.get(f"/console/runs/{run}")).json())
        act = next(call for call in found.calls if call.purpose == "act")
        assert (act.text, act.prompt) == ("Hello.", True)
        data = (await page.get(f"/console/runs/{run}/prompts/{act.call}")).json()
        none = await page.get(f"/console/runs/{run}/prompts/nothing")
    prompt = runshapes.PromptShown.model_validate(data)
    assert [turn.role for turn in prompt.turns] == ["system", "user"]
    assert prompt.turns[1].text == "hello there"
    assert (prompt.release, prompt.diff) == ("", ())
    assert none.status_code == 404


async def test_a_run_is_downloaded_and_never_shown(web: Served) -> None:
    """The exported file has scripts of its own: it must not open as a page of this server."""
    run = (await web.team.run("<script>alert(1)</script>")).run
    async with web.page("vera") as page:
        found = await page.get(f"/console/runs/{run}/export")
    assert found.headers["content-disposition"] == f'attachment; filename="run-{run}.html"'
    assert found.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script>alert(1)</script>" not in found.text


async def test_a_fork_from_the_page(web: Served) -> None:
    """From the step of an event on, with another prompt; no write happens and nobody is asked."""
    run, before = (await web.team.run("refund A-1234")).run, [*REFUNDS]
    async with web.page("ana") as page:
        shown = runshapes.RunPage.model_validate((await page.get(f"/console/runs/{run}")).json())
        act = next(step for step in shown.steps if step.kind == "model_called" and step.who)
        path = f"/console/runs/{run}/fork"
        done = await page.post(path, {"at": act.seq, "models": {"fast": "scripted"}})
        assert done.status_code == 200, done.text
        made = await web.team.run_row(done.json()["run"])
        early = await page.post(path, {"at": 0})
        strange = await page.post(path, {"at": "9:nobody"})
    assert (made.fork_of, made.simulated, made.state) == (run, True, "done")
    assert (early.status_code, strange.status_code) == (422, 422)
    assert before == REFUNDS


async def test_a_run_is_cancelled_in_the_sessions_name(web: Served) -> None:
    """And what it may no longer do is not offered."""
    shown = await web.ticket()
    run = (await web.team.ticket(str(shown["id"]))).run
    async with web.page("ana") as page:
        assert "cancel" in (await page.get(f"/console/runs/{run}")).json()["can"]
        done = await page.post(f"/console/runs/{run}/cancel", {"reason": "wrong order"})
        assert (done.status_code, done.json()["state"]) == (200, "cancelled")
        after = (await page.get(f"/console/runs/{run}")).json()
    assert "cancel" not in after["can"]
    assert after["cancelled_by"] == "ana (wrong order)"


async def test_only_dead_letters_are_redriven(web: Served) -> None:
    """A run that is done is refused with a word."""
    run = (await web.team.run("hello")).run
    async with web.page("ana") as page:
        for what in ("redrive", "drop"):
            found = await page.post(f"/console/runs/{run}/{what}")
            assert (found.status_code, found.json()["error"]) == (409, "Conflict")


async def test_the_team(web: Served) -> None:
    """Its picture, what went which way, also to people and back, its specialists and tables."""
    await web.team.run("hello")
    for decision in (Approve(by="rob"), Reject(by="rob", reason="no")):
        (ticket,) = (await web.team.run("refund A-1234")).tickets
        await web.team.decide(ticket, decision)
    async with web.page("vera") as page:
        found = teamshapes.TeamPage.model_validate((await page.get("/console/team")).json())
    assert found.svg.startswith("<svg")
    assert "<script" not in found.svg
    ways = {(way.frm, way.to): way.count for way in found.ways}
    assert ways == {
        ("router", "orders"): 2, ("router", "questions"): 1, ("router", "end"): 0,
        ("orders", "gate"): 2, ("gate", "orders"): 1, ("gate", "execute"): 1,
        ("execute", "orders"): 1, ("orders", "end"): 2, ("questions", "end"): 1,
    }  # fmt: skip
    assert {end for way in ways for end in way} == {place.id for place in found.places}
    assert [one.name for one in found.specialists] == ["orders", "questions"]
    assert "Who handles what" in [table.title for table in found.tables]


async def test_costs_over_time(web: Served) -> None:
    """Calls and runs of today; by model too."""
    await web.team.run("hello")
    async with web.page("vera") as page:
        found = teamshapes.CostsPage.model_validate((await page.get("/console/costs")).json())
        by = (await page.get("/console/costs", by="model", step="hour")).json()
        wrong = [await page.get("/console/costs", **q) for q in ({"by": "x"}, {"step": "x"})]
    assert sum(point.runs for point in found.points) == 1
    assert found.calls >= 1
    assert {point["key"] for point in by["points"]} >= {"scripted"}
    assert [one.status_code for one in wrong] == [422, 422]


async def test_evaluations_of_the_project(tmp_path: Path) -> None:
    """Records below the folders are listed and compared; nothing outside of them is read."""
    folder, outside = tmp_path / "evals", tmp_path / "outside.jsonl"
    head = (
        '{"schema_version":"pointsman.evalrun@1","run":"e1","suite":"orders","suite_digest":"d",'
        '"target":"shop","version":"v1","started":"2026-01-02T03:04:05Z","cases":2}'
    )
    lines = [head] + [
        f'{{"schema_version":"pointsman.sample@2","key":"k{n}","case":"c{n}","case_digest":"d{n}",'
        f'"scores":{{"exact":{str(n > 0).lower()}}}}}'
        for n in range(2)
    ]
    folder.mkdir()
    for path in (folder / "run.jsonl", folder / "baselines" / "main" / "orders.jsonl", outside):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    (folder / "link.jsonl").symlink_to(outside)
    (folder / "other.jsonl").write_text('{"text": "hello"}\n')
    async with served(tmp_path / "state", evals=(folder,)) as web, web.page("vera") as page:
        found = teamshapes.EvalsPage.model_validate((await page.get("/console/evals")).json())
        assert sorted((one.suite, one.samples, one.baseline) for one in found.runs) == [
            ("orders", 2, False), ("orders", 2, True),
        ]  # fmt: skip
        assert found.runs[0].metrics["exact"] == 0.5
        run, baseline = sorted(found.runs, key=lambda one: one.baseline)
        both = await page.get("/console/evals/compare", run=run.id, baseline=baseline.id)
        compared = teamshapes.EvalComparison.model_validate(both.json())
        assert compared.pairs == 2
        wrong = await page.get("/console/evals/compare", run="../outside.jsonl", baseline=run.id)
        assert wrong.status_code == 404
        async with web.page("tess") as of_tenant:
            assert (await of_tenant.get("/console/evals")).json()["runs"] == []
