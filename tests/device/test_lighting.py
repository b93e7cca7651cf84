"""How bright the lights are at which hour; and what the firmware makes of a panel whose parts are on USB."""

import errno
import time
from collections.abc import Iterator
from datetime import time as clock
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin
from hypothesis import given
from hypothesis import strategies as st

from device.assemble import assemble
from device.config import load
from device.diary import Diary
from device.lighting import is_night
from hardware.board import RATE_HZ
from hardware.earcons import EARCONS, earcon
from hardware.lights import CUES
from hardware.panel import open_panel
from hardware.profiles import FOLDER, load_profile
from hardware.sim import SimBoard
from tests.device.house import NOW, House, recording, s
from tests.hardware.usb_twin import PixelRing, Usb, Xvf3800

NIGHT = '[lights]\nbrightness = 0.8\nnight = "22:00-07:00"\nnight_brightness = 0.1\n'


@pytest.mark.parametrize(
    ("at", "span", "night"),
    [
        ("21:59", "22:00-07:00", False), ("22:00", "22:00-07:00", True), ("23:59", "22:00-07:00", True),
        ("00:00", "22:00-07:00", True), ("06:59", "22:00-07:00", True), ("07:00", "22:00-07:00", False),
        ("12:59", "13:00-15:00", False), ("13:00", "13:00-15:00", True), ("15:00", "13:00-15:00", False),
        ("00:00", "00:00-00:00", False), ("12:00", "", False), ("00:30", "00:00-06:00", True),
    ],
)  # fmt: skip
def test_night_begins_and_ends_to_the_minute_and_may_pass_midnight(at: str, span: str, night: bool) -> None:
    assert is_night(clock.fromisoformat(at), span) is night


@given(begins=st.times(), ends=st.times(), now=st.times())
def test_it_is_night_in_a_span_or_in_the_rest_of_the_day_and_never_in_both(
    begins: clock, ends: clock, now: clock
) -> None:
    one, other = (f"{a:%H:%M}-{b:%H:%M}" for a, b in ((begins, ends), (ends, begins)))
    if f"{begins:%H:%M}" != f"{ends:%H:%M}":
        assert is_night(now, one) is not is_night(now, other)


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine in Greenwich."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def house_at(path: Path, hour: int, minute: int = 0, length_s: float = 3) -> House:
    """A house that was built at noon, as its keys want, and runs at another hour."""
    house = House(path, length_s, NIGHT)
    house.now = NOW.replace(hour=hour, minute=minute)
    return house


@pytest.mark.usefixtures("in_utc")
def test_the_lights_are_as_bright_as_the_hour_wants(tmp_path: Path) -> None:
    seen = {}
    for hour in (12, 23):
        (tmp_path / str(hour)).mkdir()
        house = house_at(tmp_path / str(hour), hour)
        house.at(1, house.board.mute_on)
        house.run()
        seen[hour] = next(rgb for _, cue, rgb in house.board.shown if cue == "muted")
    assert seen == {12: (0.8, 0, 0), 23: (0.1, 0, 0)}


@pytest.mark.usefixtures("in_utc")
def test_night_falls_within_a_minute_and_muted_stays_red(tmp_path: Path) -> None:
    house = house_at(tmp_path, 21, 59, length_s=130)
    house.board.mute_on()

    def later() -> None:
        house.now += timedelta(minutes=1)

    house.at(30, later)
    house.run()
    reds = [(sample, rgb) for sample, cue, rgb in house.board.shown if cue == "muted"]
    assert [rgb for _, rgb in reds] == [(0.8, 0, 0), (0.1, 0, 0)]
    assert s(30) <= reds[1][0] <= s(90) + RATE_HZ


@pytest.mark.usefixtures("in_utc")
def test_the_hour_is_that_of_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XYZ-12")  # twelve hours ahead of Greenwich: noon there is midnight here
    time.tzset()
    house = House(tmp_path, 2, NIGHT)
    assert house.board.panel.brightness == pytest.approx(0.1)
    house.run()


def test_without_a_night_it_is_never_night(tmp_path: Path) -> None:
    house = House(tmp_path, 2)
    house.run()
    assert house.board.panel.brightness == 1


# A panel with parts on USB


class Array:
    """The firmware on a board with the panel of an array on USB, started again and again in one place."""

    def __init__(self, path: Path, profile: str, bus: Usb) -> None:
        House(path, 1).run()  # the settings, and a device that has run before
        self._settings = path / "my.toml"
        self._profile = profile
        self.bus = bus
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.lines: list[str] = []

    def start(self, length_s: float) -> tuple[SimBoard, Any]:
        board = SimBoard(length_samples=s(length_s))
        board.panel.close()
        factory = MockFactory(revision="902120", pin_class=MockPWMPin)
        profile = load_profile(self._profile)
        board.panel = open_panel(profile, factory, usb=self.bus)
        self._button = factory.pin(profile.panel.button)
        if profile.panel.mute is not None:
            factory.pin(profile.panel.mute).drive_low()
            board.panel.edges.clear()
        board.panel.listener = lambda sample, cue, rgb: board.shown.append((sample, cue, rgb))
        diary = Diary(self.lines.append)

        def tell(kind: str, sample: int, /, **fields: object) -> None:
            self.told.append((kind, dict(fields)))
            diary(kind, sample, **fields)

        self._board = board
        return board, assemble(load(self._settings), board, tell, lambda: NOW)

    def tap(self) -> None:
        self.hold(0.1)

    def hold(self, length_s: float) -> None:
        self._button.drive_low()
        self._board.at(self._board.now + s(length_s), self._button.drive_high)


