"""What a listener is given, and what becomes of it."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import msgspec
import numpy as np
import pytest

from cloud_stub.chores import Chores
from cloud_stub.errors import NoTask, NotKept, StorageError
from cloud_stub.review import tables
from cloud_stub.review.cases import Step, Unfit
from cloud_stub.wishes import Wish
from tests.cloud_stub.conftest import NOW
from tests.cloud_stub.review.conftest import GOOD, House

RITA, ROB, ADA, OLGA, OTTO = "rita", "rob", "ada", "olga", "otto"
LATER = NOW + timedelta(minutes=1)


def subject(house, spoken):
    with house.review.database.read() as sql:
        return tables.subject_state(sql, spoken.whose)


def rows(house):
    return [(row.did, row.who, row.why.split(" ")[0]) for row in house.vault.accesses()]


def test_a_task_from_the_draw_to_its_judgement(house):
    spoken = house.ready()
    task = house.desk.take(RITA, "review", NOW)
    shown = house.desk.show(task.id, RITA, NOW)
    assert [each.text for each in shown.words] == ["call", "[phone]", "please"]
    assert (shown.heard, shown.hidden) == ("call [phone] please", ["phone"])
    sound = np.frombuffer(house.desk.sound(task.id, RITA, NOW), np.int16)
    original = np.frombuffer(spoken.pcm, np.int16)
    assert len(sound) == len(original)
    middle = slice(len(original) // 4, 3 * len(original) // 4)
    assert (sound[middle] != original[middle]).mean() > 0.99
    house.desk.judge(task.id, RITA, GOOD, LATER)
    assert subject(house, spoken) == "settled"
    said = house.vault.read(spoken.whose, "owner:o", "history", LATER)
    assert msgspec.json.decode(said.notes[f"judgement {task.id}"], type=type(GOOD)) == GOOD
    opened = [
        ("open", "machine", "prepare"),
        ("open", f"reviewer:{RITA}", "task"),
        ("open", f"reviewer:{RITA}", "task"),
    ]
    assert rows(house)[:3] == opened


def test_nothing_in_what_a_listener_gets_says_whose_it_is(house):
    spoken = house.ready()
    task = house.desk.take(RITA, "review", NOW)
    shown = msgspec.json.encode(house.desk.show(task.id, RITA, NOW))
    for secret in (spoken.device, spoken.utterance, spoken.utterance[:12]):
        assert secret not in task.id
        assert secret.encode() not in shown


@pytest.mark.parametrize("do", ["show", "sound", "judge", "flag", "stop", "give_back"])
def test_whoever_has_not_taken_it_learns_nothing_and_leaves_no_row(house, do):
    house.ready()
    before = len(house.vault.accesses())
    with house.review.database.read() as sql:
        [waiting] = tables.tasks(sql)
    more = (GOOD,) if do == "judge" else ()
    for task_id in (waiting.id, "0" * 32):
        with pytest.raises(NoTask, match="not yours"):
            getattr(house.desk, do)(task_id, RITA, *more, NOW)
    house.desk.take(ROB, "review", NOW)
    with pytest.raises(NoTask, match="not yours"):
        getattr(house.desk, do)(waiting.id, RITA, *more, NOW)
    assert len(house.vault.accesses()) == before


def test_opted_out_between_draw_and_serving_it_is_served_to_nobody(house):
    spoken = house.ready()
    house.wishes.say(spoken.device, Wish("until_deleted", review=False), NOW)
    assert house.desk.take(RITA, "review", NOW) is None
    assert subject(house, spoken) == "withdrawn"


def test_opted_out_while_it_is_heard_it_is_taken_away(house):
    spoken = house.ready()
    task = house.desk.take(RITA, "review", NOW)
    house.wishes.say(spoken.device, Wish("until_deleted", review=False), NOW)
    with pytest.raises(NoTask, match="took it back"):
        house.desk.sound(task.id, RITA, NOW)
    with pytest.raises(NoTask):
        house.desk.judge(task.id, RITA, GOOD, NOW)
    assert [row.who for row in house.vault.accesses()] == ["machine"]


def test_deleted_while_it_waits_it_is_gone_for_everybody(house):
    spoken = house.ready()
    task = house.desk.take(RITA, "review", NOW)
    house.vault.forget(spoken.whose, "owner:o", "asked for it", NOW)
    with pytest.raises(NoTask):
        house.desk.show(task.id, RITA, NOW)
    assert house.desk.take(RITA, "review", NOW) is None


def test_neither_the_device_alone_nor_the_page_alone_allows_it(house):
    spoken = house.say(review=False)
    house.wishes.say(house.voice.device, Wish(review=False), NOW)
    other = house.say()
    assert [subject(house, each) for each in (spoken, other)] == [None, None]
    with house.review.database.read() as sql:
        assert tables.tallies(sql) == {}


def test_what_the_sampler_does_not_draw_is_never_served(tmp_path, voice):
    house = House(tmp_path / "none", voice, share=0.0)
    spoken = house.say()
    assert subject(house, spoken) is None
    with house.review.database.write() as sql:  # somebody puts it in by hand
        sql.execute(
            "INSERT INTO subject (device, utterance, state, drawn) VALUES (?, ?, 'ready', 0)", spoken.whose
        )
        tables.add_task(sql, spoken.whose, "review")
    assert house.desk.take(RITA, "review", NOW) is None
    house.close()


def test_two_hear_it_and_never_the_same_one_twice(house_of_two):
    house, desk = house_of_two, house_of_two.desk
    house.ready()
    first = desk.take(RITA, "review", NOW)
    desk.judge(first.id, RITA, GOOD, NOW)
    assert desk.take(RITA, "review", NOW) is None
    assert desk.take(ROB, "review", NOW).id != first.id


def test_two_who_agree_settle_it_and_are_counted(house_of_two):
    house, desk = house_of_two, house_of_two.desk
    spoken = house.ready()
    for person in (RITA, ROB):
        desk.judge(desk.take(person, "review", NOW).id, person, GOOD, NOW)
    assert subject(house, spoken) == "settled"
    assert [(each.pairs, each.same) for each in house.review.settling.agreements()] == [(1, 1)] * 3


def test_two_who_differ_go_to_an_adjudicator_who_reads_both_and_not_who(house_of_two):
    house, desk = house_of_two, house_of_two.desk
    spoken = house.ready()
    other = msgspec.structs.replace(GOOD, intent="wrong")
    for person, said in ((RITA, GOOD), (ROB, other)):
        desk.judge(desk.take(person, "review", NOW).id, person, said, NOW)
    assert subject(house, spoken) == "disputed"
    assert desk.take(RITA, "dispute", NOW) is None  # has heard it
    task = desk.take(ADA, "dispute", NOW)
    found = desk.transcripts(task.id, ADA, NOW)
    assert sorted(each.intent for each in found) == ["right", "wrong"]
    desk.judge(task.id, ADA, other, NOW)
    assert subject(house, spoken) == "settled"
    assert any(row.who == f"adjudicator:{ADA}" for row in house.vault.accesses())


def test_a_false_wake_that_is_confirmed_shreds_the_recording(house):
    spoken = house.ready()
    task = house.desk.take(RITA, "review", NOW)
    house.desk.judge(task.id, RITA, msgspec.structs.replace(GOOD, false_wake=True), NOW)
    assert (subject(house, spoken), house.forgotten(spoken.whose)) == ("false_wake", True)
    assert rows(house)[-1][:2] == ("forget", f"reviewer:{RITA}")


def test_one_of_two_who_calls_it_a_false_wake_shreds_nothing_yet(house_of_two):
    house, desk = house_of_two, house_of_two.desk
    spoken = house.ready()
    false = msgspec.structs.replace(GOOD, false_wake=True)
    for person, said in ((RITA, false), (ROB, GOOD)):
        desk.judge(desk.take(person, "review", NOW).id, person, said, NOW)
    assert not house.forgotten(spoken.whose)
    desk.judge(desk.take(ADA, "dispute", NOW).id, ADA, false, NOW)
    assert house.forgotten(spoken.whose)


def test_a_flag_takes_it_from_everyone_but_the_privacy_officer(house_of_two):
    house, desk = house_of_two, house_of_two.desk
    spoken = house.ready()
    mine, theirs = desk.take(RITA, "review", NOW), desk.take(ROB, "review", NOW)
    desk.flag(mine.id, RITA, NOW)
    assert subject(house, spoken) == "quarantined"
    for task, person in ((mine, RITA), (theirs, ROB)):
        with pytest.raises(NoTask):
            desk.sound(task.id, person, NOW)
    [case] = house.review.casebook.all()
    assert (case.kind, case.state, case.reporter) == ("critical", "open", RITA)
    with pytest.raises(NoTask, match="say first that you have seen it"):
        house.review.casebook.open(case.id, OLGA, NOW)
    house.review.casebook.take_step(case.id, Step("see", OLGA), NOW)
    assert house.review.casebook.open(case.id, OLGA, NOW).pcm == spoken.pcm
    assert rows(house)[-1] == ("open", f"privacy_officer:{OLGA}", "case")


def test_a_stop_takes_it_from_everyone_asks_nothing_and_gives_rest(house_of_two):
    house, desk = house_of_two, house_of_two.desk
    house.ready()
    mine, theirs = desk.take(RITA, "review", NOW), desk.take(ROB, "review", NOW)
    desk.stop(mine.id, RITA, NOW)
    for task, person in ((mine, RITA), (theirs, ROB)):
        with pytest.raises(NoTask):
            desk.show(task.id, person, NOW)
    house.ready()
    assert desk.rest(RITA, LATER).why.startswith("you stopped a recording")
    assert desk.take(RITA, "review", LATER) is None
    over = NOW + timedelta(seconds=house.settings.after_stop_s)
    assert desk.rest(RITA, over) is None
    [case] = house.review.casebook.all()
    assert (case.kind, case.state) == ("distress", "open")


def test_a_case_that_nobody_sees_is_late_and_one_that_is_decided_is_not(house):
    house.ready()
    house.desk.stop(house.desk.take(RITA, "review", NOW).id, RITA, NOW)
    book = house.review.casebook
    assert book.late(NOW + timedelta(minutes=60)) == []
    assert len(book.late(NOW + timedelta(minutes=61))) == 1
    [case] = book.all()
    book.take_step(case.id, Step("see", OLGA), NOW)
    book.take_step(case.id, Step("propose_nothing", OLGA, reason="a film"), NOW)
    with pytest.raises(Unfit, match="second person"):
        book.take_step(case.id, Step("agree", OLGA), NOW)
    book.take_step(case.id, Step("agree", OTTO), NOW)
    assert book.find(case.id).outcome == "nothing_to_do"
    assert [each.event for each in book.steps(case.id)] == ["see", "propose_nothing", "agree"]
    assert book.late(NOW + timedelta(days=100)) == []


def test_the_outcome_deleted_deletes(house):
    spoken = house.ready()
    house.desk.flag(house.desk.take(RITA, "review", NOW).id, RITA, NOW)
    [case] = house.review.casebook.all()
    house.review.casebook.take_step(case.id, Step("see", OLGA), NOW)
    house.review.casebook.take_step(case.id, Step("decide", OLGA, "deleted"), NOW)
    assert house.forgotten(spoken.whose)
    with pytest.raises(NoTask):
        house.review.casebook.open(case.id, OLGA, NOW)


def test_learning_whose_it_is_needs_a_reason_that_the_owner_will_read(house):
    spoken = house.ready()
    house.desk.stop(house.desk.take(RITA, "review", NOW).id, RITA, NOW)
    book = house.review.casebook
    [case] = book.all()
    book.take_step(case.id, Step("see", OLGA), NOW)
    with pytest.raises(ValueError, match="no reason given"):
        book.identify(case.id, OLGA, "  ", NOW)
    assert book.identify(case.id, OLGA, "somebody is hurt", NOW) == spoken.device
    [row] = [row for row in house.vault.accesses(spoken.device) if row.did == "identify"]
    assert (row.who, row.why) == (f"privacy_officer:{OLGA}", f"case {case.id}: somebody is hurt")


def test_what_is_held_too_long_goes_to_somebody_else(house):
    house.ready()
    mine = house.desk.take(RITA, "review", NOW)
    late = NOW + timedelta(seconds=house.settings.lease_s + 1)
    theirs = house.desk.take(ROB, "review", late)
    assert theirs.id == mine.id
    with pytest.raises(NoTask):
        house.desk.sound(mine.id, RITA, late)


def test_no_recording_is_played_for_ever(house):
    house.ready()
    task = house.desk.take(RITA, "review", NOW)
    for _ in range(house.settings.plays):
        house.desk.sound(task.id, RITA, NOW)
    with pytest.raises(NoTask, match="times already"):
        house.desk.sound(task.id, RITA, NOW)


def test_what_somebody_declines_is_given_to_others(house):
    spoken = house.ready()
    with house.review.database.write() as sql:
        sql.execute("UPDATE subject SET categories = 1")
    house.desk.decline(RITA, frozenset({"violence"}))
    assert house.desk.declined(RITA) == {"violence"}
    assert house.desk.take(RITA, "review", NOW) is None
    task = house.desk.take(ROB, "review", NOW)
    assert task.whose == spoken.whose
    house.desk.judge(task.id, ROB, GOOD, NOW)
    with house.review.database.read() as sql:
        assert sql.execute("SELECT categories FROM subject").fetchall() == [(0,)]


def test_judging_what_its_owner_deletes_meanwhile_harms_nobody(house):
    spoken = house.ready()
    task = house.desk.take(RITA, "review", NOW)
    house.vault.forget(spoken.whose, "owner:o", "asked for it", NOW)
    with pytest.raises((NoTask, NotKept)):
        house.desk.judge(task.id, RITA, GOOD, NOW)
    assert house.desk.take(RITA, "review", NOW) is None


@pytest.mark.parametrize(("do", "kind"), [("stop", "distress"), ("flag", "critical")])
def test_whoever_says_it_too_late_is_heard_and_once(house, do, kind):
    """Their quarter of an hour is over while they listen; then they press the key, and press it again."""
    house.ready()
    mine = house.desk.take(RITA, "review", NOW)
    late = NOW + timedelta(seconds=house.settings.lease_s + 1)
    theirs = house.desk.take(ROB, "review", late)
    for _ in range(2):
        getattr(house.desk, do)(mine.id, RITA, late)
    with pytest.raises(NoTask):
        house.desk.sound(theirs.id, ROB, late)
    [case] = house.review.casebook.all()
    assert (case.kind, case.reporter) == (kind, RITA)
    assert (house.desk.rest(RITA, late) is not None) == (do == "stop")


def last_words(house, said):
    """Two judge, and the program ends before it draws the conclusion: their tasks."""
    tasks = [house.desk.take(person, "review", NOW) for person in (RITA, ROB)]
    for task in tasks:
        house.desk._settling.keep(task, said)
        with house.review.database.write() as sql:
            tables.finish(sql, task.id, "judged", NOW)
    return tasks


def test_two_who_are_the_last_at_once_are_counted_once(house_of_two):
    house, spoken = house_of_two, house_of_two.ready()
    for task in last_words(house, GOOD):
        house.desk._settling.settle(task, "reviewer:r", NOW)
    assert subject(house, spoken) == "settled"
    with house.review.database.read() as sql:
        assert tables.tallies(sql)["judged"] == 1


def test_what_was_judged_before_the_program_ended_is_settled_by_the_chores(house_of_two):
    house, spoken = house_of_two, house_of_two.ready()
    last_words(house, msgspec.structs.replace(GOOD, false_wake=True))
    waiting = house.ready()
    Chores(house.vault, house.wishes, house.review).do(NOW)
    assert (subject(house, spoken), house.forgotten(spoken.whose)) == ("false_wake", True)
    assert (subject(house, waiting), house.forgotten(waiting.whose)) == ("ready", False)


def test_a_judgement_from_elsewhere_does_not_take_a_task_from_whoever_has_it(house):
    house.ready()
    mine = house.desk.take(RITA, "review", NOW)
    assert house.desk.take_in({mine.id: msgspec.structs.replace(GOOD, transcript="another")}, NOW) == (0, 1)
    house.desk.judge(mine.id, RITA, GOOD, NOW)
    [said] = house.desk._settling.judgements(mine.whose, "test", "look", NOW)
    assert said == GOOD


def test_a_case_does_not_end_with_deleted_before_it_is(house):
    spoken = house.ready()
    house.desk.flag(house.desk.take(RITA, "review", NOW).id, RITA, NOW)
    book, [case] = house.review.casebook, house.review.casebook.all()
    book.take_step(case.id, Step("see", OLGA), NOW)
    delete = Step("decide", OLGA, "deleted")
    with closing(sqlite3.connect(house.other.config.storage.vault / "vault.sqlite")) as reader:
        reader.execute("BEGIN")
        reader.execute(
            "SELECT * FROM piece"
        ).fetchone()  # what was deleted stays in the log as long as it reads
        with pytest.raises(StorageError, match="still in it"):
            book.take_step(case.id, delete, NOW)
        assert book.find(case.id).state == "seen"
    assert book.take_step(case.id, delete, NOW) == "ended"
    assert house.forgotten(spoken.whose)
