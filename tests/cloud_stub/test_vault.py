"""What the vault promises: ciphertext at rest, one audited door, and that forgotten is gone."""

import os
import random
import sqlite3
from datetime import timedelta

import pytest

from cloud_stub.database import Database
from cloud_stub.door import Words
from cloud_stub.errors import KeyFileError, NotKept, StorageError
from cloud_stub.pieces import BEGIN, END, SCHEMA, drop, get, put, replace
from cloud_stub.pieces import WORDS as WORDS_PIECE
from cloud_stub.vault import Vault
from cloud_stub.whose import Whose
from cloud_stub.wrapping import VaultKey
from device.envelope import Begin
from device.ledger import leaf_hash, root_of

FIRST, SECOND = Whose("device", "first"), Whose("device", "second")
WORDS = Words("play the beatles", "music", "Playing The Beatles.")


def on_disk(directory):
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())


def kept(other, voice, **said):
    spoken = voice.say(other.reader, **said)
    other.take(spoken.messages)
    other.vault.put_words(spoken.whose, WORDS)
    return spoken


def vault_folder(other):
    return other.config.storage.vault


def test_the_door_gives_what_was_said_heard_and_answered(other, voice, now):
    spoken = kept(other, voice)
    recording = other.vault.open(spoken.whose, "rita", "review task 7", now)
    assert recording.pcm == spoken.pcm
    assert (recording.heard, recording.intent, recording.answer) == tuple(
        getattr(WORDS, name) for name in ("heard", "intent", "answer")
    )
    assert recording.header == Begin.parse(spoken.begin).header


def test_passing_the_door_writes_who_why_and_when_and_its_head_proves_it(other, voice, now):
    spoken = kept(other, voice)
    empty = other.vault.access_head()
    other.vault.open(spoken.whose, "rita", "review task 7", now)
    other.vault.open(spoken.whose, "machine", "answer", now + timedelta(seconds=1))
    rows = other.vault.accesses(voice.device)
    assert [(row.index, row.did, row.who, row.why, row.when) for row in rows] == [
        (0, "open", "rita", "review task 7", "2026-11-23T08:00:00.000000Z"),
        (1, "open", "machine", "answer", "2026-11-23T08:00:01.000000Z"),
    ]
    assert other.vault.accesses("somebody else") == []
    with sqlite3.connect(vault_folder(other) / "vault.sqlite") as sql:
        leaves = [leaf_hash(row) for (row,) in sql.execute("SELECT row FROM access ORDER BY idx")]
    sql.close()
    head = other.vault.access_head()
    assert (empty.size, head.size, head.root) == (0, 2, root_of(leaves))


def test_an_opening_that_fails_is_written_down_all_the_same(other, voice, now):
    spoken = kept(other, voice)
    with sqlite3.connect(vault_folder(other) / "vault.sqlite", isolation_level=None) as sql:
        sql.execute("UPDATE piece SET content = zeroblob(length(content)) WHERE name = 1")
    sql.close()
    with pytest.raises(StorageError, match="altered; restore"):
        other.vault.open(spoken.whose, "rita", "curiosity", now)
    assert [row.who for row in other.vault.accesses()] == ["rita"]


def test_what_cannot_be_written_down_is_not_opened(other, voice, now):
    spoken = kept(other, voice)
    with sqlite3.connect(vault_folder(other) / "vault.sqlite", isolation_level=None) as sql:
        sql.execute("CREATE TRIGGER no BEFORE INSERT ON access BEGIN SELECT RAISE(ABORT, 'full'); END")
    sql.close()
    with pytest.raises(StorageError):
        other.vault.open(spoken.whose, "rita", "review", now)


