"""The vault with its ciphertext in a real Postgres: the same promises, and nothing there that opens
anything.
"""

from datetime import timedelta

import pytest

from cloud_stub.door import Words
from cloud_stub.errors import ConfigError, NotKept, StorageError
from cloud_stub.ingest import Ingest
from cloud_stub.keys import Keys
from cloud_stub.shelf import open_shelf
from cloud_stub.vault import Vault
from tests.cloud_stub.conftest import NOW, settings
from tests.postgres import installed, postgres

pytestmark = [
    pytest.mark.skipif(not installed(), reason="postgresql is not installed, or this is not root"),
    pytest.mark.xdist_group("postgres"),
]
WORDS = Words("play the beatles", "music", "Playing The Beatles.")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with postgres(tmp_path_factory.mktemp("postgres")) as (url, data):
        yield url, data


class There:
    """A vault in that server, its keys and its ingest."""

    def __init__(self, directory, url):
        self.config = settings(directory)
        self.keys = Keys(self.config.storage.keys, self.config.keys)
        self.vault = Vault(self.config.storage.vault, url)
        self.ingest = Ingest(self.vault, self.keys, self.config.ingest)
        self.reader = self.keys.epoch(NOW).key.public

    def keep(self, voice, **said):
        spoken = voice.say(self.reader, **said)
        answers = self.ingest.take_all(spoken.messages, NOW)
        assert len(answers) == 1
        self.vault.put_words(spoken.whose, WORDS)
        return spoken


@pytest.fixture
def there(tmp_path, server):
    made = There(tmp_path / "cloud", server[0])
    yield made
    made.vault.close()


def rows(there, query="SELECT count(*) FROM piece"):
    return there.vault._shelf._ask(query)[0][0]


def test_what_was_said_comes_back_and_stood_in_the_server(there, voice, now):
    before = rows(there)
    spoken = there.keep(voice)
    recording = there.vault.open(spoken.whose, "rita", "review", now)
    assert (recording.pcm, recording.heard) == (spoken.pcm, WORDS.heard)
    assert rows(there) == before + 3 + 1 + 1  # segments, end, words: neither begin nor key
    own = (there.config.storage.vault / "vault.sqlite").read_bytes()
    assert (spoken.segments[0] in own) is False


def test_notes_and_what_was_prepared_go_with_the_recording(there, voice, now):
    spoken = there.keep(voice)
    there.vault.add_note(spoken.whose, "reviewer", "call me")
    there.vault.put_prepared(spoken.whose, b"sound")
    assert there.vault.read(spoken.whose, "r", "w", now).notes == {"reviewer": "call me"}
    assert there.vault.open_prepared(spoken.whose, "r", "w", now) == b"sound"
    before = rows(there)
    there.vault.forget(spoken.whose, "owner", "asked for it", now)
    assert rows(there) == before - 7
    with pytest.raises(NotKept):
        there.vault.open(spoken.whose, "r", "w", now)


def test_repeated_altered_and_late_messages_mean_the_same_as_in_a_file(there, voice):
    spoken = voice.say(there.reader)
    begin, *segments, end = spoken.messages
    there.ingest.take_all([*segments, end], NOW)
    there.ingest.take_all([begin, *segments], NOW)
    assert there.vault.state(spoken.whose) == "complete"
    there.ingest.take_all(spoken.messages, NOW)
    assert there.ingest.taken["duplicate"] == 3 + 5
    other = (segments[0][0], segments[1][1][:-1] + b"x")
    there.ingest.take_all([other], NOW)
    assert there.ingest.refused["altered"] == 1


def test_what_fails_in_the_server_is_undone_in_the_file(there, voice):
    spoken = voice.say(there.reader)
    with there.vault._shelf._sql.cursor() as cursor:
        cursor.execute("ALTER TABLE piece ADD CONSTRAINT no CHECK (name < 1) NOT VALID")
    there.vault._shelf.commit()
    with pytest.raises(StorageError, match="check the server"):
        there.ingest.take_all(spoken.messages, NOW)
    assert there.vault.state(spoken.whose) is None  # nothing was taken
    with there.vault._shelf._sql.cursor() as cursor:
        cursor.execute("ALTER TABLE piece DROP CONSTRAINT no")
    there.vault._shelf.commit()
    there.ingest.take_all(spoken.messages, NOW)
    assert there.vault.state(spoken.whose) == "complete"


def test_a_piece_that_the_server_still_has_of_what_was_deleted_is_named(there, voice):
    gone, stays = there.keep(voice), there.keep(voice)
    there.vault.forget(gone.whose, "owner", "asked for it", NOW)
    assert there.vault.left_behind() == []
    with there.vault._shelf._sql.cursor() as cursor:
        cursor.execute("INSERT INTO piece VALUES (%s, %s, 0, 'noise by now')", gone.whose)
    there.vault._shelf.commit()
    assert there.vault.left_behind() == [gone.whose]
    assert there.vault.state(stays.whose) == "complete"


def test_a_server_that_is_gone_is_one_line(tmp_path):
    with pytest.raises(StorageError, match="check the server") as caught:
        Vault(tmp_path, "postgresql://postgres@127.0.0.1:1/nothing")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://a@b/c", "postgresql://me:secret@host/name", "vault.sqlite"])
def test_a_setting_that_is_none_is_refused_and_a_password_is(url):
    with pytest.raises(ConfigError, match=r"~/\.pgpass"):
        open_shelf(url)


def test_in_the_servers_files_nothing_is_in_the_clear_and_nothing_opens_what_was_deleted(tmp_path, voice):
    """Every byte of every file, of the server and of ours, after both have stopped."""
    with postgres(tmp_path / "server") as (url, data):
        there = There(tmp_path / "cloud", url)
        gone, stays = there.keep(voice), there.keep(voice)
        there.vault.add_note(gone.whose, "reviewer", "very unlikely words of somebody")
        wrapped = there.vault._shelf.get(there.vault._database._sql, gone.whose, -3)
        there.vault.forget(gone.whose, "owner", "asked for it", NOW + timedelta(hours=1))
        there.vault.close()
    files = [path for folder in (data, tmp_path / "cloud") for path in folder.rglob("*") if path.is_file()]
    everything = b"".join(path.read_bytes() for path in files)
    secrets = [gone.pcm[:64], gone.data_key, wrapped, b"beatles", b"very unlikely words", stays.pcm[:64]]
    assert [secret in everything for secret in secrets] == [False] * len(secrets)
    # the search finds what is there, and a server keeps what it deletes: that is why no key ever comes to it
    assert [each.segments[0][100:600] in everything for each in (stays, gone)] == [True, True]
