"""The speaker, home and cloud of the kit: what their verbs do, and what each fault does to the firmware."""

import sys
from pathlib import Path

import pytest

from device.envelope import open_utterance, topics
from hardware.sound import FileSound
from lab.kit.broker import MockBroker
from lab.kit.cloud import StubCloud
from lab.kit.errors import KitError, NotSeen
from lab.kit.faults import Way
from lab.kit.home import SOUNDS, Home
from lab.kit.keys import IngestKeys
from lab.kit.publish import publish
from lab.kit.speaker import SimSpeaker

QUICK = pytest.mark.overheard(speaker={"uplink": {"ask_again_s": 1.0}}, patience_s=2.0)


def segments(broker: MockBroker, way: Way = "up") -> list[bytes]:
    return [each.payload for each in broker.published("+/+/+/up/utterance/+/segment", way=way)]


def ask(home: Home, speaker: SimSpeaker) -> None:
    """Press and ask the time."""
    speaker.tap()
    assert speaker.phase == "listening"
    home.say("time.flac")


# -- verbs -----------------------------------------------------------------------------------------


def test_a_word_is_heard_and_answered(
    speaker: SimSpeaker, home: Home, broker: MockBroker, cloud: StubCloud
) -> None:
    home.until("online")
    home.say("alexa_time.flac")
    home.until("idle")
    (heard,) = cloud.utterances()
    assert (heard.device, heard.trigger, heard.reason) == (speaker.device, "wake_word", "silence")
    assert (heard.heard, heard.state) == ("what time is it", "forgotten")
    assert heard.answer
    assert heard.pcm
    assert speaker.waiting == []
    assert [row.kind for row in speaker.ledger].count("segment") == len(segments(broker))
    assert broker.connected(speaker.device)


def test_tap_hold_and_a_hand_that_stays(speaker: SimSpeaker, home: Home, cloud: StubCloud) -> None:
    home.until("online")
    speaker.tap()
    assert (speaker.phase, speaker.light) == ("listening", "listening")
    speaker.tap()
    assert speaker.phase == "idle"
    speaker.hold(1.0)
    with speaker.held():
        home.say("time.flac")
        assert speaker.phase == "listening"
    home.until("acknowledged")
    assert [(u.trigger, u.reason) for u in cloud.utterances()] == [
        ("button_tap", "cancelled"), ("button_hold", "released"), ("button_hold", "released"),
    ]  # fmt: skip


def test_the_switch_survives_a_restart(speaker: SimSpeaker, home: Home, broker: MockBroker) -> None:
    home.until("online")
    speaker.mute()
    assert (speaker.phase, speaker.light) == ("muted", "muted")
    for power_cut in (False, True):
        speaker.restart(power_cut=power_cut)
        assert speaker.phase == "muted"
    home.say("alexa_time.flac")
    speaker.unmute()
    assert speaker.phase == "idle"
    assert segments(broker) == []


def test_time_is_counted_in_samples_and_over_restarts(speaker: SimSpeaker, home: Home) -> None:
    home.quiet(2.0)
    speaker.restart()
    home.quiet(1.0)
    assert (home.now_s, speaker.now) == (3.0, 48_000)


def test_an_orderly_restart_says_goodbye_and_a_power_cut_does_not(
    speaker: SimSpeaker, home: Home, broker: MockBroker
) -> None:
    def goodbyes() -> int:
        mine = [each for each in broker.packets if each.client == speaker.device and each.way == "up"]
        return [each.kind for each in mine].count("DISCONNECT")

    def states() -> list[bytes]:
        return [each.payload for each in broker.published(topics.status(speaker.device))]

    home.until("online")
    speaker.restart()
    assert goodbyes() == 1
    assert b'"offline"' in states()[-1]
    home.until("online")
    rows, said = len(speaker.ledger), len(states())
    speaker.restart(power_cut=True)
    assert speaker.ledger[rows].kind == "boot"
    home.until("online")
    assert goodbyes() == 1
    assert [b'"online"' in each for each in states()[said:]] == [True]


