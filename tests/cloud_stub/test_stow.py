"""A recording's sound is stowed after it is complete, and leaves when the recording does, whatever happens on
the way.
"""

import time
from contextlib import closing
from datetime import timedelta

import msgspec
import pytest

from cloud_stub.blobs import Bucket, Folder
from cloud_stub.cloud import Cloud
from cloud_stub.door import Words
from cloud_stub.errors import ConfigError, NotKept, NotTaken, OutOfReach, StorageError
from cloud_stub.ingest import Ingest
from cloud_stub.stow import LATER, STAY, name_of
from cloud_stub.vault import Vault
from cloud_stub.wishes import Wish, Wishes
from tests.cloud_stub.conftest import NOW, Other
from tests.postgres import installed, postgres
from tests.s3 import store

SOON = NOW + STAY
WORDS = Words("play the beatles", "music", "Playing The Beatles.")


class Fails:
    """Blobs whose store can be out of reach, before or after it did what it was asked."""

    def __init__(self, blobs):
        self.blobs, self.refuses, self.meanwhile, self.calls = blobs, set(), None, []
        self.where, self.error = blobs.where, StorageError

    def put(self, name, content):
        self._asked("put")
        self.blobs.put(name, content)
        if self.meanwhile is not None:
            self.meanwhile()

    def get(self, name):
        self._asked("get")
        return self.blobs.get(name)

    def remove(self, name):
        self._asked("remove")
        self.blobs.remove(name)

    def _asked(self, what):
        self.calls.append(what)
        if what in self.refuses:
            raise self.error(f"the store: no {what} today; come back tomorrow")


class Stowing:
    """The other end, with blobs in a folder."""

    def __init__(self, directory, url="", blobs=None):
        self.directory, self.url = directory, url
        other = Other(directory)
        other.vault.close()
        self.config, self.keys, self.reader = other.config, other.keys, other.reader
        self.blobs = Fails(blobs or Folder(directory / "blobs"))
        self.open()

    def open(self):
        self.vault = Vault(self.config.storage.vault, self.url, self.blobs)
        self.ingest = Ingest(self.vault, self.keys, self.config.ingest)

    def again(self):
        """As after a stop, or a crash."""
        self.vault.close()
        self.open()

    def keep(self, voice, **said):
        spoken = voice.say(self.reader, **said)
        self.ingest.take_all(spoken.messages, NOW)
        return spoken

    def stowed(self, spoken):
        return self.blobs.blobs.get(name_of(spoken.whose)) is not None

    def in_vault(self, spoken):
        with self.vault._database.read() as sql:
            return self.vault._shelf.count_segments(sql, spoken.whose)

    def sound(self, spoken):
        return self.vault.open(spoken.whose, "rita", "review", SOON).pcm


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not installed():
        pytest.skip("postgresql is not installed, or this is not root")
    with postgres(tmp_path_factory.mktemp("postgres")) as (url, _):
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.xdist_group("postgres"))])
def there(request, tmp_path):
    url = request.getfixturevalue("server") if request.param == "postgres" else ""
    made = Stowing(tmp_path / "cloud", url)
    yield made
    made.vault.close()


def test_sound_is_stowed_once_it_has_stayed_and_comes_back_at_the_door(there, voice):
    spoken = there.keep(voice)
    assert there.vault.stow(SOON - timedelta(seconds=1)) == 0
    assert (there.stowed(spoken), there.in_vault(spoken)) == (False, 3)
    assert there.vault.stow(SOON) == 1
    assert (there.stowed(spoken), there.in_vault(spoken)) == (True, 0)
    assert there.vault.errands() == []
    assert there.sound(spoken) == spoken.pcm
    assert there.vault.messages(spoken.whose) == (
        spoken.begin,
        dict(enumerate(spoken.segments)),
        spoken.end,
    )


def test_what_is_not_to_be_saved_is_never_stowed(there, voice):
    spoken = there.keep(voice, save=False)
    there.vault.stow(SOON)
    assert (there.stowed(spoken), there.vault.errands()) == (False, [])


def test_repeated_and_altered_messages_of_what_is_stowed_mean_the_same_and_ask_no_store(there, voice):
    spoken = there.keep(voice)
    there.vault.stow(SOON)
    there.blobs.calls.clear()
    [ack] = there.ingest.take_all(spoken.messages, SOON)
    assert ack.topic.endswith("/down/ack")
    assert there.ingest.taken["duplicate"] == 5
    there.ingest.take_all([(spoken.topic("segment"), spoken.segments[0][:-1] + b"x")], SOON)
    assert there.ingest.refused["altered"] == 1
    assert there.vault.put_segment(spoken.whose, 1, spoken.segments[1], SOON) == "same"
    assert there.vault.put_segment(spoken.whose, 1, b"another", SOON) == "other"
    assert (there.in_vault(spoken), there.blobs.calls) == (0, [])


