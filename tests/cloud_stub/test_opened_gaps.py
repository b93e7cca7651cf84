"""What the microphone lost, as whoever opens a recording sees it."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from device.envelope import Begin, Gap
from device.envelope.layout import SegmentKeys

LOST = {0: [Gap(100, 20), Gap(1000, 280)], 1: [Gap(0, 1280)], 2: [Gap(0, 1), Gap(7, 2)]}


def test_whoever_passes_the_door_sees_where_samples_were_lost(other, voice, now):
    spoken = voice.say(other.reader, 4, gaps=LOST)
    other.take(spoken.messages)
    recording = other.vault.open(spoken.whose, "rita", "review", now)
    assert recording.gaps == (Gap(100, 20), Gap(1000, 1561), Gap(2567, 2))
    assert recording.pcm == spoken.pcm
    for gap in recording.gaps:
        assert not any(recording.pcm[2 * gap.first : 2 * gap.end])


def test_a_recording_that_lost_nothing_has_no_gap(other, voice, now):
    spoken = voice.say(other.reader, 4)
    other.take(spoken.messages)
    assert other.vault.open(spoken.whose, "rita", "review", now).gaps == ()


@pytest.mark.parametrize(
    ("come", "gaps"),
    [
        ([0, 1, 2], (Gap(100, 20), Gap(1000, 1561), Gap(2567, 2))),
        ([0, 2], (Gap(100, 20), Gap(1000, 1561), Gap(2567, 2))),
        ([1, 3], (Gap(0, 3840),)),
        ([3], (Gap(0, 3840),)),
    ],
)
def test_without_an_end_the_gaps_of_what_came_are_known_and_what_did_not_come_is_one(
    other, voice, now, come, gaps
):
    spoken = voice.say(other.reader, 4, gaps=LOST)
    begin, *segments, _ = spoken.messages
    other.take([begin, *(segments[index] for index in come)])
    recording = other.vault.open(spoken.whose, "rita", "review", now)
    assert recording.gaps == gaps
    assert other.vault.state(spoken.whose) == "arriving"


def test_a_segment_that_claims_a_gap_over_sound_is_refused_and_not_kept(other, voice):
    """Its device sealed it: the key and the place are right."""
    spoken = voice.say(other.reader, 3)
    other.take([spoken.messages[0]])
    keys = SegmentKeys.derive(spoken.data_key, Begin.parse(spoken.begin).header_hash)
    claim = (1280).to_bytes(2, "big") + bytes.fromhex("00050002").ljust(16, b"\0")
    plain = claim + spoken.pcm[:2560]
    sealed = bytes(4) + ChaCha20Poly1305(keys.key).encrypt(keys.nonce(0), plain, None)
    assert other.take([(spoken.topic("segment"), sealed)]) == []
    assert other.ingest.refused == {"segment": 1}
    assert other.ingest.security_events == 1