@pytest.mark.parametrize("name", [WORDS_PIECE, 1])
def test_what_was_altered_at_rest_does_not_open(other, voice, now, name):
    spoken = kept(other, voice)
    with sqlite3.connect(vault_folder(other) / "vault.sqlite", isolation_level=None) as sql:
        [held] = sql.execute("SELECT content FROM piece WHERE name = ?", (name,)).fetchone()
        altered = held[:-1] + bytes([held[-1] ^ 1])
        sql.execute("UPDATE piece SET content = ? WHERE name = ?", (altered, name))
    sql.close()
    with pytest.raises(StorageError, match="altered; restore"):
        other.vault.open(spoken.whose, "rita", "review", now)


@pytest.mark.parametrize(("who", "why"), [("", "review"), ("rita", " ")])
def test_nobody_passes_the_door_without_a_name_and_a_reason(other, voice, now, who, why):
    spoken = kept(other, voice)
    with pytest.raises(ValueError, match="nobody or no reason"):
        other.vault.open(spoken.whose, who, why, now)


def test_nothing_at_rest_is_in_the_clear(other, voice):
    spoken = kept(other, voice)
    disk = on_disk(vault_folder(other))
    assert spoken.segments[0] in disk
    for secret in (spoken.data_key, spoken.pcm[:32], b"beatles", b"Beatles"):
        assert secret not in disk


def test_words_are_sealed_under_a_key_of_the_recording_itself(other, voice, now):
    spoken = kept(other, voice)
    other.vault.put_words(spoken.whose, Words("again", "none", ""), nonce=bytes(12))
    again = on_disk(vault_folder(other))
    other.vault.put_words(spoken.whose, Words("again", "none", ""), nonce=bytes(12))
    assert other.vault.open(spoken.whose, "rita", "review", now).heard == "again"
    assert b'"again"' not in again


def test_what_people_said_of_it_and_may_hear_is_sealed_read_at_the_door_and_goes_with_it(other, voice, now):
    spoken, folder = kept(other, voice), vault_folder(other)
    for text in ("first thoughts", "plays the beatles"):
        other.vault.add_note(spoken.whose, "reviewer", text)
    other.vault.add_note(spoken.whose, "adjudicator", "agreed")
    other.vault.put_prepared(spoken.whose, b"bleep" * 500)
    disk = on_disk(folder)
    assert not [word for word in (b"thoughts", b"plays the", b"agreed", b"bleepbleep") if word in disk]
    said = other.vault.read(spoken.whose, "reviewer:r", "task 7", now)
    assert said == (WORDS, {"reviewer": "plays the beatles", "adjudicator": "agreed"})
    assert other.vault.open_prepared(spoken.whose, "reviewer:r", "task 7", now) == b"bleep" * 500
    assert other.vault.identify(spoken.whose, "officer:o", "asked by the police", now) == voice.device
    assert [row.did for row in other.vault.accesses()] == ["read", "open", "identify"]
    other.vault.forget(spoken.whose, "owner", "asked for it", now)
    for late in (other.vault.read, other.vault.open_prepared, other.vault.identify):
        with pytest.raises(NotKept):
            late(spoken.whose, "reviewer:r", "task 7", now)
    with pytest.raises(NotKept):
        other.vault.add_note(spoken.whose, "reviewer", "too late")
    assert len(other.vault.accesses()) == 4  # nothing was opened, so nothing was written but the deletion


def test_nothing_prepared_is_not_kept_and_leaves_no_row(other, voice, now):
    spoken = kept(other, voice)
    with pytest.raises(NotKept):
        other.vault.open_prepared(spoken.whose, "reviewer:r", "task 7", now)
    assert other.vault.accesses() == []