def test_a_store_out_of_reach_delays_errands_and_no_acknowledgement(there, voice):
    there.blobs.refuses = {"put", "get", "remove"}
    spoken = voice.say(there.reader)
    assert len(there.ingest.take_all(spoken.messages, NOW)) == 1
    assert there.vault.stow(SOON) == 0
    [errand] = there.vault.errands()
    assert errand == (spoken.whose, False, "the store: no put today; come back tomorrow")
    assert there.sound(spoken) == spoken.pcm
    there.blobs.refuses = set()
    assert there.vault.stow(SOON) == 0  # not asked again at once
    assert there.vault.stow(SOON + LATER) == 1
    assert there.sound(spoken) == spoken.pcm


def test_what_is_forgotten_is_taken_away_however_often_the_store_says_no(there, voice):
    gone, stays = there.keep(voice), there.keep(voice)
    there.vault.stow(SOON)
    there.blobs.refuses = {"remove"}
    there.vault.forget(gone.whose, "owner", "asked for it", SOON)
    assert there.vault.stow(SOON) == 0
    assert there.vault.errands() == [(gone.whose, True, "the store: no remove today; come back tomorrow")]
    there.again()
    there.blobs.refuses = set()
    assert there.vault.stow(SOON + LATER) == 1
    assert (there.stowed(gone), there.stowed(stays), there.vault.errands()) == (False, True, [])
    with pytest.raises(NotKept):
        there.sound(gone)


def test_what_is_forgotten_before_it_was_stowed_is_never_brought(there, voice):
    spoken = there.keep(voice)
    there.vault.forget(spoken.whose, "owner", "asked for it", NOW)
    there.vault.stow(SOON)
    assert (there.blobs.calls, there.vault.errands()) == ([], [])


def test_what_is_forgotten_while_it_is_on_its_way_is_taken_away_again(there, voice):
    spoken = there.keep(voice)
    there.blobs.meanwhile = lambda: there.vault.forget(spoken.whose, "owner", "asked for it", SOON)
    there.vault.stow(SOON)
    assert there.stowed(spoken)
    there.vault.stow(SOON)
    assert (there.stowed(spoken), there.vault.errands()) == (False, [])


def test_what_is_forgotten_while_somebody_opens_it_was_not_kept(there, voice):
    spoken = there.keep(voice)
    there.vault.stow(SOON)

    class Forgets(Folder):
        def get(self, name):
            there.vault.forget(spoken.whose, "owner", "asked for it", SOON)
            self.remove(name)
            return super().get(name)

    there.blobs.blobs = Forgets(there.directory / "blobs")
    with pytest.raises(NotKept):
        there.sound(spoken)


def test_what_is_out_of_reach_is_not_written_down_as_opened(there, voice):
    spoken = there.keep(voice)
    there.vault.stow(SOON)
    there.blobs.refuses = {"get"}
    with pytest.raises(OutOfReach, match="no get today"):
        there.sound(spoken)
    assert there.vault.accesses() == []
    assert there.vault.read(spoken.whose, "rita", "review", SOON).words is None  # words need no store
    there.blobs.refuses = set()
    assert there.sound(spoken) == spoken.pcm
    assert len(there.vault.accesses()) == 2


class Killed(BaseException):
    """As if the power went."""


def kill():
    raise Killed


def test_a_kill_between_the_store_and_the_vault_is_made_good(there, voice):
    spoken = there.keep(voice)
    there.blobs.meanwhile = kill
    with pytest.raises(Killed):
        there.vault.stow(SOON)
    there.blobs.meanwhile = None
    assert (there.stowed(spoken), there.in_vault(spoken)) == (True, 3)
    there.again()
    assert there.sound(spoken) == spoken.pcm
    assert there.vault.stow(SOON) == 1
    assert (there.in_vault(spoken), there.sound(spoken)) == (0, spoken.pcm)


def test_a_kill_after_the_segments_went_and_before_the_errand_did_is_made_good(there, voice):
    """A server is told before the vault's own file is: what it was told stays."""
    spoken = there.keep(voice)
    dropped, commit = there.vault._shelf.drop_segments, there.vault._shelf.commit

    def drop_and_be_killed(sql, whose):
        dropped(sql, whose)
        commit()
        raise Killed

    there.vault._shelf.drop_segments = drop_and_be_killed
    with pytest.raises(Killed):
        there.vault.stow(SOON)
    there.again()
    assert len(there.vault.errands()) == 1
    assert there.sound(spoken) == spoken.pcm
    assert there.vault.stow(SOON) == 1
    assert there.sound(spoken) == spoken.pcm


