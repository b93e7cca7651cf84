"""Deleted is gone with ciphertext in a server and sound in blobs, too: every byte of every store is searched.

A server keeps what it deletes, and so may a store: so the search is for what says or opens anything, with
every key that is left, and in blobs for whatever is still there of it.
"""

from contextlib import ExitStack, nullcontext
from uuid import uuid4

import pytest

from cloud_stub.door import Words
from cloud_stub.pieces import BLOB
from cloud_stub.stow import STAY, name_of
from cloud_stub.whose import Whose
from tests.cloud_stub.conftest import NOW
from tests.cloud_stub.test_deleted_everywhere import files_of, opened, unwrapped
from tests.cloud_stub.test_stow import Stowing
from tests.postgres import installed, postgres
from tests.s3 import store

HEARD, NOTE, PREPARED = "play the beatles to nobody at all", "very unlikely words of somebody", b"bleep" * 20
SOON, LATE = NOW + STAY, NOW + 2 * STAY
STORES = [
    (database, blobs) for database in ("sqlite", "postgres") for blobs in ("folder", "bucket", "versions")
]
real = pytest.mark.parametrize(("database", "blobs"), STORES)
pytestmark = pytest.mark.xdist_group("postgres")


class Lived:
    """Two recordings through everything that keeps something; one is deleted, and everything stopped.

    meanwhile: what is done just before that, to break something.
    """

    def __init__(self, directory, voice, database, blobs, meanwhile=lambda _: None):
        self.files, self.bucket, self.name = [directory / "cloud"], {}, f"cloud-{uuid4()}"
        with ExitStack() as servers:
            s3 = servers.enter_context(store() if blobs != "folder" else nullcontext())
            kept = s3.bucket(self.name, versions=blobs == "versions") if s3 else None
            there = Stowing(directory / "cloud", self._url(servers, directory, database), kept)
            self.stowing = there
            self.gone, self.stays = (self._said(voice) for _ in range(2))
            there.vault.stow(SOON)
            self.pieces = self._pieces(self.gone.whose)
            meanwhile(self)
            there.vault.forget(self.gone.whose, "owner:anna", "asked for it", SOON)
            there.vault.stow(LATE)
            self.still = there.sound(self.stays)
            self.vault_key = (there.config.storage.vault / "vault.key").read_bytes()
            self.readers = [epoch.key for epoch in there.keys._epochs.values()]
            there.vault.close()
            self.bucket = s3.everything(self.name) if s3 else {}

    def _url(self, servers, directory, database):
        if database == "sqlite":
            return ""
        if not installed():
            pytest.skip("postgresql is not installed, or this is not root")
        url, data = servers.enter_context(postgres(directory / "server"))
        self.files.append(data)
        return url

    def _said(self, voice):
        spoken = self.stowing.keep(voice, review=True)
        vault = self.stowing.vault
        vault.put_words(spoken.whose, Words(HEARD, "music", "Playing."))
        vault.add_note(spoken.whose, "reviewer", NOTE)
        vault.put_prepared(spoken.whose, PREPARED)
        return spoken

    def _pieces(self, whose: Whose):
        with self.stowing.vault._database.read() as sql:
            query = "SELECT name, content FROM piece WHERE utterance = ?"
            return dict(sql.execute(query, (whose.utterance,)).fetchall())

    def contents(self):
        """Every file and every version of every object, by a name that says where it is."""
        found = {str(path): each for folder in self.files for path, each in files_of(folder).items()}
        return found | {f"bucket/{key}@{version}": each for (key, version), each in self.bucket.items()}

    def traces(self):
        """What is left of the one that was deleted: where, and what."""
        marks = {"sound": self.gone.pcm[:48], "words": HEARD.encode(), "note": NOTE.encode()}
        marks |= {"prepared": PREPARED, "data key": self.gone.data_key}
        marks |= {f"piece {name}": each[-40:] for name, each in self.pieces.items()}
        found = []
        for where, content in self.contents().items():
            found += [what for what, mark in marks.items() if mark in content]
            found += ["a key"] if self.gone.data_key in self.keys_in(where, content) else []
            found += (
                ["its blob"] if name_of(self.gone.whose) in where or self.in_a_blob(where, content) else []
            )
        return sorted(set(found))

    def keys_in(self, where, content):
        """Every data key that a key of ours opens there. In a server's files, 40 MB, none is looked for
        that is wrapped otherwise than it was here: that one is among the pieces.
        """
        keys = set(opened(content, self.readers))
        return keys if "/server/" in where else keys | set(unwrapped(content, self.vault_key))

    def in_a_blob(self, where, content):
        """Whether ciphertext of it stands in blobs, under whatever name."""
        outside = "bucket/" in where or "/blobs/" in where
        return outside and self.gone.segments[0][-200:] in content


@real
def test_nothing_in_any_store_says_or_opens_what_was_deleted(tmp_path, voice, database, blobs):
    lived = Lived(tmp_path, voice, database, blobs)
    assert lived.still == lived.stays.pcm
    assert BLOB in lived.pieces
    assert lived.traces() == []


def keep_blobs(lived):
    lived.stowing.blobs.blobs.remove = lambda _: None


def mark_only(lived):
    """As whoever forgets that there are versions."""
    s3 = lived.stowing.blobs.blobs._s3
    lived.stowing.blobs.blobs.remove = lambda name: s3.delete_object(Bucket=lived.name, Key=f"sound/{name}")


def copy_blob(lived):
    name = name_of(lived.gone.whose)
    lived.stowing.blobs.blobs.put("copy", lived.stowing.blobs.blobs.get(name))


def keep_pieces(lived):
    """The vault's own file deletes nothing, whatever stands elsewhere."""
    lived.stowing.vault._shelf.drop = lambda _sql, _whose: None


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
@pytest.mark.parametrize(
    ("blobs", "broken", "expected"),
    [
        ("folder", keep_blobs, "its blob"),
        ("folder", copy_blob, "its blob"),
        ("bucket", keep_blobs, "its blob"),
        ("versions", mark_only, "its blob"),
        ("folder", keep_pieces, "a key"),
    ],
)
def test_a_store_whose_deletion_is_disabled_is_found(tmp_path, voice, database, blobs, broken, expected):
    assert expected in Lived(tmp_path, voice, database, blobs, broken).traces()


def test_a_bucket_is_never_handed_what_opens_or_says_anything(tmp_path, voice):
    lived = Lived(tmp_path, voice, "sqlite", "versions")
    secrets = [lived.stays.data_key, lived.stays.pcm[:48], lived.stays.device.encode(), HEARD.encode()]
    secrets += [lived.stays.utterance.encode(), lived.stays.begin[-40:]]
    assert len(lived.bucket) == 1
    for (key, _), content in lived.bucket.items():
        assert [secret in key.encode() + content for secret in secrets] == [False] * len(secrets)
