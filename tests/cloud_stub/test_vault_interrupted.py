"""The vault when somebody is quicker, when the power goes, and where it cannot be."""

import os
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from cloud_stub.door import Words
from cloud_stub.errors import KeyFileError, NotKept, StorageError
from cloud_stub.keys import Keys
from cloud_stub.pieces import DATA_KEY
from cloud_stub.pieces import WORDS as WORDS_PIECE
from cloud_stub.vault import Vault
from tests.cloud_stub.clocks import Running

WORDS = Words("play the beatles", "music", "Playing The Beatles.")


def on_disk(directory):
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())


def vault_folder(other):
    return other.config.storage.vault


def piece(other, spoken, name):
    with sqlite3.connect(vault_folder(other) / "vault.sqlite") as sql:
        query = "SELECT content FROM piece WHERE utterance = ? AND name = ?"
        [content] = sql.execute(query, (spoken.utterance, name)).fetchone()
    sql.close()
    return content


def test_a_kill_between_the_deletion_and_its_shredding_is_made_good_at_the_next_start(other, voice, now):
    spoken = voice.say(other.reader)
    other.take(spoken.messages)
    wrapped = piece(other, spoken, DATA_KEY)
    if (child := os.fork()) == 0:
        vault = Vault(vault_folder(other))
        vault._database.shred_log = lambda: os._exit(9)
        vault.forget(spoken.whose, "owner", "asked for it", now)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert wrapped in on_disk(vault_folder(other))
    Vault(vault_folder(other)).close()
    disk = on_disk(vault_folder(other))
    assert wrapped not in disk
    assert spoken.segments[0] not in disk


def test_what_is_forgotten_never_becomes_complete(other, voice, now):
    spoken = voice.say(other.reader)
    other.take(spoken.messages[:-1])
    other.vault.forget(spoken.whose, "owner", "test", now)
    with pytest.raises(NotKept):
        other.vault.complete(spoken.whose, now)
    assert other.vault.find(spoken.whose).state == "forgotten"


def test_words_are_sealed_and_kept_in_one_transaction_so_that_none_outlive_their_key(other, voice):
    spoken = voice.say(other.reader)
    other.take(spoken.messages)
    said: list[str] = []
    other.vault._database._sql.set_trace_callback(said.append)
    other.vault.put_words(spoken.whose, WORDS)
    assert said[0].startswith("BEGIN")
    assert [each for each in said if each.startswith(("BEGIN", "COMMIT"))] == [said[0], said[-1]]
    assert any(f"name = {DATA_KEY}" in each for each in said)


def test_words_of_another_recording_do_not_open(other, voice, now):
    first, second = voice.say(other.reader), voice.say(other.reader)
    for spoken in (first, second):
        other.take(spoken.messages)
        other.vault.put_words(spoken.whose, WORDS)
    with sqlite3.connect(vault_folder(other) / "vault.sqlite", isolation_level=None) as sql:
        sql.execute(
            "UPDATE piece SET content = ? WHERE utterance = ? AND name = ?",
            (piece(other, first, WORDS_PIECE), second.utterance, WORDS_PIECE),
        )
    sql.close()
    assert other.vault.open(first.whose, "rita", "review", now).heard == WORDS.heard
    with pytest.raises(StorageError, match="altered; restore"):
        other.vault.open(second.whose, "rita", "review", now)


def test_words_that_were_cut_short_at_rest_do_not_open(other, voice, now):
    spoken = voice.say(other.reader)
    other.take(spoken.messages)
    other.vault.put_words(spoken.whose, WORDS)
    with sqlite3.connect(vault_folder(other) / "vault.sqlite", isolation_level=None) as sql:
        sql.execute("UPDATE piece SET content = x'01' WHERE name = ?", (WORDS_PIECE,))
    sql.close()
    with pytest.raises(StorageError, match="altered; restore"):
        other.vault.open(spoken.whose, "rita", "review", now)


def test_a_vault_where_none_can_be_is_one_line(tmp_path: Path):
    (tmp_path / "vault.sqlite").mkdir()
    with pytest.raises(StorageError, match="the cloud must own this file") as caught:
        Vault(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_clock_set_back_makes_one_key_and_stays_with_it(other, now):
    before = now - timedelta(days=3)
    made = {other.keys.epoch(before + timedelta(seconds=second)).key.public.id for second in range(5)}
    assert len(made) == 1
    assert len(list(other.config.storage.keys.glob("reader-*.key"))) == 2


def test_a_key_that_another_program_made_meanwhile_opens_what_was_sealed_to_it(other, voice, now):
    later = now + timedelta(hours=23, minutes=30)
    handed_out = Keys(other.config.storage.keys, other.config.keys).epoch(later).key.public
    other.keys.epoch(later)
    spoken = voice.say(handed_out)
    other.take(spoken.messages, later)
    assert other.completed == [spoken.whose]


def test_a_key_that_cannot_be_destroyed_is_an_error_of_one_line(other, now):
    running = Running()
    keys = Keys(other.config.storage.keys, other.config.keys, running)
    keys.epoch(now)
    [path] = other.config.storage.keys.glob("reader-*.key")
    path.unlink()
    path.mkdir()
    running.days(8)
    with pytest.raises(KeyFileError, match="the cloud must own this directory") as caught:
        keys.reader(other.reader.id, now + timedelta(days=8))
    assert "\n" not in str(caught.value)
    path.rmdir()
    assert Keys(other.config.storage.keys, other.config.keys).reader(other.reader.id, now) is None
