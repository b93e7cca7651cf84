"""What our ingest does when a speaker speaks, and when the line between them misbehaves."""

import pytest

SEGMENTS = "overheard/v1/+/up/utterance/+/segment"


@pytest.fixture(autouse=True)
def ready(ingest, home):  # noqa: ARG001  (it listens before anybody speaks)
    home.until("online")


def test_a_word_wakes_it_and_what_follows_arrives(ingest, home, speaker):
    home.say("alexa_time.flac")
    home.until("acknowledged")
    (utterance,) = ingest.utterances.values()
    assert utterance.header.device == speaker.device
    assert utterance.header.trigger.kind == "wake_word"
    assert utterance.end.reason == "silence"
    assert len(utterance.pcm) > 2 * 16_000


def test_a_tap_is_enough(ingest, home, speaker):
    speaker.tap()
    assert (speaker.phase, speaker.light) == ("listening", "listening")
    home.say("time.flac")
    home.until("acknowledged")
    assert [each.header.trigger.kind for each in ingest.utterances.values()] == ["button_tap"]


def test_a_line_cut_in_the_middle_loses_nothing(ingest, home, speaker, broker):
    home.until("online")
    speaker.tap()
    broker.cut(within_publish=7, after_bytes=100)
    home.say("time.flac")
    home.until("acknowledged")
    (utterance,) = ingest.utterances.values()
    sent = [each.payload for each in broker.published(SEGMENTS)]
    assert len(sent) == utterance.end.segments + 1, "one was sent again"
    assert len(set(sent)) == utterance.end.segments
    assert [each["up"] for each in speaker.said("link")] == [True, False, True]


def test_duplicates_are_not_counted_twice(ingest, home, speaker, broker):
    broker.duplicate(times=2)
    speaker.tap()
    home.say("time.flac")
    home.until("acknowledged")
    (utterance,) = ingest.utterances.values()
    arrived = [each for each in broker.published(SEGMENTS, way="down") if each.client == "small-ingest"]
    assert len(arrived) == 3 * utterance.end.segments


def test_order_does_not_matter(ingest, home, speaker, broker):
    speaker.tap()
    broker.reorder()
    home.say("time.flac")
    broker.clear()
    home.until("acknowledged")
    assert len(ingest.utterances) == 1


def test_a_damaged_message_is_asked_for_again(ingest, home, speaker, broker):
    speaker.tap()
    broker.corrupt(way="up")
    home.say("time.flac")
    home.until("acknowledged")
    assert len(ingest.utterances) == 1
    assert "missing" in {row.cause for row in speaker.ledger}


@pytest.mark.parametrize("reason", ["not authorized", "server unavailable"])
def test_what_is_said_while_the_broker_refuses_arrives_afterwards(ingest, home, speaker, broker, reason):
    broker.refuse(reason)
    broker.cut()
    home.until("offline")
    speaker.tap()
    home.say("time.flac")
    home.quiet(2)
    assert not ingest.utterances
    broker.clear()
    home.until("acknowledged")
    assert len(ingest.utterances) == 1


@pytest.mark.parametrize("kill", [False, True])
def test_a_broker_that_restarts_in_the_middle(ingest, home, speaker, broker, kill):
    speaker.tap()
    home.quiet(0.4)
    broker.restart(kill=kill)
    home.say("time.flac")
    home.until("acknowledged", within_s=120)
    assert len(ingest.utterances) == 1


def test_a_speaker_that_restarts_sends_what_it_kept(ingest, home, speaker, broker):
    broker.down()
    home.until("offline")
    speaker.tap()
    home.say("time.flac")
    home.quiet(2)
    speaker.restart()
    broker.up()
    broker.wait_for("overheard/v1/keys", count=2)  # our ingest is back, and so hears the speaker come back
    home.until("acknowledged", within_s=120)
    assert len(ingest.utterances) == 1


@pytest.mark.overheard(speaker={"audio": {"segment_ms": 160}})
def test_other_segments_than_usual(ingest, home, speaker):
    speaker.hold(1.0)
    home.until("acknowledged")
    (utterance,) = ingest.utterances.values()
    assert utterance.header.segment_samples == 2560
    assert utterance.end.reason == "released"


def test_a_muted_speaker_sends_nothing(ingest, home, speaker, broker):
    speaker.mute()
    home.say("alexa_time.flac")
    speaker.tap()
    home.quiet(1)
    assert speaker.phase == "muted"
    assert broker.published(SEGMENTS) == []
    speaker.unmute()
    home.say("alexa_time.flac")
    home.until("acknowledged")
    assert len(ingest.utterances) == 1