def test_forgotten_is_gone_from_every_file(other, voice, now):
    spoken, stays = kept(other, voice), kept(other, voice)
    with sqlite3.connect(vault_folder(other) / "vault.sqlite") as sql:
        query = "SELECT name, content FROM piece WHERE utterance = ?"
        secrets = dict(sql.execute(query, (spoken.utterance,)).fetchall())
    sql.close()
    assert len(secrets) == len(spoken.messages) + 2  # the wrapped key, and the words
    assert all(secret[-40:] in on_disk(vault_folder(other)) for secret in secrets.values())

    other.vault.forget(spoken.whose, "owner", "asked for it", now)

    disk = on_disk(vault_folder(other))
    random_part = {
        BEGIN: -160,
        END: -64,
    }  # wraps, commitment and signatures; the rest names what was forgotten
    traces = [secret[random_part.get(name, 0) :] for name, secret in secrets.items()]
    assert not [at for trace in traces for at in range(0, len(trace) - 11, 4) if trace[at : at + 12] in disk]
    assert stays.segments[0] in disk
    held = other.vault.find(spoken.whose)
    assert (held.state, held.header, held.whose.device) == ("forgotten", None, voice.device)
    assert [(row.did, row.who, row.why) for row in other.vault.accesses()] == [
        ("forget", "owner", "asked for it")
    ]
    with pytest.raises(NotKept):
        other.vault.open(spoken.whose, "rita", "review", now)
    assert other.vault.open(stays.whose, "rita", "review", now).pcm == stays.pcm


@pytest.mark.parametrize("seed", range(4))
def test_no_history_of_writing_leaves_a_trace_of_what_was_deleted(tmp_path, seed):
    """SQLite moves cells between pages and does not zero where they were: that is what the padding is for."""
    chance, database = random.Random(seed), Database(tmp_path / "v.sqlite", SCHEMA, 1)
    live: dict[tuple[Whose, int], bytes] = {}
    gone: list[bytes] = []
    for _ in range(100):
        utterance = Whose("device", f"{chance.randrange(12):02}")
        with database.write() as sql:
            if chance.random() < 0.3:
                drop(sql, utterance)
                gone += [live.pop(key) for key in list(live) if key[0] == utterance]
            for name in chance.sample(range(-4, 8), 3):
                content = chance.randbytes(chance.choice([40, 90, 300, 600, 900]))
                replace(sql, utterance, name, content)
                gone.append(live.get((utterance, name), content))
                live[utterance, name] = content
    database.shred_log()
    database.close()
    disk = on_disk(tmp_path)
    assert all(content in disk for content in live.values())
    dead = [content for content in gone if content not in live.values()]
    assert not [content for content in dead if content[:12] in disk or content[-12:] in disk]


def test_nothing_is_added_to_what_was_forgotten_meanwhile(other, voice, now):
    spoken = voice.say(other.reader)
    other.take(spoken.messages[:2])
    other.vault.forget(spoken.whose, "owner", "asked for it", now)
    assert other.vault.put_segment(spoken.whose, 1, spoken.segments[1], now) == "same"
    assert other.vault.put_end(spoken.whose, spoken.end, now) == "same"
    assert spoken.segments[1] not in on_disk(vault_folder(other))
    assert other.vault.find(spoken.whose).state == "forgotten"


def test_forgetting_says_so_when_another_program_keeps_the_log_alive(other, voice, now):
    spoken = kept(other, voice)
    reader = sqlite3.connect(vault_folder(other) / "vault.sqlite", isolation_level=None)
    other.vault._database._sql.execute("PRAGMA busy_timeout=0")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM piece").fetchone()
    with pytest.raises(StorageError, match="stop its other readers"):
        other.vault.forget(spoken.whose, "owner", "asked for it", now)
    reader.close()
    other.vault.forget(spoken.whose, "owner", "asked for it", now)
    assert spoken.segments[0] not in on_disk(vault_folder(other))


def test_forgetting_what_never_was_is_refused(other, voice, now):
    with pytest.raises(NotKept, match="choose one that is listed"):
        other.vault.forget(Whose(voice.device, "0" * 32), "owner", "mistake", now)


def test_a_truncated_recording_is_silent_where_it_has_gaps(other, voice, now):
    spoken = voice.say(other.reader, 4)
    other.take([spoken.messages[0], spoken.messages[1], spoken.messages[3]])
    pcm = other.vault.open(spoken.whose, "rita", "review", now).pcm
    assert pcm == spoken.pcm[:2560] + bytes(2560) + spoken.pcm[5120:7680]