def test_what_a_power_cut_left_without_an_end_still_arrives(
    speaker: SimSpeaker, home: Home, broker: MockBroker, cloud: StubCloud
) -> None:
    home.until("online")
    speaker.tap()
    home.quiet(1.0)
    before = len(segments(broker))
    speaker.restart(power_cut=True)
    assert before > 5
    assert {each.kind for each in speaker.waiting} == {"begin", "segment"}
    assert [row.cause for row in speaker.ledger if row.kind == "dropped"] == ["power_lost"]
    home.until("online")
    assert [(u.state, u.reason) for u in cloud.utterances()] == [("arriving", "")]


def test_a_command_comes_from_the_cloud(speaker: SimSpeaker, home: Home, cloud: StubCloud) -> None:
    home.until("online")
    cloud.command("mute")
    home.until("muted", within_s=1)
    assert speaker.light == "muted_soft"


def test_a_cloud_that_is_away_gets_it_later(speaker: SimSpeaker, home: Home, cloud: StubCloud) -> None:
    home.until("online")
    cloud.stop()
    ask(home, speaker)
    home.quiet(3.0)
    assert speaker.waiting
    cloud.start()
    home.until("acknowledged")
    assert [u.heard for u in cloud.utterances()] == ["what time is it"]


def test_speech_from_across_the_room(speaker: SimSpeaker, home: Home, cloud: StubCloud) -> None:
    pytest.importorskip("pyroomacoustics", reason="rooms are the extra `study`")
    home.until("online")
    home.say("alexa.flac", distance_m=2)
    assert speaker.phase == "listening"
    home.until("idle")
    (heard,) = cloud.utterances()
    assert heard.trigger == "wake_word"


