"""What is sealed to a reader key outside its time is refused; what waited and was sealed anew is not."""

from datetime import timedelta

import pytest

from cloud_stub.ingest import CLOCKS, LONGEST_WAIT
from device.envelope import downlink
from tests.cloud_stub.conftest import NOW

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
OVER = NOW + DAY
IN_TIME = {
    "the first moment": NOW,
    "the last moment": OVER - SECOND,
    "a clock that was set between two looks at it": OVER + CLOCKS - SECOND,
    "sealed anew after a day": NOW - DAY,
    "sealed anew after the longest wait": NOW - LONGEST_WAIT,
}
NOT_IN_TIME = {
    "a key that is over": OVER + CLOCKS,
    "a key of last year": NOW + 365 * DAY,
    "longer than anything waits": NOW - LONGEST_WAIT - CLOCKS - SECOND,
    "a clock that never was set": NOW.replace(year=1970),
}


def said(voice, other, when, decimals=""):
    utc = when.strftime(f"%Y-%m-%dT%H:%M:%S{decimals}Z")
    return voice.say(other.reader, utc=utc)


@pytest.mark.parametrize("when", IN_TIME.values(), ids=IN_TIME)
@pytest.mark.parametrize("decimals", ["", ".0", ".000001", ".99999"])
def test_what_was_spoken_in_the_time_of_its_reader_key_is_taken(other, voice, when, decimals):
    spoken = said(voice, other, when, decimals)
    other.take(spoken.messages)
    assert other.completed == [spoken.whose]
    assert not other.ingest.refused


@pytest.mark.parametrize("when", NOT_IN_TIME.values(), ids=NOT_IN_TIME)
def test_what_was_spoken_outside_the_time_of_its_reader_key_is_refused_and_counted(other, voice, when):
    spoken = said(voice, other, when)
    other.take(spoken.messages)
    assert other.completed == []
    assert other.vault.find(spoken.whose) is None
    assert other.ingest.refused == {"out_of_epoch": 1}
    assert other.ingest.security_events == 1


def test_it_is_asked_about_only_when_its_device_asks(other, voice):
    """The device asks ever more rarely, and until its outbox is full or the utterance too old."""
    spoken = said(voice, other, OVER + DAY)
    *rest, end = spoken.messages
    begin = rest[0]
    public = other.keys.signer.public_key()
    assert other.take(rest) == []
    [(_, payload)] = other.take([end])
    assert downlink.open("ack", payload, public)[0]["begin"] is True
    assert other.take([begin]) == []
    late = NOW + DAY
    assert other.ingest.expire(late) == []
    assert other.ingest.refused["begin_never_came"] == len(spoken.segments) + 1
