"""Nothing that the network sends raises, and honest streams complete exactly once however they arrive."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.envelope import downlink, topics

few = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

parts = st.sampled_from(["begin", "segment", "end", "status", "ack", ""])
ids = st.text("0123456789abcdef", min_size=30, max_size=34)
device_ids = st.text("abcdefghijklmnopqrstuvwxyz234567-+#/", min_size=1, max_size=40)
like_ours = st.builds(lambda d, u, p: f"overheard/v1/{d}/up/utterance/{u}/{p}", device_ids, ids, parts)


@few
@given(topic=st.text() | like_ours, payload=st.binary(max_size=300))
def test_no_topic_and_no_bytes_raise(lasting_other, now, topic, payload):
    before = lasting_other.ingest.refused.total() + lasting_other.ingest.taken.total()
    lasting_other.ingest.take(topic, payload, now)
    after = lasting_other.ingest.refused.total() + lasting_other.ingest.taken.total()
    assert after == before + 1


@few
@given(
    data=st.data(),
    which=st.integers(0, 4),
    kind=st.sampled_from(["flip", "cut", "grow", "splice"]),
)
def test_no_mutated_message_is_stored_or_stops_the_true_ones(lasting_other, voice, now, data, which, kind):
    spoken = voice.say(lasting_other.reader, 3)
    topic, message = spoken.messages[which]
    at = data.draw(st.integers(0, len(message) - 1))
    mutated = {
        "flip": message[:at] + bytes([message[at] ^ data.draw(st.integers(1, 255))]) + message[at + 1 :],
        "cut": message[:at],
        "grow": message[:at] + data.draw(st.binary(min_size=1, max_size=40)) + message[at:],
        "splice": message[:at] + message[: len(message) - at],
    }[kind]
    for each in spoken.messages[: data.draw(st.integers(0, 5))]:
        lasting_other.ingest.take(*each, now)
    lasting_other.ingest.take(topic, mutated, now)
    lasting_other.take(spoken.messages)
    begin, segments, end = lasting_other.vault.messages(spoken.whose)
    assert (begin, list(segments.values()), end) == (spoken.begin, spoken.segments, spoken.end)
    assert lasting_other.completed.count(spoken.whose) == 1


@few
@given(data=st.data(), segments=st.integers(1, 6))
def test_any_order_with_any_repetition_completes_exactly_once(lasting_other, voice, now, data, segments):
    spoken = voice.say(lasting_other.reader, segments)
    repeats = data.draw(st.lists(st.sampled_from(spoken.messages), max_size=6))
    stream = data.draw(st.permutations(spoken.messages + repeats))
    outgoing = lasting_other.take(stream)
    states = [
        downlink.open("ack", payload, lasting_other.keys.signer.public_key())[0]["state"]
        for _, payload in outgoing
    ]
    assert lasting_other.completed.count(spoken.whose) == 1
    assert "complete" in states
    assert set(states[states.index("complete") :]) == {"complete"}
    assert lasting_other.vault.open(spoken.whose, "test", "compare", now).pcm == spoken.pcm


@few
@given(data=st.data())
def test_a_stranger_mixed_into_a_victims_stream_changes_nothing(lasting_other, voice, stranger, data):
    spoken = voice.say(lasting_other.reader, 3)
    theirs = stranger.say(lasting_other.reader, 3, utterance=spoken.utterance)
    under_victim = [
        (topics.utterance(voice.device, spoken.utterance, topic.rsplit("/", 1)[1]), message)
        for topic, message in theirs.messages
    ]
    under_own = theirs.messages
    stream = data.draw(st.permutations(spoken.messages + under_victim + under_own))
    lasting_other.take(stream)
    assert lasting_other.completed.count(theirs.whose) == 1
    assert lasting_other.completed.count(spoken.whose) == 1
    _, segments, end = lasting_other.vault.messages(spoken.whose)
    assert (list(segments.values()), end) == (spoken.segments, spoken.end)
