"""What waits for its begin: never more than fits, and nobody's flood in another's room."""

import pytest

from cloud_stub.pen import BYTES, MESSAGES, OVERHEAD_BYTES, SHARE_BYTES, Pen, Waiting
from cloud_stub.whose import Whose
from device.envelope import downlink, topics

MEBI = 2**20 - OVERHEAD_BYTES


@pytest.mark.parametrize(
    ("devices", "ids", "length", "room"),
    [
        (1, 10**6, 0, SHARE_BYTES // OVERHEAD_BYTES),
        (1, 1, 2, MESSAGES),
        (1, 64, MEBI, SHARE_BYTES // 2**20),
        (128, 1, MEBI, BYTES // 2**20),
    ],
)
def test_the_pen_holds_no_more_than_its_bounds(devices, ids, length, room, now):
    pen = Pen()
    whose = [Whose(str(index % devices), str(index // devices % ids)) for index in range(room + 2)]
    messages = [Waiting("segment", index.to_bytes(2, "big").ljust(length)) for index in range(room + 2)]
    if not length:
        messages = [Waiting("segment", b"")] * (room + 2)
    taken = [pen.add(*each, now) for each in zip(whose, messages, strict=True)]
    assert taken == [True] * room + [False, False]
    assert len(pen) == room
    assert sum(len(pen.release(each)) for each in set(whose)) == room
    assert pen.add(whose[0], Waiting("end", bytes(length)), now)


def acks(other, outgoing):
    public = other.keys.signer.public_key()
    return [downlink.open("ack", payload, public)[0] for _, payload in outgoing]


def flood(other, device):
    """What anybody may send without a key, until no more of it is taken."""
    index = 0
    for times, length in ((1, 12_000), (2, 4)):
        while other.ingest.refused["pen_full"] < times:
            topic = topics.utterance(device, f"{index // MESSAGES:032x}", "segment")
            other.take([(topic, index.to_bytes(4, "big").ljust(length))])
            index += 1


def test_a_flood_under_one_topic_takes_no_room_from_the_reordered_of_another(other, voice, stranger):
    flood(other, stranger.device)
    spoken = voice.say(other.reader, 4)
    other.take(spoken.messages[::-1])
    assert other.completed == [spoken.whose]


def test_who_finds_no_room_is_asked_for_the_begin_and_the_end_and_completes(other, voice):
    flood(other, voice.device)
    spoken = voice.say(other.reader, 4)
    begin, *segments, end = spoken.messages
    asked = acks(other, other.take([*segments, end]))
    assert [(ack["state"], ack["begin"], ack["end"]) for ack in asked] == [("missing", True, True)]
    [again] = acks(other, other.take([begin, end]))
    assert again["missing"] == [[0, 3]]
    other.take(segments)
    assert other.completed == [spoken.whose]


def test_the_pen_has_its_room_again_whoever_stops_taking_out(now):
    pen = Pen()
    one, two = Whose("device", "one"), Whose("device", "two")
    messages = [Waiting("segment", bytes([index]) * 2**20) for index in range(3)]
    for message in messages:
        pen.add(one, message, now)
    next(iter(pen.release(one)))
    taken = [pen.add(two, message, now) for message in messages]
    assert taken == [True] * 3
