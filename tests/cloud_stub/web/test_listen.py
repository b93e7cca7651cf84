"""The console and the officer's pages over HTTP."""

import io
import json
import zipfile

import msgspec
import pytest

from cloud_stub.errors import NoTask
from cloud_stub.review import tables
from cloud_stub.review.label_studio import read_judgements
from cloud_stub.wishes import Wish
from tests.cloud_stub.review.conftest import GOOD
from tests.cloud_stub.web.conftest import NOW, SITE

FORM = {"transcript": "call me", "intent": "right", "answer": "wrong", "false_wake": "no", "artist": ""}


def taken(town, browser):
    town.house.ready()
    browser.get("/listen/review")
    browser.post("/listen/review/take")
    page = browser.get("/listen/review").text
    return page.split('data-task="')[1].split('"')[0]


def test_take_hear_compare_judge(town):
    browser = town.of("reviewer")
    task = taken(town, browser)
    page = browser.get("/listen/review").text
    assert "call [phone] please" in page
    assert browser.get(f"/listen/review/{task}/sound").headers["content-type"] == "audio/wav"
    aligned = browser.post("/listen/review/align", task_id=task, transcript="call me please").json()
    assert [each["machine"] for each in aligned] == ["call", "[phone]", "please"]
    assert browser.post("/listen/review/judge", task_id=task, **FORM).status_code == 303
    assert "Take the next one" in browser.get("/listen/review").text
    assert browser.post("/listen/review/judge", task_id=task, **FORM).status_code == 409


def test_musicians_are_offered_to_those_who_judge_alone(town):
    browser = town.of("reviewer")
    taken(town, browser)
    assert browser.post("/listen/review/artists", typed="rihan").json()[0] == "Rihanna"
    owner = town.of("owner")
    owner.get("/history")
    assert owner.post("/listen/review/artists", typed="rihan").status_code == 404


@pytest.mark.parametrize(
    "change", [{"intent": "maybe"}, {"transcript": "x" * 3000}, {"task_id": "../../etc"}]
)
def test_a_judgement_that_is_none_changes_nothing(town, change):
    browser = town.of("reviewer")
    form = {"task_id": taken(town, browser)} | FORM | change
    assert browser.post("/listen/review/judge", **form).status_code == 400


def test_a_stop_ends_it_and_rest_is_due(town):
    browser = town.of("reviewer")
    task = taken(town, browser)
    assert browser.post("/listen/review/stop", task_id=task).status_code == 303
    assert "nobody asks anything of you" in browser.get("/listen/review").text
    assert browser.get(f"/listen/review/{task}/sound").status_code == 409
    [case] = town.house.review.casebook.all()
    officer = town.of("privacy_officer")
    assert case.id in officer.get("/cases").text
    officer.get(f"/cases/{case.id}")
    assert officer.get(f"/cases/{case.id}/sound").status_code == 409  # not seen yet
    officer.post(f"/cases/{case.id}/step", event="see")
    assert officer.get(f"/cases/{case.id}/sound").status_code == 200
    assert officer.post(f"/cases/{case.id}/step", event="decide").status_code == 409  # without an outcome
    shown = officer.post(f"/cases/{case.id}/identify", reason="somebody is hurt").text
    assert town.names["owner"] in shown
    officer.post(f"/cases/{case.id}/step", event="propose_nothing", reason="a film was on")
    assert officer.post(f"/cases/{case.id}/step", event="agree").status_code == 409
    second = town.signed_in("second-officer")
    second.get(f"/cases/{case.id}")
    assert second.post(f"/cases/{case.id}/step", event="agree").status_code == 303
    assert town.house.review.casebook.find(case.id).outcome == "nothing_to_do"


@pytest.mark.parametrize(
    "form",
    [{"event": "explode"}, {"event": "decide", "outcome": "party"}, {"event": "see", "reason": "x" * 9000}],
)
def test_a_step_that_is_none_is_refused(town, form):
    browser = town.of("reviewer")
    browser.post("/listen/review/flag", task_id=taken(town, browser))
    [case] = town.house.review.casebook.all()
    officer = town.of("privacy_officer")
    officer.get(f"/cases/{case.id}")
    assert officer.post(f"/cases/{case.id}/step", **form).status_code in (400, 409)
    assert town.house.review.casebook.find(case.id).state == "open"


def test_an_adjudicator_sees_what_others_said_and_decides(tmp_path, voice, stranger):
    from tests.cloud_stub.web.conftest import Town

    town = Town(tmp_path / "two", voice, stranger, double_share=1.0)
    town.house.ready()
    desk = town.house.desk
    for person, said in (("one", GOOD), ("two", msgspec.structs.replace(GOOD, intent="wrong"))):
        desk.judge(desk.take(person, "review", NOW).id, person, said, NOW)
    browser = town.of("adjudicator")
    browser.get("/listen/dispute")
    browser.post("/listen/dispute/take")
    page = browser.get("/listen/dispute").text
    assert "Others wrote" in page
    task = page.split('data-task="')[1].split('"')[0]
    assert browser.post("/listen/dispute/judge", task_id=task, **FORM).status_code == 303
    town.close()


