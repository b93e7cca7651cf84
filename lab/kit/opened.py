"""What the speakers of a test sent, opened with a key of the test's own. It guesses at nothing."""

from collections.abc import Iterable
from typing import NamedTuple

from device.envelope import Begin, EnvelopeError, Gap, ReaderKey, open_utterance, topics
from lab.kit.broker import MockBroker
from lab.kit.record import Passed


class Opened(NamedTuple):
    """One utterance that was sent, repetitions removed. pcm: None unless it is whole and opens; it is silent
    in its `gaps`, which the microphone lost.
    """

    id: str
    device: str
    trigger: str
    reason: str
    segments: int
    pcm: bytes | None
    gaps: tuple[Gap, ...] = ()


def opened(broker: MockBroker, key: ReaderKey | None) -> dict[str, Opened]:
    """Every utterance that speakers published at `broker`, by id, in the order they began."""
    found: dict[str, list[Passed]] = {}
    for message in broker.published(topics.UP_FILTER):
        topic = topics.parse(message.topic)
        if topic is not None and topic.utterance is not None:
            found.setdefault(topic.utterance, []).append(message)
    return {name: _opened(name, messages, key) for name, messages in found.items()}


def _opened(name: str, messages: list[Passed], key: ReaderKey | None) -> Opened:
    begin = next(iter(_parts(messages, "begin")), b"")
    segments = sorted(_parts(messages, "segment"))
    end = next(iter(_parts(messages, "end")), b"")
    device = messages[0].client
    try:
        parsed = Begin.parse(begin)
    except EnvelopeError:
        return Opened(name, device, "", "", len(segments), None)
    trigger = parsed.header.trigger.kind
    try:
        reason = parsed.end(end, segments).reason
        whole = open_utterance(begin, segments, end, key) if key is not None else None
    except EnvelopeError:
        return Opened(name, device, trigger, "", len(segments), None)
    pcm, gaps = (whole.pcm, whole.gaps) if whole is not None else (None, ())
    return Opened(name, device, trigger, reason, len(segments), pcm, gaps)


def _parts(messages: Iterable[Passed], kind: str) -> dict[bytes, None]:
    return dict.fromkeys(each.payload for each in messages if each.topic.endswith(f"/{kind}"))
