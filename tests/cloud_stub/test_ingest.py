"""What the ingest promises of order, repetition, gaps and strangers."""

from datetime import timedelta

import pytest

from cloud_stub.ingest import Ingest
from device.envelope import Begin, Sealer, downlink, topics


def acks(other, outgoing):
    public = other.keys.signer.public_key()
    return [downlink.open("ack", payload, public)[0] for _, payload in outgoing]


def test_an_utterance_in_order_is_acknowledged_once_and_is_what_was_said(other, voice, now):
    spoken = voice.say(other.reader, 5)
    outgoing = other.take(spoken.messages)
    assert [topic for topic, _ in outgoing] == [topics.ack(voice.device)]
    [ack] = acks(other, outgoing)
    assert ack == {
        "v": 1,
        "device": voice.device,
        "utterance": spoken.utterance,
        "state": "complete",
        "missing": [],
        "begin": False,
        "end": False,
    }
    assert other.completed == [spoken.whose]
    assert other.vault.open(spoken.whose, "test", "compare", now).pcm == spoken.pcm
    assert not other.ingest.refused


def test_the_begin_may_come_last(other, voice):
    spoken = voice.say(other.reader, 4)
    begin, *rest = spoken.messages
    waiting = other.take(rest[::-1])
    assert [(ack["state"], ack["begin"]) for ack in acks(other, waiting)] == [("missing", True)]
    assert [ack["state"] for ack in acks(other, other.take([begin]))] == ["complete"]
    assert other.completed == [spoken.whose]


def test_a_repeated_end_of_a_complete_utterance_is_acknowledged_again(other, voice):
    spoken = voice.say(other.reader)
    other.take(spoken.messages)
    assert [ack["state"] for ack in acks(other, other.take(spoken.messages))] == ["complete"]
    assert other.completed == [spoken.whose]
    assert other.ingest.taken["duplicate"] == len(spoken.messages)


def test_gaps_are_named_in_ranges_and_the_last_of_them_completes(other, voice):
    spoken = voice.say(other.reader, 9)
    begin, *segments, end = spoken.messages
    kept = [segments[index] for index in (0, 4, 8)]
    [ack] = acks(other, other.take([begin, *kept, end]))
    assert (ack["state"], ack["missing"], ack["end"]) == ("missing", [[1, 3], [5, 7]], False)
    outgoing = other.take(segments)
    assert [ack["state"] for ack in acks(other, outgoing)] == ["complete"]
    assert other.completed == [spoken.whose]


def test_another_content_of_the_same_index_is_counted_and_never_overwrites(other, voice, now):
    spoken = voice.say(other.reader, 3)
    other.take(spoken.messages[:2])
    begin = Begin.parse(spoken.begin)  # only a thief of the data key, or a faulty device, can do this
    false = Sealer(begin.header_bytes, spoken.data_key, begin.wraps, voice.signing).segment(bytes(2560))
    assert false != spoken.segments[0]
    assert other.take([(spoken.topic("segment"), false)]) == []
    assert other.ingest.refused == {"altered": 1}
    assert other.ingest.security_events == 1
    other.take(spoken.messages)
    assert other.vault.open(spoken.whose, "test", "compare", now).pcm == spoken.pcm


def test_a_segment_that_does_not_open_is_not_stored(other, voice):
    spoken = voice.say(other.reader, 3)
    other.take([spoken.messages[0]])
    broken = bytearray(spoken.segments[1])
    broken[100] ^= 1
    other.take([(spoken.topic("segment"), bytes(broken))])
    assert other.ingest.refused == {"segment": 1}
    assert other.vault.messages(spoken.whose)[1] == {}


def test_a_foreign_device_under_a_victims_topic_is_refused(other, voice, stranger):
    spoken = stranger.say(other.reader)
    under_victim = topics.utterance(voice.device, spoken.utterance, "begin")
    assert other.take([(under_victim, spoken.begin)]) == []
    assert other.ingest.refused == {"foreign_device": 1}
    assert other.vault.utterances() == []


def test_who_saw_an_id_and_is_quicker_takes_nothing_from_whose_it_is(other, voice, stranger, now):
    spoken = voice.say(other.reader)
    theirs = stranger.say(other.reader, utterance=spoken.utterance)
    mixed = [each for pair in zip(theirs.messages, spoken.messages, strict=True) for each in pair]
    outgoing = other.take(mixed)
    assert [(ack["device"], ack["state"]) for ack in acks(other, outgoing)] == [
        (stranger.device, "complete"),
        (voice.device, "complete"),
    ]
    assert not other.ingest.refused
    assert other.completed == [theirs.whose, spoken.whose]
    for each in (theirs, spoken):
        assert other.vault.open(each.whose, "test", "compare", now).pcm == each.pcm
    other.vault.forget(theirs.whose, "owner", "test", now)
    assert {held.whose: held.state for held in other.vault.utterances()} == {
        theirs.whose: "forgotten",
        spoken.whose: "complete",
    }
    assert other.vault.open(spoken.whose, "test", "compare", now).pcm == spoken.pcm