def test_declining_is_kept(town):
    browser = town.of("reviewer")
    browser.get("/listen/review")
    browser.post("/listen/review/decline", category=["violence", "nonsense"])
    assert town.house.desk.declined(town.ids["reviewer"]) == {"violence"}
    assert 'value="violence" checked' in browser.get("/listen/review").text


def test_an_export_needs_two_officers_and_has_no_name_in_it(town):
    spoken = town.house.ready()
    officer = town.of("privacy_officer")
    officer.get("/cases")
    officer.post("/export/ask", reason="to train annotators")
    [asked] = town.parts.grants.all(town.clock.now)
    assert officer.post("/export/approve", grant=asked.id).status_code == 409
    assert officer.post("/export/bundle", grant=asked.id).status_code == 409
    second = town.signed_in("second-officer")
    second.get("/cases")
    assert second.post("/export/approve", grant=asked.id).status_code == 303
    assert second.post("/export/bundle", grant=asked.id).status_code == 409  # not who asked
    made = officer.post("/export/bundle", grant=asked.id)
    assert made.headers["content-type"] == "application/zip"
    bundle = zipfile.ZipFile(io.BytesIO(made.content))
    [task] = json.loads(bundle.read("tasks.json"))
    assert task["data"]["heard"] == "call [phone] please"
    everything = (
        b"".join(bundle.read(name) for name in bundle.namelist()) + " ".join(bundle.namelist()).encode()
    )
    for secret in (spoken.device, spoken.utterance, town.names["owner"]):
        assert (secret.encode() in everything) is False
    assert officer.post("/export/bundle", grant=asked.id).status_code == 409  # once
    assert any(row.why == f"export {asked.id}" for row in town.house.vault.accesses())


def imported(officer, content):
    files = {"file": ("export.json", content, "application/json")}
    return officer.client.post("/import", data={"csrf": officer.csrf}, files=files, headers={"origin": SITE})


def test_judgements_made_elsewhere_are_taken_like_anybodys(town):
    spoken, other = town.house.ready(), town.house.ready()
    officer = town.of("privacy_officer")
    officer.get("/cases")
    with town.house.review.database.read() as sql:
        tasks = {task.whose: task.id for task in tables.tasks(sql)}
    town.house.wishes.say(spoken.device, Wish("until_deleted", review=True), NOW)
    said = {"intent": "right", "answer": "right", "false_wake": "yes", "transcript": "the weather"}
    export = [
        {"data": {"task": each}, "annotations": [annotation(**said)]}
        for each in (tasks[spoken.whose], "0" * 32)
    ]
    answer = imported(officer, json.dumps(export))
    assert "1 judgements were taken, 1 were not" in answer.text
    assert town.house.forgotten(spoken.whose)  # a false wake that was confirmed
    assert "0 judgements were taken, 2 were not" in imported(officer, json.dumps(export)).text
    assert imported(officer, "nonsense").status_code == 409
    assert imported(officer, "x" * 5_000_000).status_code == 413
    assert town.house.desk.take(town.ids["reviewer"], "review", NOW).whose == other.whose


def annotation(**said):
    result = [
        {"from_name": name, "type": "choices", "value": {"choices": [value]}} for name, value in said.items()
    ]
    return {"result": result}


TASK = {"task": "a" * 32}
RIGHT = {"intent": "right", "answer": "wrong", "false_wake": "no", "transcript": "call me"}


def export(data, **changed):
    return json.dumps([{"data": data, "annotations": [annotation(**RIGHT | changed)]}]).encode()


def test_an_export_that_is_right_is_read():
    """So that each of those below is refused for what was changed in it alone."""
    [judgement] = read_judgements(export(TASK)).values()
    assert judgement.intent == "right"
    text = {"from_name": "transcript", "value": {"text": "all of it"}}
    told = annotation(**RIGHT)
    told["result"][-1] = text
    [judgement] = read_judgements(json.dumps([{"data": TASK, "annotations": [told]}]).encode()).values()
    assert judgement.transcript == "all of it"


def test_judgements_come_back_from_label_studio():
    said = RIGHT
    cancelled = annotation(**said) | {"was_cancelled": True}
    export = [
        {"data": {"task": "a" * 32}, "annotations": [annotation(**said)]},
        {"data": {"task": "b" * 32}, "annotations": [cancelled]},
        {"data": {"task": "c" * 32}},
    ]
    [(task, judgement)] = read_judgements(json.dumps(export).encode()).items()
    assert task == "a" * 32
    assert (judgement.transcript, judgement.intent, judgement.answer) == ("call me", "right", "wrong")


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[1]", b'[{"annotations": [{"result": [{}]}]}]', b'[{"annotations": [{"result": null}]}]',
     export(TASK, intent="maybe"), export(TASK, transcript=5), export(TASK, transcript="x" * 3000),
     export(TASK, remark="it is Anna"), export(None), export({}), export([]),
     b'[{"annotations": 5}]', b'[{"annotations": [5]}]'],
)  # fmt: skip
def test_what_is_no_export_is_one_line(content):
    with pytest.raises(NoTask, match="Label Studio export") as caught:
        read_judgements(content)
    assert "\n" not in str(caught.value)