def test_a_blob_that_was_altered_or_lost_is_an_error_and_no_silence(there, voice):
    spoken = there.keep(voice)
    there.vault.stow(SOON)
    name = name_of(spoken.whose)
    whole = there.blobs.blobs.get(name)
    for content in (whole[:-1], whole[:-1] + b"x", b"", whole[:5]):
        there.blobs.blobs.put(name, content)
        with pytest.raises(StorageError, match="blob is altered; restore it"):
            there.sound(spoken)
    assert there.vault.accesses() == []
    there.blobs.blobs.remove(name)
    with pytest.raises(StorageError, match="blob is not there; restore it"):
        there.sound(spoken)


def test_what_was_complete_before_there_were_blobs_is_stowed_too(other, voice):
    spoken = voice.say(other.reader)
    other.take(spoken.messages)
    other.vault.close()
    folder = Folder(other.config.storage.vault / "blobs")
    with closing(Vault(other.config.storage.vault, "", folder)) as vault:
        assert vault.stow(SOON) == 1
        assert vault.open(spoken.whose, "rita", "review", SOON).pcm == spoken.pcm


def test_blobs_cannot_be_left_out_of_the_settings_while_sound_is_in_them(there, voice):
    spoken = there.keep(voice)
    there.vault.stow(SOON)
    there.vault.close()
    with pytest.raises(ConfigError, match="write what it was before"):
        Vault(there.config.storage.vault, there.url)
    there.open()
    there.vault.forget(spoken.whose, "owner", "asked for it", SOON)
    there.vault.close()
    with pytest.raises(ConfigError, match="write what it was before"):
        Vault(there.config.storage.vault, there.url)  # it still has to be taken away
    there.open()
    there.vault.stow(SOON)
    there.vault.close()
    Vault(there.config.storage.vault, there.url).close()
    there.open()


def test_another_store_is_no_stand_in_for_the_one_that_has_the_sound(there, voice, tmp_path):
    spoken = there.keep(voice)
    there.vault.stow(SOON)
    there.vault.close()
    another = Folder(tmp_path / "another")
    another.where = "s3://another/"
    with pytest.raises(ConfigError, match="write what it was before"):
        Vault(there.config.storage.vault, there.url, another)
    there.open()
    assert there.sound(spoken) == spoken.pcm
    there.vault.forget(spoken.whose, "owner", "asked for it", SOON)
    there.vault.stow(SOON)
    there.vault.close()
    there.blobs = Fails(another)
    there.open()  # nothing is in the first one any more
    spoken = there.keep(voice)
    there.vault.stow(SOON)
    assert there.sound(spoken) == spoken.pcm


def test_while_sound_is_on_its_way_to_a_store_there_is_no_other(there, voice):
    """It may be there already, with nobody back to say so: it would stay there after it was deleted."""
    there.keep(voice)
    there.blobs.meanwhile = kill
    with pytest.raises(Killed):
        there.vault.stow(SOON)
    there.vault.close()
    with pytest.raises(ConfigError, match="write what it was before"):
        Vault(there.config.storage.vault, there.url)
    there.open()


def test_a_store_that_took_nothing_can_be_left_for_another(there, voice, tmp_path):
    """As where its name was mistyped. What was deleted meanwhile is asked of nobody."""
    there.blobs.error, there.blobs.refuses = NotTaken, {"put", "remove"}
    gone, spoken = there.keep(voice), there.keep(voice)
    assert there.vault.stow(SOON) == 0
    there.vault.forget(gone.whose, "owner", "asked for it", SOON)
    assert there.vault.stow(SOON + LATER) == 0
    there.vault.close()
    Vault(there.config.storage.vault, there.url).close()
    another = Folder(tmp_path / "another")
    another.where = "s3://another/"
    there.blobs = Fails(another)
    there.open()
    assert there.vault.stow(SOON + 2 * LATER) == 1
    assert there.blobs.calls == ["put"]
    assert there.sound(spoken) == spoken.pcm


def test_a_store_that_said_no_may_have_taken_it_the_time_before(there, voice):
    spoken = there.keep(voice)
    there.blobs.meanwhile = kill
    with pytest.raises(Killed):
        there.vault.stow(SOON)
    there.blobs.error, there.blobs.refuses = NotTaken, {"put"}
    there.again()
    assert there.vault.stow(SOON) == 0
    there.vault.forget(spoken.whose, "owner", "asked for it", SOON)
    assert there.vault.stow(SOON + LATER) == 1
    assert not there.stowed(spoken)


