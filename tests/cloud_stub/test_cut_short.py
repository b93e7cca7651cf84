"""Utterances whose device lost its power: what the cloud says of one that will never have an end."""

from datetime import timedelta

from device.envelope import downlink


def said(other, replies):
    return [downlink.open("ack", each.payload, other.keys.signer.public_key())[0] for each in replies]


def cut_short(other, voice, now, *segments, save=True):
    """The begin of an utterance of six segments, of which those came and then nothing more."""
    begin, *all_segments, _ = voice.say(other.reader, 6, save=save).messages
    other.take([begin, *(all_segments[index] for index in segments)])
    other.ingest.expire(now + timedelta(seconds=61))
    return begin, all_segments
