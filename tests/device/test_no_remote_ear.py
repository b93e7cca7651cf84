"""Promise 3, shouted at: the real firmware as a process, hostile messages, every malformed packet.
`scripts/fuzz_downlink` is the same with a hundred thousand.
"""

from collections import Counter
from pathlib import Path

import pytest

from cloud_stub.broker import find_mosquitto
from device.uplink import Kind
from scripts import fuzz_corpus
from scripts.fuzz_check import GROWTH_KIB, kept_quiet, memory_held
from scripts.fuzz_home import GoneError, Home
from scripts.fuzz_run import Fuzz
from tests.device.wire import CONNECT, Peer, Protocol, make_uplink, news_of, packed

needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")

CORPUS = fuzz_corpus.read()


ROGUE = "tests.device.rogue_firmware"


@needs_mosquitto
def test_whatever_is_shouted_at_it_the_speaker_never_listens_and_works_as_before(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        verdict = Fuzz(home, number=3).run(1000)
    assert verdict.problems == []
    assert verdict.malformed == len(CORPUS)
    taken = {name for name, outcome in verdict.classes.items() if outcome.taken}
    assert taken == {
        "true: stop, volume, checkpoint", "true: acks of what is not there", "true: answers nobody asked for",
        "true: mute", "keys notes",
    }  # fmt: skip
    why = sum((outcome.refused for outcome in verdict.classes.values()), Counter())
    assert set(why) == {"keys", "topic", "retained", "not_in_order", "other_device", "replayed"}


@needs_mosquitto
def test_the_check_finds_firmware_that_obeys_and_firmware_that_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROGUE", "obeys")
    with Home(tmp_path, ROGUE) as home:
        problems = Fuzz(home, number=3).shout(1500)
    for found in [
        "the phase was listening", "it told of: trigger", "rows of trigger", "the light showed listening",
        "it published a message of kind segment", "no hand unmuted it, and it is idle",
        "a frame was read while muted", "the volume rose", "memory grew",
    ]:  # fmt: skip
        assert any(found in problem for problem in problems), (found, problems)


@needs_mosquitto
def test_firmware_that_dies_of_a_message_is_seen_to_be_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROGUE", "dies")
    with (
        Home(tmp_path, ROGUE) as home,
        pytest.raises(GoneError, match="ended by itself with 1: ZeroDivisionError"),
    ):
        Fuzz(home, number=3).shout(1500)


# -- the corpus, packet by packet, in both versions of MQTT ------------------------------------------


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_after_every_malformed_packet_the_uplink_calls_again(protocol: Protocol) -> None:
    peer = Peer()
    uplink = make_uplink(peer.port, protocol)
    uplink.start()
    welcome = packed(0x20, b"\0\0\0" if protocol == "5" else b"\0\0")
    try:
        for entry in CORPUS:
            peer.accept()
            assert peer.read().kind == CONNECT, entry.name
            if entry.when == "standing":
                peer.line.sendall(welcome)
                peer.confirm(peer.read(), 0x90, b"\0\1\1" if protocol == "5" else b"\1\1")
            peer.line.sendall(entry.data)
        peer.accept()
        assert peer.read().kind == CONNECT
        peer.line.sendall(welcome)
        peer.confirm(peer.read(), 0x90, b"\0\1\1" if protocol == "5" else b"\1\1")
        peer.line.sendall(packed(0x30, b"\0\4last" + (b"\0" if protocol == "5" else b"") + b"heard"))
        assert any((news.kind, news.payload) == (Kind.ARRIVED, b"heard") for news in news_of(uplink))
    finally:
        uplink.stop()
        peer.close()


def test_every_entry_of_the_corpus_has_a_name_of_its_own_and_a_reason() -> None:
    assert len({entry.name for entry in CORPUS}) == len(CORPUS) > 80
    assert all(entry.why for entry in CORPUS)
    assert {entry.when for entry in CORPUS} == {"welcome", "standing"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('bytes = "3"', "neither hex nor text"),
        ('bytes = "30 xx"', "neither"),
        ('bytes = ""\nwhen = "now"', "when"),
    ],
)
def test_an_entry_that_cannot_be_read_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "corpus.toml"
    path.write_text(f'[[packet]]\nname = "n"\nwhy = "w"\n{text}\n')
    with pytest.raises(ValueError, match=says):
        fuzz_corpus.read(path)


def test_what_the_check_reads_in_what_a_speaker_says() -> None:
    seen = {"frames": 5, "volume": 0.5}
    muted = {"event": "phase", "phase": "muted", **seen}
    by_hand = [muted, {"event": "hand", "do": "unmute", **seen}, {"event": "phase", "phase": "idle", **seen}]
    assert list(kept_quiet(by_hand)) == []
    assert list(kept_quiet([muted, {"event": "hand", "do": "mute", **seen}, by_hand[2]])) != []
    assert list(kept_quiet([muted, {"event": "light", "cue": "muted", "frames": 6, "volume": 0.5}])) != []
    assert list(kept_quiet([*by_hand, muted, by_hand[2]])) != []  # a hand unmutes once
    assert list(memory_held(1, 1 + GROWTH_KIB)) == []
    assert list(memory_held(1, 2 + GROWTH_KIB)) != []