def test_a_vault_opens_again_with_everything_in_it(other, voice, now):
    spoken = kept(other, voice)
    other.vault.close()
    again = Vault(vault_folder(other))
    assert [held.whose for held in again.utterances()] == [spoken.whose]
    assert again.open(spoken.whose, "rita", "review", now).heard == WORDS.heard
    again.close()


def test_a_file_that_is_no_database_is_left_untouched_and_named(tmp_path):
    (tmp_path / "vault.sqlite").write_bytes(b"what is this" * 500)
    with pytest.raises(StorageError, match=r"vault\.sqlite: .*restore it from a backup") as caught:
        Vault(tmp_path)
    assert caught.value.exit_code == 6
    assert "\n" not in str(caught.value)
    assert (tmp_path / "vault.sqlite").read_bytes() == b"what is this" * 500


def test_a_damaged_database_is_left_untouched_and_named(other, voice):
    for _ in range(5):
        kept(other, voice)
    other.vault.close()
    path = vault_folder(other) / "vault.sqlite"
    damaged = bytearray(path.read_bytes())
    for page in range(1, 12):
        damaged[page * 4096 : page * 4096 + 64] = os.urandom(64)
    path.write_bytes(damaged)
    with pytest.raises(StorageError, match=r"vault\.sqlite: .*restore it from a backup"):
        Vault(vault_folder(other))
    assert path.read_bytes() == damaged


def test_a_full_disk_is_one_line_and_what_was_kept_stays(tmp_path):
    database = Database(tmp_path / "v.sqlite", SCHEMA, 1)
    with database.write() as sql:
        put(sql, FIRST, 0, b"kept")
        sql.execute("PRAGMA max_page_count = 12")
    with pytest.raises(StorageError, match="full; make room") as caught, database.write() as sql:
        put(sql, SECOND, 0, bytes(200_000))
    assert caught.value.exit_code == 6
    with database.write() as sql:
        assert (get(sql, FIRST, 0), get(sql, SECOND, 0)) == (b"kept", None)
    database.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_under_the_vault_is_one_line_and_what_was_kept_stays(other, voice, now, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if os.system(f"mount -t tmpfs -o size=300k none {small} 2>/dev/null"):
        pytest.skip("this root may not mount")
    try:
        vault = Vault(small)
        first = voice.say(other.reader, 1)
        _store(vault, first, now)
        with pytest.raises(StorageError, match="make room on the disk") as caught:
            _store(vault, voice.say(other.reader, 300), now)
        assert "\n" not in str(caught.value)
        assert vault.messages(first.whose)[1] == {0: first.segments[0]}
        vault.close()
    finally:
        os.system(f"umount {small}")


def _store(vault, spoken, now):
    vault.put_begin(Begin.parse(spoken.begin), spoken.begin, spoken.data_key, now)
    for index, segment in enumerate(spoken.segments):
        vault.put_segment(spoken.whose, index, segment, now)


def test_a_vault_key_that_others_can_read_is_refused(tmp_path):
    VaultKey(tmp_path / "vault.key")
    (tmp_path / "vault.key").chmod(0o640)
    with pytest.raises(KeyFileError, match="run: chmod 600") as caught:
        VaultKey(tmp_path / "vault.key")
    assert caught.value.exit_code == 5


def test_a_vault_key_that_is_cut_short_is_refused(tmp_path):
    VaultKey(tmp_path / "vault.key")
    (tmp_path / "vault.key").write_bytes(bytes(31))
    with pytest.raises(KeyFileError, match="not a vault key; restore it"):
        VaultKey(tmp_path / "vault.key")


def test_another_vault_key_opens_nothing_and_says_so(other, voice, now):
    spoken = kept(other, voice)
    other.vault.close()
    (vault_folder(other) / "vault.key").unlink()
    again = Vault(vault_folder(other))
    with pytest.raises(KeyFileError, match="not the key of this vault"):
        again.open(spoken.whose, "rita", "review", now)
    again.close()