def test_a_distance_without_its_extra_names_the_extra(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from hardware.errors import NotInstalled
    from hardware.room import responses

    responses._library.cache_clear()
    monkeypatch.setitem(sys.modules, "pyroomacoustics", None)
    with pytest.raises(NotInstalled, match=r"scripts/setup .venv study"):
        home.say("alexa.flac", distance_m=2)
    responses._library.cache_clear()


def test_asking_for_what_is_not_there_says_what_is(home: Home, tmp_path: Path) -> None:
    with pytest.raises(KitError, match=r"nosuch.flac: no such file, nor a sound that ships; .*alexa.flac"):
        home.say("nosuch.flac")
    with pytest.raises(KitError, match=r"until 'bored': no such condition; one of idle, .*acknowledged"):
        home.until("bored")
    with pytest.raises(
        NotSeen, match=r"listening did not come within 1 s; the speaker is idle, \w+, messages waiting: 0"
    ):
        home.until("listening", within_s=1)
    mine = tmp_path / "mine.flac"
    mine.write_bytes((SOUNDS / "time.flac").read_bytes())
    before_s = home.now_s
    home.say(mine)
    assert home.now_s - before_s == pytest.approx(FileSound(mine).samples / 16_000, abs=0.02)


# -- faults ----------------------------------------------------------------------------------------


def complete(home: Home, cloud: StubCloud, speaker: SimSpeaker) -> bytes:
    """Let it be acknowledged, and return what the cloud has of it."""
    home.until("acknowledged", within_s=120)
    (heard,) = cloud.utterances()
    assert heard.state in {"complete", "forgotten"}
    assert speaker.waiting == []
    assert heard.pcm
    return heard.pcm


@pytest.mark.parametrize("kill", [None, False, True], ids=["cut", "restart", "kill"])
def test_a_line_that_breaks_in_the_middle_is_made_good(
    speaker: SimSpeaker, home: Home, broker: MockBroker, cloud: StubCloud, kill: bool | None
) -> None:
    home.until("online")
    speaker.tap()
    home.quiet(0.3)
    if kill is None:
        broker.cut()
    else:
        broker.restart(kill=kill)
    home.say("time.flac")
    complete(home, cloud, speaker)
    assert [link["up"] for link in speaker.said("link")] == [True, False, True]


@QUICK
@pytest.mark.parametrize("within", [None, 0, 1, 500])
def test_a_cut_at_a_packet_comes_where_it_was_asked_for(
    speaker: SimSpeaker, home: Home, broker: MockBroker, cloud: StubCloud, within: int | None
) -> None:
    home.until("online")
    if within is None:
        broker.cut(after_publishes=7)
    else:
        broker.cut(within_publish=7, after_bytes=within)
    ask(home, speaker)
    complete(home, cloud, speaker)
    seventh = broker.published("+/+/+/up/utterance/#")[6]
    assert sum(each.payload == seventh.payload for each in broker.published()) == 2, "it was sent again"
    again = [row.cause for row in speaker.ledger if row.kind == "segment" and row.cause == "again"]
    assert again == ["again"]


@QUICK
@pytest.mark.parametrize("fault", ["duplicate", "reorder", "drop_acks", "corrupt", "delay"])
def test_what_happens_to_packets_loses_nothing(
    speaker: SimSpeaker, home: Home, broker: MockBroker, cloud: StubCloud, fault: str
) -> None:
    home.until("online")
    {
        "duplicate": lambda: broker.duplicate(3),
        "reorder": lambda: broker.reorder(pairs=6),
        "drop_acks": broker.drop_acks,
        "corrupt": lambda: broker.corrupt(4),
        "delay": lambda: broker.delay(300),
    }[fault]()
    ask(home, speaker)
    complete(home, cloud, speaker)
    taken, refused = cloud.counts
    matters = {
        "duplicate": taken["duplicate"] > 10,
        "reorder": segments(broker, "down") != segments(broker),
        "drop_acks": not broker.confirms,
        "corrupt": sum(refused.values()) >= 3,
        "delay": len(segments(broker)) > 10,
    }
    assert matters[fault], (taken, refused)


@QUICK
@pytest.mark.parametrize("fault", ["refuse", "silence", "down"])
def test_what_cannot_leave_waits(
    speaker: SimSpeaker, home: Home, broker: MockBroker, cloud: StubCloud, fault: str
) -> None:
    home.until("online")
    {"refuse": broker.refuse, "silence": broker.silence, "down": broker.down}[fault]()
    broker.cut()
    home.until("offline")
    ask(home, speaker)
    home.quiet(2.0)
    assert {each.kind for each in speaker.waiting} == {"begin", "segment", "end"}
    assert cloud.utterances() == []
    broker.clear()
    if fault == "down":
        broker.up()
    home.until("online")
    complete(home, cloud, speaker)


@QUICK
def test_a_damaged_acknowledgement_is_not_believed(
    speaker: SimSpeaker, home: Home, broker: MockBroker, cloud: StubCloud
) -> None:
    home.until("online")
    broker.corrupt(2, way="down")
    ask(home, speaker)
    complete(home, cloud, speaker)
    assert speaker.refused.get("not_in_order", 0) >= 1


@QUICK
def test_nonsense_from_the_broker_ends_a_connection_and_no_more(
    speaker: SimSpeaker, home: Home, broker: MockBroker, cloud: StubCloud
) -> None:
    home.until("online")
    speaker.tap()
    broker.malformed()
    home.say("time.flac")
    complete(home, cloud, speaker)
    assert [link["up"] for link in speaker.said("link")] == [True, False, True]


# -- an ingest of one's own ------------------------------------------------------------------------


def test_the_keys_of_an_ingest_open_what_is_sent_and_sign_what_is_believed(
    speaker: SimSpeaker, home: Home, broker: MockBroker, ingest_keys: IngestKeys
) -> None:
    home.until("online")
    ask(home, speaker)
    home.quiet(3.0)
    (end,) = broker.published("+/+/+/up/utterance/+/end")
    (begin,) = broker.published("+/+/+/up/utterance/+/begin")
    whole = open_utterance(begin.payload, segments(broker), end.payload, ingest_keys.reader)
    assert whole.end.reason == "silence"
    assert speaker.waiting
    name = whole.header.utterance
    ask_for = ingest_keys.missing(speaker.device, name, [[2, 4]])
    speaker.hear_from(ask_for.topic, lambda: publish(broker.port, *ask_for, retain=False))
    home.quiet(0.1)
    assert [row.segment for row in speaker.ledger if row.cause == "missing"] == [2, 3, 4]
    done = ingest_keys.complete(speaker.device, name)
    speaker.hear_from(done.topic, lambda: publish(broker.port, *done, retain=False))
    home.until("acknowledged", within_s=1)