def test_two_clouds_that_disagree_bring_and_remove_nothing_in_the_wrong_place(there, voice, tmp_path):
    """One was started with other settings before the first had brought anything, or ended."""
    another = Folder(tmp_path / "another")
    another.where = "s3://another/"
    spoken = there.keep(voice)
    with closing(Vault(there.config.storage.vault, there.url, another)) as other:
        assert there.vault.stow(SOON) == 1
        other.forget(spoken.whose, "owner", "asked for it", SOON)
        assert other.stow(SOON) == 0
        [errand] = other.errands()
        assert "its sound may be in file" in errand.said
    assert there.vault.stow(SOON + LATER) == 1
    assert (there.stowed(spoken), there.vault.errands()) == (False, [])


def test_what_was_brought_before_it_was_written_down_where_is_taken_away_all_the_same(there, voice):
    spoken = there.keep(voice)
    there.vault.stow(SOON)
    with there.vault._database.write() as sql:
        sql.execute("DROP TABLE place")
    there.vault.close()
    with pytest.raises(ConfigError, match="write what it was before"):
        Vault(there.config.storage.vault, there.url)
    there.open()
    there.vault.forget(spoken.whose, "owner", "asked for it", SOON)
    assert there.vault.stow(SOON) == 1
    assert not there.stowed(spoken)


def test_a_store_is_told_by_its_address(tmp_path):
    buckets = [
        Bucket("one", "", ""),
        Bucket("two", "", ""),
        Bucket("one", "in", ""),
        Bucket("one", "", "http://s3"),
    ]
    assert len({each.where for each in [Folder(tmp_path / "blobs"), *buckets]}) == 5
    assert Bucket("one", "", "http://s3/").where == buckets[-1].where


def test_a_real_store_that_is_unplugged_and_plugged_in_again_loses_nothing(tmp_path, voice):
    with store() as s3:
        there = Stowing(tmp_path / "cloud", blobs=s3.bucket("outage", versions=True))
        first, second = there.keep(voice), there.keep(voice)
        there.vault.stow(SOON)
        s3.unplug()
        third = there.keep(voice)
        there.vault.forget(first.whose, "owner", "asked for it", SOON)
        assert there.vault.stow(SOON + STAY) == 0
        s3.plug()
        there.vault.stow(SOON + STAY)
        there.vault.stow(SOON + STAY + LATER)
        assert there.vault.errands() == []
        assert {key for key, _ in s3.everything("outage")} == {
            f"sound/{name_of(each.whose)}" for each in (second, third)
        }
        assert [there.sound(each) for each in (second, third)] == [second.pcm, third.pcm]
        there.vault.close()


class Echo:
    """A mind that is never asked."""

    def answer(self, pcm):
        raise AssertionError(pcm)


def wait_for(true):
    """Until something that another thread does has been done."""
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_cloud_runs_errands_by_itself_and_goes_on_while_a_store_is_out_of_reach(tmp_path, voice):
    """Where `[storage] blobs` says, with what the review wants to hear out of reach for a while."""
    other = Other(tmp_path / "cloud")
    spoken, second = (voice.say(other.reader, review=True) for _ in range(2))
    for each in (spoken, second):
        other.take(each.messages)
        other.vault.mark_answered(each.whose)
    other.vault.close()
    replace = msgspec.structs.replace
    storage = replace(other.config.storage, blobs="file")
    review = replace(other.config.review, share=1.0)
    config = replace(other.config, storage=storage, review=review)
    with closing(Wishes(storage.wishes)) as wishes:
        wishes.say(voice.device, Wish("until_deleted", review=True), NOW)
    cloud = Cloud(config, ("127.0.0.1", 1), Echo(), clock=lambda: SOON)
    [blob] = [storage.vault / "blobs" / name_of(spoken.whose)]
    try:
        cloud.start()
        wait_for(lambda: not cloud.vault.errands())
        aside = blob.rename(tmp_path / "aside")
        for at, each in enumerate((spoken, second)):
            cloud.review.drawing.consider(each.whose, SOON + timedelta(seconds=at))
        wait_for(cloud.review.drawing.open_tasks)
        assert {each.whose for each in cloud.review.drawing.open_tasks()} == {second.whose}
        assert {row.utterance for row in cloud.vault.accesses()} == {second.utterance}
        assert cloud.failure is None
        aside.rename(blob)
        wait_for(lambda: not cloud.review.drawing.waits())
        cloud.vault.forget(spoken.whose, "owner", "asked for it", SOON)
        wait_for(lambda: not blob.exists() and not cloud.vault.errands())
        assert cloud.failure is None
    finally:
        cloud.stop()
