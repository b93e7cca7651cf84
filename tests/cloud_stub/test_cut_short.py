"""Utterances whose device lost its power: what the cloud says of one that will never have an end.

Such a device asks with the last segment it has and with the begin.
"""

from datetime import timedelta

import pytest

from device.envelope import downlink


def said(other, outgoing):
    """State, missing segments, and whether the end is missing, of each acknowledgement."""
    public = other.keys.signer.public_key()
    bodies = [downlink.open("ack", payload, public)[0] for _, payload in outgoing]
    return [(body["state"], body["missing"], body["end"]) for body in bodies]


@pytest.fixture
def spoken(other, voice):
    return voice.say(other.reader, 6)


def cut_short(other, spoken, now, *segments):
    """Begin and these segments came, and then nothing for too long."""
    begin, *all_segments, _ = spoken.messages
    other.take([begin, *(all_segments[index] for index in segments)])
    other.ingest.expire(now + timedelta(seconds=61))
    return begin, all_segments


def test_of_what_was_cut_short_its_device_hears_so_whenever_it_asks(other, spoken, now):
    begin, segments = cut_short(other, spoken, now, 0, 1, 2)
    for _ in range(2):
        assert said(other, other.take([segments[2], begin])) == [("truncated", [], True)]
    assert other.vault.find(spoken.whose).state == "truncated"


def test_a_gap_in_what_was_cut_short_is_asked_for_before_it_is_given_up(other, spoken, now):
    begin, segments = cut_short(other, spoken, now, 0, 3)
    assert said(other, other.take([segments[3], begin])) == [("missing", [[1, 2]], True)]
    assert said(other, other.take([segments[1], segments[2], begin])) == []
    other.ingest.expire(now + timedelta(seconds=122))
    assert said(other, other.take([begin])) == [("truncated", [], True)]


def test_a_last_segment_that_the_broker_lost_is_taken_before_it_is_given_up(other, spoken, now):
    begin, segments = cut_short(other, spoken, now, 0)
    assert said(other, other.take([segments[2], begin])) == []
    [ack] = other.ingest.expire(now + timedelta(seconds=122))
    assert said(other, [ack]) == [("missing", [[1, 1]], True)]


def test_nothing_is_given_up_while_it_arrives_nor_once_its_end_is_here(other, spoken, now):
    begin, *segments, end = spoken.messages
    assert other.take([begin, segments[0], begin]) == []
    other.take([end])
    other.ingest.expire(now + timedelta(seconds=61))
    assert said(other, other.take([begin])) == [("missing", [[1, 5]], False)]


def test_what_was_cut_short_and_shredded_meanwhile_may_be_forgotten_by_its_device(other, voice, now):
    unsaved = voice.say(other.reader, 6, save=False)
    begin, segments = cut_short(other, unsaved, now, 0)
    other.ingest.expire(now + timedelta(hours=2))
    assert other.vault.find(unsaved.whose).state == "forgotten"
    assert said(other, other.take([segments[0], begin])) == [("truncated", [], True)]


def test_of_what_was_complete_and_then_forgotten_the_begin_is_not_answered(other, spoken, now):
    other.take(spoken.messages)
    other.vault.forget(spoken.whose, "owner", "test", now)
    assert other.take(spoken.messages[:2]) == []