def test_the_button_of_the_array_closes_the_microphone_and_survives_a_power_cut(tmp_path: Path) -> None:
    array = Array(tmp_path, "respeaker-xvf3800", Usb(Xvf3800()))
    board, speaker = array.start(4)

    def press_mute() -> None:
        array.bus.device.press_mute()
        assert array.bus.until(lambda: board.panel.level("mute") is array.bus.device.muted)

    board.at(s(1), press_mute)
    speaker.run()
    assert board.microphone.frames_read == 50
    assert board.shown[-1][1] == "muted"
    array.bus.unplug()
    array.bus.plug()  # the power went: the array has forgotten
    board, speaker = array.start(4)
    assert not board.panel.level("mute")
    board.at(s(1), press_mute)
    board.at(s(2), press_mute)
    speaker.run()
    assert board.microphone.frames_read == pytest.approx(100, abs=4)  # from the hand that unmuted on
    board, speaker = array.start(1)
    speaker.run()
    assert board.microphone.frames_read == 50


@pytest.mark.parametrize("hiccup", ["refuses at the start", "refuses for a while"])
def test_no_hiccup_of_the_array_unmutes_what_is_remembered(tmp_path: Path, hiccup: str) -> None:
    array = Array(tmp_path, "respeaker-xvf3800", Usb(Xvf3800()))
    board, speaker = array.start(2)
    board.at(s(1), lambda: array.bus.device.press_mute() or array.bus.transfers(2))
    speaker.run()
    mute = tmp_path / "state" / "mute"
    remembered = mute.read_bytes()
    array.bus.unplug()
    array.bus.plug()  # the power went: the array has forgotten, the firmware has not
    if hiccup == "refuses at the start":
        array.bus.refuse(errno.EACCES)
    board, speaker = array.start(4)

    def refuse() -> None:
        array.bus.refuse(errno.ETIMEDOUT)
        assert array.bus.until(lambda: board.panel.level("mute"))

    def be_nice() -> None:
        array.bus.refuse(0)
        assert array.bus.transfers(3)

    board.at(s(1), refuse)
    board.at(s(2), be_nice)
    speaker.run()
    assert board.microphone.frames_read == 0
    assert remembered != b"open\n"
    assert mute.read_bytes() == remembered


def test_a_switch_is_not_remembered_since_it_stays_where_it_is(tmp_path: Path) -> None:
    house = House(tmp_path, 3)
    house.at(1, house.board.mute_on)
    house.run()
    assert (house.state / "mute").read_bytes() == b"open\n"


def test_a_ring_that_refuses_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    bus = Usb(PixelRing())
    bus.refuse(errno.EACCES)
    array = Array(tmp_path, "respeaker-usb-4mic", bus)
    board, speaker = array.start(6)
    assert bus.until(lambda: board.panel.trouble is not None)

    def recover() -> None:
        bus.refuse(0)
        assert bus.until(lambda: board.panel.trouble is None)

    board.at(s(4), recover)
    speaker.run()
    assert board.microphone.frames_read == 300
    told = [fields["why"] for kind, fields in array.told if kind == "lights"]
    why = "ring 2886:0018: permission denied; install systemd/60-overheard.rules and plug it in again"
    assert told == [why, ""]
    written = [line[14:].strip() for line in array.lines if "ring" in line or "lights" in line]
    assert written == [why, "the panel's lights and mute circuit work again"]


# Where the light is not seen


FAULTS = {
    "refuses": lambda bus: bus.refuse(errno.EACCES),
    "is gone": lambda bus: bus.unplug(),
    "hangs": lambda bus: bus.hang(),
}


def unlit(path: Path, why: str) -> Array:
    """An array whose ring is broken so, or a board that has no lights."""
    bus = Usb(PixelRing())
    if why in FAULTS:
        FAULTS[why](bus)
        return Array(path, "respeaker-usb-4mic", bus)
    text = (FOLDER / "generic-usb.toml").read_text(encoding="utf-8")
    bare = path / "bare.toml"
    bare.write_text(text.partition("[lights]")[0] + '[lights]\nkind = "none"\n')
    return Array(path, str(bare), bus)


