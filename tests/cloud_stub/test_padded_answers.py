"""Cover is answered like the rest and never opened or kept; answers can be padded, too."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_stub.cloud import Cloud
from cloud_stub.response import Responses
from device.envelope import Begin, EnvelopeError, downlink, open_once

NOBODY = ("127.0.0.1", 1)


class Said(msgspec.Struct):
    heard: str = "some words"
    intent: str = "none"
    text: str = "An answer."
    actions: tuple[dict[str, object], ...] = ()
    pcm: bytes = bytes(range(250)) * 200


class Mind:
    """Answers everything with one answer, and counts what it was given."""

    def __init__(self, said: Said | None = None) -> None:
        self.said = said or Said()
        self.heard: list[bytes] = []

    def answer(self, pcm: bytes) -> Said:
        self.heard.append(pcm)
        return self.said


class Mouth(Cloud):
    """A cloud without a link: what it would publish is here."""

    published: list[bytes]

    def _publish(self, message, **_):
        self.published.append(message.payload)


@pytest.fixture
def cloud(config, now):
    made = Mouth(config, NOBODY, Mind(), clock=lambda: now)
    made.published = []
    yield made
    made.stop()


@pytest.fixture
def config(other):
    other.vault.close()
    return other.config


def hear(cloud, spoken, now):
    """What arrives is acknowledged, and answered."""
    acks = [ack for message in spoken.messages for ack in cloud.ingest.take(*message, now)]
    cloud.answer(spoken.whose)
    return acks


def plain_of(voice, head, message, keys):
    """An answer, opened: its record, and its sound; and how long both are together."""
    body, sealed = downlink.open("response", message, keys.signer.public_key())
    assert body["utterance"] == head.utterance
    plain = open_once(sealed, voice.reply, b"overheard/v1/response\0" + head.utterance.encode())
    length = int.from_bytes(plain[:4], "big")
    return msgspec.json.decode(plain[4 : 4 + length]), plain[4 + length :], len(plain)


def test_cover_is_acknowledged_and_answered_with_silence_as_long_as_another_answer(cloud, voice, other, now):
    spoken = [voice.say(other.reader) for _ in range(40)]
    for each in spoken:
        hear(cloud, each, now)
    usual = {len(message) for message in cloud.published}
    assert len(usual) == 1
    cloud.published.clear()
    cover = voice.say(other.reader, 25, cover=True)
    (ack,) = hear(cloud, cover, now)
    body, _ = downlink.open("ack", ack.payload, cloud.keys.signer.public_key())
    assert (body["utterance"], body["state"]) == (cover.utterance, "complete")
    (answer,) = cloud.published
    assert {len(answer)} == usual
    said, pcm, _ = plain_of(voice, Begin.parse(cover.begin).header, answer, cloud.keys)
    assert (said["actions"], said["text"].strip()) == ([], "")
    assert pcm == bytes(len(pcm))
    assert len(pcm) > 40_000


@pytest.mark.parametrize("save", [False, True])
def test_cover_is_not_heard_opened_or_kept_whatever_its_consent_says(cloud, voice, other, now, save):
    cover = voice.say(other.reader, 25, cover=True, save=save)
    hear(cloud, cover, now)
    assert cloud._mind.heard == []
    assert cloud.vault.find(cover.whose).state == "forgotten"
    assert [(row.did, row.who) for row in cloud.vault.accesses()] == [("forget", "machine")]
    spoken = voice.say(other.reader, save=save)
    hear(cloud, spoken, now)
    assert cloud._mind.heard == [spoken.pcm]
    assert cloud.vault.find(spoken.whose).state == ("complete" if save else "forgotten")


def test_cover_that_was_cut_short_is_not_kept_either(cloud, voice, other, now):
    cover = voice.say(other.reader, 25, cover=True)
    for message in cover.messages[:-1]:
        cloud.ingest.take(*message, now)
    cloud.ingest.expire(now + timedelta(minutes=2))
    assert cloud.vault.find(cover.whose).state == "truncated"
    cloud.ingest.expire(now + timedelta(hours=3))
    assert cloud.vault.find(cover.whose).state == "forgotten"


def test_delete_what_i_said_means_what_was_said_and_not_the_cover_since(cloud, voice, other, now):
    said, cover, asks = (voice.say(other.reader, cover=which) for which in (False, True, False))
    for spoken in (said, cover):
        hear(cloud, spoken, now)
    assert cloud.vault.find(said.whose).state == "complete"
    cloud._mind.said.intent = "delete_last"
    hear(cloud, asks, now)
    assert [cloud.vault.find(each.whose).state for each in (said, cover, asks)] == ["forgotten"] * 3


def header(voice, other):
    return Begin.parse(voice.say(other.reader).begin).header


texts = st.text(st.characters(codec="utf-8"), max_size=40)


@settings(deadline=None, max_examples=60)
@given(text=texts, samples=st.integers(1, 60_000), pad_s=st.sampled_from([0.5, 2.0]))
def test_padded_answers_have_few_lengths_and_the_same_sound(lasting_other, voice, text, samples, pad_s):
    keys, head, pcm = lasting_other.keys, header(voice, lasting_other), b"\1\2" * samples
    answer = Responses(keys.signer, pad_s).answer(head, Said(text=text, pcm=pcm))
    said, sound, length = plain_of(voice, head, answer.payload, keys)
    assert length % round(32_000 * pad_s) == 0
    assert len(sound) % 2 == 0, "whole samples, or the device refuses it"
    assert said["text"].rstrip(" ") == text.rstrip(" ")
    assert sound == pcm + bytes(len(sound) - len(pcm))
    assert len(sound) - len(pcm) < 32_000 * pad_s


@pytest.mark.parametrize(("pad_s", "pcm"), [(0.0, b"\1\2"), (2.0, b"")])
def test_an_answer_without_a_voice_or_without_padding_is_as_long_as_it_is(other, voice, pad_s, pcm):
    head = header(voice, other)
    answer = Responses(other.keys.signer, pad_s).answer(head, Said(pcm=pcm))
    assert plain_of(voice, head, answer.payload, other.keys)[1] == pcm


def test_no_padding_makes_an_answer_longer_than_a_device_plays(other, voice):
    head, longest = header(voice, other), 30 * 32_000
    answer = Responses(other.keys.signer, 20.0).answer(head, Said(pcm=bytes(longest - 4_000)))
    assert len(plain_of(voice, head, answer.payload, other.keys)[1]) == longest


@pytest.mark.parametrize("size", [0, 40, 300, 301])
def test_silence_is_as_long_as_answers_without_a_voice_are(other, voice, size):
    head, responses = header(voice, other), Responses(other.keys.signer, 0.0)
    for _ in range(40):
        message = responses.answer(head, Said(text="a" * size, pcm=b""))
    assert len(responses.silence(head).payload) == len(message.payload)


def test_who_cannot_be_answered_is_an_error_and_not_silence_in_the_clear(other, voice):
    head = msgspec.structs.replace(header(voice, other), reply="x25519:" + "A" * 43 + "=")
    with pytest.raises(EnvelopeError):
        Responses(other.keys.signer, 0.0).silence(head)
