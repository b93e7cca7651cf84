"""One protocol, two implementations: what holds for a folder holds for a bucket, with or without versions."""

import socket
import threading

import pytest

from cloud_stub.blobs import Bucket, Folder, open_blobs
from cloud_stub.config import StorageSection
from cloud_stub.errors import ConfigError, NotTaken, StorageError
from tests.s3 import store

KINDS = ("folder", "bucket", "versions")


@pytest.fixture(scope="module")
def s3():
    with store() as made:
        yield made


@pytest.fixture
def blobs(request, tmp_path, s3):
    if request.param == "folder":
        return Folder(tmp_path / "blobs")
    return s3.bucket(tmp_path.name.replace("_", "-"), versions=request.param == "versions")


@pytest.mark.parametrize("blobs", KINDS, indirect=True)
def test_what_was_put_is_there_and_what_is_put_again_is_there_once(blobs):
    blobs.put("one", b"sound")
    blobs.put("one", b"sound")
    blobs.put("two", b"other")
    assert (blobs.get("one"), blobs.get("two"), blobs.get("three")) == (b"sound", b"other", None)


@pytest.mark.parametrize("blobs", KINDS, indirect=True)
def test_what_was_removed_is_not_and_twice_is_harmless(blobs):
    blobs.put("one", b"sound")
    blobs.put("one-more", b"stays")  # the same beginning
    blobs.remove("one")
    blobs.remove("one")
    assert (blobs.get("one"), blobs.get("one-more")) == (None, b"stays")


def test_in_a_bucket_of_versions_every_one_of_them_goes(s3):
    blobs = s3.bucket("of-versions", versions=True)
    blobs.put("one", b"sound")
    blobs.put("one", b"sound again")
    s3.s3.delete_object(Bucket="of-versions", Key="sound/one")  # leaves a mark, and both
    assert len(s3.everything("of-versions")) == 3
    blobs.remove("one")
    assert s3.everything("of-versions") == {}


def test_a_folder_is_nobody_elses_and_a_draft_goes_as_well(tmp_path):
    blobs = Folder(tmp_path / "blobs")
    blobs.put("one", b"sound")
    (tmp_path / "blobs" / "one.new").write_bytes(b"sou")
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "blobs", tmp_path / "blobs" / "one")]
    assert modes == [0o700, 0o600]
    blobs.remove("one")
    assert list((tmp_path / "blobs").iterdir()) == []


def test_what_is_removed_from_a_folder_is_written_over(tmp_path):
    """A name of our own keeps the file after it was unlinked."""
    blobs = Folder(tmp_path / "blobs")
    blobs.put("one", b"sound")
    (tmp_path / "kept").hardlink_to(tmp_path / "blobs" / "one")
    blobs.remove("one")
    assert (tmp_path / "kept").read_bytes() == bytes(5)


def test_a_store_that_is_gone_is_one_line():
    with store() as made:
        blobs = made.bucket("gone")
        made.unplug()
        for call in (lambda: blobs.put("one", b""), lambda: blobs.get("one"), lambda: blobs.remove("one")):
            with pytest.raises(StorageError, match=r"check \[storage\] blobs") as caught:
                call()
            assert "\n" not in str(caught.value)


def test_of_what_was_refused_or_reached_nobody_it_is_certain_that_nothing_is_there(s3):
    with pytest.raises(NotTaken, match="NoSuchBucket"):
        Bucket("nowhere", "", s3.endpoint).put("one", b"sound")
    with store() as made:
        blobs = made.bucket("gone")
        made.unplug()
        with pytest.raises(NotTaken, match="Could not connect"):
            blobs.put("one", b"sound")


def test_of_what_was_sent_and_never_answered_it_is_not():
    """A store that hangs up after it has read everything may have kept it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def read_and_hang_up():
            with server.accept()[0] as caller:
                caller.recv(65536)

        hanging_up = threading.Thread(target=read_and_hang_up)
        hanging_up.start()
        blobs = Bucket("any", "", f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(StorageError) as caught:
            blobs.put("one", b"sound")
        hanging_up.join(20)
    assert not isinstance(caught.value, NotTaken)


def test_a_region_that_is_none_is_not_blamed_on_the_endpoint(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "a b")
    with pytest.raises(StorageError, match="region"):
        Bucket("any", "", "http://localhost")


def test_a_bucket_that_is_not_there_is_an_error_and_not_an_absent_blob(s3):
    with pytest.raises(StorageError, match="NoSuchBucket"):
        Bucket("nowhere", "", s3.endpoint).get("one")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    blobs = Folder(tmp_path / "blobs")
    (tmp_path / "blobs" / "one").mkdir()
    with pytest.raises(StorageError, match="check the folder"):
        blobs.put("one", b"sound")


def storage(tmp_path, blobs, endpoint=""):
    return StorageSection(str(tmp_path), "", blobs, endpoint)


def test_settings_say_which(tmp_path, s3):
    assert open_blobs(storage(tmp_path, "")) is None
    (tmp_path / "vault").mkdir()
    assert isinstance(open_blobs(storage(tmp_path, "file")), Folder)
    s3.bucket("by-settings")
    bucket = open_blobs(storage(tmp_path, "s3://by-settings/deep/down", s3.endpoint))
    bucket.put("one", b"sound")
    assert [key for key, _ in s3.everything("by-settings")] == ["deep/down/one"]


@pytest.mark.parametrize(
    ("blobs", "endpoint"),
    [
        ("folder", ""),
        ("s3://", ""),
        ("s3://[", ""),
        ("https://host/bucket", ""),
        ("s3://key:secret@bucket", ""),
        ("s3://bucket", "http://key:secret@host"),
        ("s3://bucket", "host:9000"),
        ("s3://bucket", "localhost/x"),
        ("s3://bucket", "http://a b"),
        ("s3://bucket", "https:///nohost"),
        ("s3://bucket", "http://["),
    ],
)
def test_a_setting_that_is_none_is_refused_and_a_secret_is(tmp_path, blobs, endpoint):
    with pytest.raises(ConfigError, match=r"\[storage\]") as caught:
        open_blobs(storage(tmp_path, blobs, endpoint))
    assert "secret" not in str(caught.value)