def sounds(board: SimBoard) -> list[tuple[str, int, int]]:
    """What the loudspeaker said: the name of each sound, where it begins, and where it is over."""
    return [(name_of(pcm), at, at + len(pcm) // 2) for at, pcm in board.played]


def name_of(pcm: bytes) -> str:
    heard = np.frombuffer(pcm, "<i2").astype(float)
    for name in EARCONS:
        tune = np.frombuffer(earcon(name), "<i2").astype(float)
        if len(tune) == len(heard) and np.any(heard) and np.corrcoef(tune, heard)[0, 1] > 0.99:
            return name
    return "nothing that is known"


def kept(array: Array) -> tuple[int, int]:
    """The first sample of the one utterance, and the one after its last."""
    ((first, samples),) = [
        (fields["first_sample"], fields["samples"]) for kind, fields in array.told if kind == "utterance"
    ]
    return first, first + samples


@pytest.mark.parametrize("volume", [1.0, 0.0])
@pytest.mark.parametrize("why", [*FAULTS, "there is none"])
def test_what_no_light_shows_begins_after_a_chime_and_ends_with_one_whatever_the_volume(
    tmp_path: Path, why: str, volume: float
) -> None:
    array = unlit(tmp_path, why)
    board, speaker = array.start(5)
    if why == "refuses":
        assert array.bus.until(lambda: board.panel.trouble is not None)
    speaker.parts.voice.quieter(volume)
    board.at(s(1), array.tap)
    board.at(s(3), array.tap)
    speaker.run()
    array.bus.let_go()
    first, over = kept(array)
    (wake, begins, ends), (done, falls, _) = sounds(board)
    assert (wake, done) == ("wake", "done")
    assert s(1) < begins < ends <= first < over <= falls


def test_what_is_said_instead_of_the_end_is_heard_too(tmp_path: Path) -> None:
    array = unlit(tmp_path, "there is none")
    board, speaker = array.start(5)
    speaker.parts.voice.quieter(0)
    board.at(s(1), lambda: array.hold(2))
    speaker.run()  # without a cloud, so that nobody will answer
    assert [name for name, *_ in sounds(board)] == ["wake", "error"]


def test_a_wake_word_that_no_light_shows_is_kept_only_once_it_is_verified(tmp_path: Path) -> None:
    array = unlit(tmp_path, "there is none")
    board, speaker = array.start(9)
    board.room.say(recording("wake/alexa"), 0)
    speaker.run()
    first, over = kept(array)
    (_, _, ends), (_, falls, _) = sounds(board)
    assert ends <= first < over <= falls
    assert [kind for kind, _ in array.told if kind in {"verified", "trigger"}] == ["verified", "trigger"]
    assert {cue for _, cue, _ in board.shown} & {"verifying", "listening"} == {"listening"}


def test_a_light_that_is_seen_needs_no_sound_and_one_that_breaks_is_heard_at_the_end(tmp_path: Path) -> None:
    bus = Usb(PixelRing())
    array = Array(tmp_path, "respeaker-usb-4mic", bus)
    board, speaker = array.start(5)
    assert bus.until(lambda: board.panel.lit)

    def break_it() -> None:
        bus.refuse(errno.EACCES)
        assert bus.until(lambda: not board.panel.lit)

    board.at(s(1), array.tap)
    board.at(s(2), break_it)
    board.at(s(3), array.tap)
    speaker.run()
    assert [name for name, *_ in sounds(board)] == ["done"]


def test_a_light_that_shows_again_ends_the_chimes(tmp_path: Path) -> None:
    array = unlit(tmp_path, "refuses")
    board, speaker = array.start(4)
    assert array.bus.until(lambda: board.panel.trouble is not None)

    def mend() -> None:
        array.bus.refuse(0)
        assert array.bus.until(lambda: board.panel.lit)

    board.at(s(1), mend)
    board.at(s(2), array.tap)
    board.at(s(3), array.tap)
    speaker.run()
    first, over = kept(array)
    assert sounds(board) == []
    assert [cue for sample, cue, _ in board.shown if first <= sample < over] == ["listening"]


def test_a_sound_instead_of_the_light_is_heard_and_the_next_is_as_quiet_as_was_asked(tmp_path: Path) -> None:
    array = unlit(tmp_path, "there is none")
    board, speaker = array.start(6)
    speaker.parts.voice.quieter(0)
    board.at(s(1), array.tap)
    board.at(s(1.1), lambda: speaker.parts.voice.quieter(0))  # from the cloud, say, while it sounds
    board.at(s(2), array.tap)
    board.at(s(4), lambda: speaker.parts.voice.chirp("timer"))
    speaker.run()
    loudest = [int(np.max(np.abs(np.frombuffer(pcm, "<i2").astype(int)))) for _, pcm in board.played]
    assert [peak > 1_000 for peak in loudest] == [True, True, False]


def test_the_firmware_goes_on_though_the_ring_hangs_and_shows_what_it_keeps(tmp_path: Path) -> None:
    bus = Usb(PixelRing())
    array = Array(tmp_path, "respeaker-usb-4mic", bus)
    board, speaker = array.start(6)
    assert bus.until(lambda: bus.device.mode == "mono")
    bus.hang()
    board.at(s(1), array.tap)
    board.at(s(5), bus.let_go)
    speaker.run()
    lit = [(sample, cue) for sample, cue, _ in board.shown if cue in CUES]
    first = next(sample for sample, cue in lit if cue == "listening")
    over = next(sample for sample, cue in lit if sample > first)
    assert (first, over) == kept(array)