@pytest.mark.parametrize("victims_first", [True, False])
def test_the_parts_of_two_devices_with_one_id_wait_and_are_asked_for_apart(
    other, voice, stranger, victims_first
):
    spoken = voice.say(other.reader)
    theirs = stranger.say(other.reader, utterance=spoken.utterance)
    first, second = (spoken, theirs) if victims_first else (theirs, spoken)
    asked = acks(other, other.take([*first.messages[1:], *second.messages[:2], second.messages[-1]]))
    assert [(ack["device"], ack["begin"], ack["missing"]) for ack in asked] == [
        (first.device, True, []),
        (second.device, False, [[1, 2]]),
    ]
    other.take([*first.messages[:1], *second.messages[2:]])
    assert other.completed == [first.whose, second.whose]


def test_an_utterance_sealed_for_nobody_here_is_refused(other, voice, stranger):
    spoken = voice.say(stranger.reply.public)
    other.take([spoken.messages[0]])
    assert other.ingest.refused == {"no_reader": 1}


def test_without_news_it_is_truncated_visibly_and_may_still_complete(other, voice, now):
    spoken = voice.say(other.reader, 6)
    begin, *segments, end = spoken.messages
    other.take([begin, segments[0], segments[3]])
    assert other.ingest.expire(now + timedelta(seconds=59)) == []
    [ack] = acks(other, other.ingest.expire(now + timedelta(seconds=61)))
    assert (ack["missing"], ack["end"], ack["begin"]) == ([[1, 2]], True, False)
    assert other.vault.find(spoken.whose).state == "truncated"
    assert other.ingest.expire(now + timedelta(seconds=62)) == []
    other.take([*segments, end], now + timedelta(hours=3))
    assert other.vault.find(spoken.whose).state == "complete"


def test_what_is_cut_short_and_not_to_be_saved_is_shredded_after_an_hour(other, voice, now):
    for save in (True, False):
        other.take(voice.say(other.reader, save=save).messages[:2])
    for minutes in (2, 59, 62):
        other.ingest.expire(now + timedelta(minutes=minutes))
    assert {held.state for held in other.vault.utterances()} == {"truncated", "forgotten"}


def test_a_forgotten_utterance_stays_forgotten_and_its_device_may_forget_it_too(other, voice, now):
    spoken = voice.say(other.reader)
    other.take(spoken.messages)
    other.vault.forget(spoken.whose, "owner", "test", now)
    assert [ack["state"] for ack in acks(other, other.take(spoken.messages))] == ["complete"]
    assert other.vault.find(spoken.whose).state == "forgotten"
    assert other.completed == [spoken.whose]


def test_an_utterance_survives_a_restart_between_any_two_messages(other, voice, now):
    spoken = voice.say(other.reader, 4)
    for message in spoken.messages[:-1]:
        fresh = Ingest(other.vault, other.keys, other.config.ingest)
        assert fresh.take(*message, now) == []
    fresh = Ingest(other.vault, other.keys, other.config.ingest)
    assert len(fresh.take(*spoken.messages[-1], now)) == 1


def test_a_device_cannot_have_more_arriving_than_its_share(other, voice, stranger):
    share = other.config.ingest.arriving_per_device
    for _ in range(share + 1):
        other.take(voice.say(other.reader, 1).messages[:1])
    assert other.ingest.refused == {"too_many_arriving": 1}
    other.take(stranger.say(other.reader, 1).messages)
    assert len(other.completed) == 1


def test_thirty_seconds_and_the_most_padding_are_taken(other, voice):
    spoken = voice.say(other.reader, 500)
    other.take(spoken.messages)
    assert other.completed == [spoken.whose]
    assert not other.ingest.refused


def test_no_utterance_stores_more_than_its_ceiling(other, voice):
    spoken = voice.say(other.reader, 520)
    other.take(spoken.messages)
    assert other.ingest.refused["too_long"] == 20
    assert len(other.vault.messages(spoken.whose)[1]) == 500
    assert other.completed == []


def test_what_is_no_topic_of_ours_or_too_large_is_counted(other, voice):
    other.take([("overheard/v1/keys", b""), (topics.ack(voice.device), b""), ("elsewhere", b"")])
    other.take([(topics.utterance(voice.device, "0" * 32, "segment"), bytes(12_839))])
    assert other.ingest.refused == {"topic": 3, "too_large": 1}


def test_status_and_checkpoint_are_not_refused(other, voice):
    other.take([(topics.status(voice.device), b"{}"), (topics.checkpoint(voice.device), b"note")])
    assert not other.ingest.refused
    assert other.ingest.taken == {"status": 1, "checkpoint": 1}


def test_an_end_under_another_devices_signature_is_refused(other, voice, stranger):
    spoken, theirs = voice.say(other.reader), stranger.say(other.reader)
    other.take(spoken.messages[:-1])
    assert other.take([(spoken.topic("end"), theirs.end)]) == []
    assert other.ingest.refused == {"end": 1}
    assert other.completed == []


def test_what_waits_for_a_begin_that_never_comes_is_dropped_and_counted(other, voice, now):
    spoken = voice.say(other.reader, 3)
    other.take(spoken.messages[1:])
    other.ingest.expire(now + timedelta(seconds=61))
    assert other.ingest.refused == {"begin_never_came": 4}
    other.take(spoken.messages[:1])
    assert other.completed == []
