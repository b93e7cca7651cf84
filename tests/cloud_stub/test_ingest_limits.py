"""What the ingest never does, whatever a device signs: count to two thousand million, keep a key too long."""

import sqlite3
from datetime import timedelta

import pytest

from cloud_stub.errors import NotKept, StorageError
from cloud_stub.pieces import BEGIN, END
from device.envelope import Begin, topics
from device.envelope.layout import END_DOMAIN, to_json


def end_that_claims(voice, spoken, segments):
    begin = Begin.parse(spoken.begin)
    record = to_json(
        {
            "v": 1,
            "utterance": spoken.utterance,
            "header_hash": begin.header_hash.hex(),
            "segments": segments,
            "sha256": "0" * 64,
            "reason": "silence",
            "checkpoint": "",
        },
        "end",
    )
    return len(record).to_bytes(4, "big") + record + voice.signing.sign(END_DOMAIN + record)


def alter_pieces(other, name):
    with sqlite3.connect(other.config.storage.vault / "vault.sqlite", isolation_level=None) as sql:
        sql.execute("UPDATE piece SET content = zeroblob(length(content)) WHERE name = ?", (name,))
    sql.close()


@pytest.mark.parametrize("segments", [501, 2**20])
def test_an_end_that_promises_more_than_the_ceiling_is_refused(other, voice, segments):
    spoken = voice.say(other.reader, 1)
    other.take(spoken.messages[:1])
    assert other.take([(spoken.topic("end"), end_that_claims(voice, spoken, segments))]) == []
    assert other.ingest.refused == {"end": 1}
    other.take(spoken.messages)
    assert other.completed == [spoken.whose]


def test_an_end_that_promises_exactly_the_ceiling_is_taken(other, voice):
    spoken = voice.say(other.reader, 1)
    other.take(spoken.messages[:1])
    assert len(other.take([(spoken.topic("end"), end_that_claims(voice, spoken, 400))])) == 1
    assert not other.ingest.refused


def test_nothing_is_added_to_what_is_complete_not_even_by_its_device(other, voice, now):
    spoken = voice.say(other.reader, 3)
    longer = voice.say(other.reader, 3)
    other.take(spoken.messages)
    for message in (longer.segments[0], b"", bytes(4)):
        assert other.take([(spoken.topic("segment"), message)]) == []
    assert other.take([(spoken.topic("end"), end_that_claims(voice, spoken, 3))]) == []
    assert other.ingest.refused == {"altered": 4}
    assert other.vault.open(spoken.whose, "test", "compare", now).pcm == spoken.pcm


def test_what_is_complete_opens_at_the_door_alone(other, voice):
    spoken = voice.say(other.reader)
    other.take(spoken.messages[:-1])
    other.vault.opener(spoken.whose)
    other.take(spoken.messages[-1:])
    with pytest.raises(NotKept, match="open it at the door"):
        other.vault.opener(spoken.whose)


def test_no_key_stays_in_memory_of_what_is_complete_cut_short_or_forgotten(other, voice, now):
    complete, forgotten, truncated, arriving = (voice.say(other.reader) for _ in range(4))
    other.take([*complete.messages, *complete.messages])
    other.take(truncated.messages[:2])
    other.ingest.expire(now + timedelta(seconds=61))
    other.take(truncated.messages[:1])  # asked about, so looked up once more
    later = now + timedelta(seconds=62)
    other.take([*arriving.messages[:2], *forgotten.messages[:2]], later)
    other.vault.forget(forgotten.whose, "owner", "test", later)
    other.ingest.expire(later)
    assert list(other.ingest._arriving._under_way) == [arriving.whose]


@pytest.mark.parametrize("name", [BEGIN, END])
def test_a_vault_that_was_altered_is_a_storage_error_of_one_line(other, voice, now, name):
    spoken = voice.say(other.reader, 3)
    other.take([*spoken.messages[:2], spoken.messages[-1]])
    alter_pieces(other, name)
    other.ingest._arriving._under_way.clear()  # as after a restart
    with pytest.raises(StorageError, match="altered; restore the vault") as caught:
        other.ingest.take(*spoken.messages[2], now)
    assert "\n" not in str(caught.value)


def test_what_is_forgotten_while_it_is_marked_cut_short_stops_nothing(other, voice, now):
    spoken, stays = voice.say(other.reader), voice.say(other.reader)
    other.take([*spoken.messages[:2], *stays.messages[:2]])
    vault = other.vault
    mark = vault.mark_truncated

    class Quicker:
        """The vault, whose owner deletes right after the marking."""

        def __getattr__(self, name):
            return getattr(vault, name)

        def mark_truncated(self, before):
            marked = mark(before)
            vault.forget(spoken.whose, "owner", "test", now)
            return marked

    other.ingest._vault = Quicker()
    other.ingest._arriving._under_way.clear()
    [(topic, _)] = other.ingest.expire(now + timedelta(seconds=61))
    assert topic == topics.ack(stays.device)
