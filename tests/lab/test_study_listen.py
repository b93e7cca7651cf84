"""After a wake the study listens as long as the firmware would, and no longer."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from device.config import load
from device.vad import Vad
from device.wakeword import Opinion, Wake
from hardware.board import FRAME_BYTES, FRAME_SAMPLES, RATE_HZ
from lab.hear import pieces
from lab.study.listen import Listener, Proposal, frames, open_patient

WAKE = Path(__file__).parents[1] / "audio" / "wake"
ENDPOINT = load(None).endpoint


class Scripted:
    """Ears that say what the script says, when its sample has come."""

    def __init__(self, *script: Wake | Opinion) -> None:
        self._script = {said.sample: said for said in script}
        self.heard = 0
        self.resets = 0

    def hear(self, pcm: bytes, end: int) -> Wake | Opinion | None:
        assert len(pcm) == FRAME_BYTES
        assert end == self.heard + FRAME_SAMPLES
        self.heard = end
        return self._script.get(end)

    def reset(self) -> None:
        self.heard = 0
        self.resets += 1


def wake(at_s: float, word: str = "alexa") -> Wake:
    return Wake(word, 0.9, round(at_s * RATE_HZ), "00")


def opinion(of: Wake, accepted: bool, after_s: float = 0.24) -> Opinion:
    return Opinion(of, 0.7, of.sample + round(after_s * RATE_HZ), accepted, 0.5)


def speech(seconds: float) -> bytes:
    """Something that the judge of speech takes for speech, frame by frame."""
    spoken: bytes = soundfile.read(WAKE / "none.flac", dtype="int16")[0].tobytes()
    vad = Vad(ENDPOINT.vad)
    spoken = b"".join(frame for frame in frames([spoken]) if vad.is_speech(frame))
    return (spoken * 10)[: round(seconds * RATE_HZ) * 2]


def silence(seconds: float) -> bytes:
    return bytes(round(seconds * RATE_HZ) * 2)


def hear(pcm: bytes, *script: Wake | Opinion, keep: bool = False) -> list[Proposal]:
    return list(Listener(Scripted(*script), ENDPOINT, keep=keep).hear([pcm]))


def test_an_utterance_ends_with_the_silence_after_it() -> None:
    first = wake(1.0)
    pcm = silence(1) + speech(2) + silence(5)
    (heard,) = hear(pcm, first, opinion(first, accepted=True))
    assert heard.accepted
    assert heard.first_sample == RATE_HZ
    assert heard.samples / RATE_HZ == pytest.approx(2 + ENDPOINT.silence_s, abs=0.15)


def test_without_speech_it_gives_up() -> None:
    first = wake(1.0)
    (heard,) = hear(silence(10), first, opinion(first, accepted=True))
    assert heard.samples == ENDPOINT.no_speech_s * RATE_HZ


def test_whoever_talks_on_is_cut_off() -> None:
    first = wake(1.0)
    (heard,) = hear(speech(20), first, opinion(first, accepted=True))
    assert heard.samples == ENDPOINT.maximum_s * RATE_HZ


def test_after_a_file_comes_silence_until_the_utterance_is_over() -> None:
    first = wake(1.0)
    (heard,) = hear(silence(1) + speech(1), first, opinion(first, accepted=True))
    assert heard.samples / RATE_HZ == pytest.approx(1 + ENDPOINT.silence_s, abs=0.15)


def test_a_rejected_wake_sends_nothing_and_the_next_one_counts() -> None:
    first, second = wake(1.0), wake(1.5)
    script = first, opinion(first, accepted=False), second, opinion(second, accepted=True)
    rejected, accepted = hear(speech(3), *script, keep=True)
    assert (rejected.accepted, rejected.samples, rejected.pcm) == (False, 0, b"")
    assert rejected.opinion == script[1]
    assert (accepted.accepted, accepted.wake) == (True, second)


def test_a_wake_during_a_capture_does_not_count_nor_what_is_said_of_it() -> None:
    first, during, after = wake(1.0), wake(3.0, "hey_jarvis"), wake(12.0)
    script: list[Wake | Opinion] = [
        first,
        opinion(first, accepted=True),
        during,
        opinion(during, accepted=False),
        after,
    ]
    heard = hear(speech(25), *script)
    assert [each.wake for each in heard] == [first, after]
    assert [each.samples for each in heard] == [10 * RATE_HZ] * 2


def test_what_the_second_ear_was_not_asked_stands() -> None:
    (heard,) = hear(silence(2), wake(1.0))
    assert heard.opinion is None
    assert heard.accepted


def test_what_is_kept_is_what_would_have_been_sent_and_begins_after_the_wake() -> None:
    first = wake(0.5)
    pcm = speech(20)
    (heard,) = hear(pcm, first, opinion(first, accepted=True), keep=True)
    at = 2 * heard.first_sample
    assert heard.pcm == pcm[at : at + 2 * heard.samples]
    (unkept,) = hear(pcm, first, opinion(first, accepted=True))
    assert unkept.pcm == b""


def test_every_stream_begins_afresh() -> None:
    first = wake(0.5)
    ears = Scripted(first)
    listener = Listener(ears, ENDPOINT)
    assert list(listener.hear([silence(1)])) == list(listener.hear([silence(1)])) != []
    assert ears.resets == 2


def test_a_stream_that_is_left_half_way_leaves_nothing_behind() -> None:
    listener = Listener(Scripted(wake(0.5)), ENDPOINT)

    def torn() -> Iterator[bytes]:
        yield silence(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(listener.hear(torn()))
    (heard,) = listener.hear([silence(1)])
    assert heard.samples == ENDPOINT.no_speech_s * RATE_HZ


@pytest.mark.parametrize("cuts", [(), (2,), (640, 642, 5000), tuple(range(0, 4000, 26))])
def test_frames_do_not_depend_on_how_a_stream_is_cut(cuts: tuple[int, ...]) -> None:
    pcm = np.arange(3333, dtype="<i2").tobytes()
    edges = [0, *cuts, len(pcm)]
    cut = list(frames(pcm[first:end] for first, end in pairwise(edges)))
    assert {len(frame) for frame in cut} == {FRAME_BYTES}
    assert b"".join(cut) == pcm.ljust(len(cut) * FRAME_BYTES, b"\0")


def test_the_real_ears_are_heard_through_it() -> None:
    listener = Listener(open_patient(["alexa"], "balanced"), ENDPOINT)
    (heard,) = (each for each in listener.hear(pieces(WAKE / "alexa.flac")) if each.accepted)
    assert heard.wake.word == "alexa"
    assert 1.5 < heard.wake.sample / RATE_HZ < 3.5
    assert not any(each.accepted for each in listener.hear(pieces(WAKE / "none.flac")))
