"""The owner's page: everything is there, everything can be deleted or taken along, and nothing is anybody
else's.
"""

import io
import json
import wave
import zipfile
from datetime import timedelta

import pytest
import rfc8785

from cloud_stub.review.cases import Step
from cloud_stub.wishes import Wish
from device.envelope import Begin
from device.ledger import leaf_hash, verify_inclusion
from tests.cloud_stub.review.conftest import GOOD, HEARD
from tests.cloud_stub.web.conftest import NOW


def judged(town):
    """One that a reviewer has heard and judged."""
    spoken = town.house.ready()
    desk, person = town.house.desk, town.ids["reviewer"]
    task = desk.take(person, "review", NOW)
    desk.sound(task.id, person, NOW)
    desk.judge(task.id, person, GOOD, NOW)
    return spoken


def test_what_was_heard_answered_and_by_whom(town):
    machine = town.house.say(draw=False)
    both = judged(town)
    page = town.of("owner").get("/history").text
    assert page.count(HEARD) == 2
    assert page.count("I did not understand.") == 2
    assert "heard by <strong>machine</strong>" in page
    assert "heard by <strong>machine and person</strong>" in page
    assert "A person wrote: “call me please”" in page
    assert "a reviewer" in page
    assert town.ids["reviewer"] not in page  # the role, and not who
    assert machine.utterance in page
    assert both.utterance in page


def test_that_an_officer_learned_whose_it_is_stands_there_with_the_reason(town):
    town.house.ready()
    desk, person = town.house.desk, town.ids["reviewer"]
    desk.stop(desk.take(person, "review", NOW).id, person, NOW)
    book = town.house.review.casebook
    [case] = book.all()
    book.take_step(case.id, Step("see", "olga"), NOW)
    book.identify(case.id, "olga", "somebody may be hurt", NOW)
    page = town.of("owner").get("/history").text
    assert "learned that it is yours" in page
    assert "somebody may be hurt" in page


def test_somebody_who_had_no_business_to_listen_is_shown_as_well(town):
    spoken = town.house.say(draw=False)
    town.house.vault.open(spoken.whose, "operator:otto", "just curious", NOW)
    page = town.of("owner").get("/history").text
    assert "somebody else (operator)" in page
    assert "just curious" in page
    assert "machine and person" in page
    assert "otto" not in page


def test_it_plays_whole_and_in_parts(town):
    spoken = town.house.say()
    browser = town.of("owner")
    path = f"/history/{spoken.device}/{spoken.utterance}/sound"
    answer = browser.get(path)
    with wave.open(io.BytesIO(answer.content)) as sound:
        assert sound.readframes(sound.getnframes()) == spoken.pcm
    part = browser.get(path, range="bytes=44-143")
    assert (part.status_code, part.content) == (206, spoken.pcm[:100])
    assert part.headers["content-range"] == f"bytes 44-143/{len(spoken.pcm) + 44}"
    assert browser.get(path, range="bytes=99999999-").status_code == 200


def test_deleting_one_a_range_and_all(town):
    one, two, three = (town.house.say() for _ in range(3))
    browser = town.of("owner")
    browser.get("/history")
    browser.post("/history/delete", device=one.device, utterance=one.utterance)
    assert [town.house.forgotten(each.whose) for each in (one, two, three)] == [True, False, False]
    browser.post("/history/delete-range", first="2026-11-24", last="2026-11-30")
    assert not town.house.forgotten(two.whose)
    browser.post("/history/delete-range", first="2026-11-23", last="2026-11-23")
    assert town.house.forgotten(three.whose)
    four = town.house.say()
    browser.post("/history/delete-all")
    assert town.house.forgotten(four.whose)
    assert "Nothing." in browser.get("/history").text


@pytest.mark.parametrize("day", ["2026-13-40", "yesterday", ""])
def test_what_is_no_day_deletes_nothing(town, day):
    spoken = town.house.say()
    browser = town.of("owner")
    browser.get("/history")
    assert browser.post("/history/delete-range", first=day, last="2026-11-30").status_code == 400
    assert not town.house.forgotten(spoken.whose)


def test_a_wish_is_carried_out_at_once(town):
    spoken = town.house.ready()
    browser = town.of("owner")
    browser.get("/history")
    browser.post("/wishes", device=spoken.device, keep="18_months", review="no")
    assert town.house.wishes.of(spoken.device) == Wish("18_months", review=False)
    assert town.house.desk.take(town.ids["reviewer"], "review", NOW) is None
    browser.post("/wishes", device=spoken.device, keep="never", review="no")
    assert town.house.forgotten(spoken.whose)
    assert browser.post("/wishes", device=spoken.device, keep="for_ever").status_code == 404


def test_of_the_neighbour_nothing_can_be_seen_played_deleted_or_wished(town):
    utterance = town.neighbours()
    device = town.neighbour.device
    browser = town.of("owner")
    page = browser.get("/history").text
    assert utterance not in page
    assert device not in page
    assert browser.get(f"/history/{device}/{utterance}/sound").status_code == 404
    assert browser.post("/history/delete", device=device, utterance=utterance).status_code == 404
    assert browser.post("/wishes", device=device, keep="never").status_code == 404
    browser.post("/history/delete-all")
    with zipfile.ZipFile(io.BytesIO(browser.post("/export").content)) as bundle:
        assert not [name for name in bundle.namelist() if device in name]
    assert town.house.vault.find((device, utterance)).state == "complete"


def test_the_download_has_everything_with_proofs_that_hold(town):
    spoken = judged(town)
    browser = town.of("owner")
    browser.get("/history")
    bundle = zipfile.ZipFile(io.BytesIO(browser.post("/export").content))
    folder = f"recordings/{spoken.device}/{spoken.utterance}"
    with wave.open(io.BytesIO(bundle.read(f"{folder}/sound.wav"))) as sound:
        assert sound.readframes(sound.getnframes()) == spoken.pcm
    words = json.loads(bundle.read(f"{folder}/words.json"))
    assert words["words"]["heard"] == HEARD
    assert "call me please" in next(iter(words["notes"].values()))
    begin = Begin.parse(bundle.read(f"{folder}/begin.bin"))
    begin.end(bundle.read(f"{folder}/end.bin"), [bundle.read(f"{folder}/segment-{n}.bin") for n in range(3)])
    origin, size, root = bundle.read("access.head").decode().split()
    rows = [json.loads(line) for line in bundle.read("access.jsonl").splitlines()]
    assert origin == "overheard-cloud/access"
    assert len(rows) >= 4
    for each in rows:
        proof = [bytes.fromhex(part) for part in each["proof"]]
        leaf = leaf_hash(rfc8785.dumps(each["row"]))
        verify_inclusion(leaf, each["row"]["index"], each["size"], proof, bytes.fromhex(root))
        assert each["size"] == int(size)


def test_the_download_needs_a_fresh_second_factor(town):
    browser = town.of("owner")
    town.clock.now += timedelta(minutes=6)
    browser.get("/history")
    assert browser.post("/export").status_code == 403


def test_many_come_in_pages(town):
    for _ in range(23):
        town.house.say(draw=False)
    browser = town.of("owner")
    assert browser.get("/history").text.count("<article") == 20
    assert browser.get("/history?page=1").text.count("<article") == 3
    assert browser.get("/history?page=-1").status_code == 400
