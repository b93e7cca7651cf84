"""How bright the lights are at which hour; and what the firmware makes of a panel whose parts are on USB."""

import errno
import time
from collections.abc import Iterator
from datetime import time as clock
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin
from hypothesis import given
from hypothesis import strategies as st

from device.assemble import assemble
from device.config import load
from device.diary import Diary
from device.lighting import is_night
from hardware.board import RATE_HZ
from hardware.lights import CUES
from hardware.panel import open_panel
from hardware.profiles import load_profile
from hardware.sim import SimBoard
from tests.device.house import NOW, House, s
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
        self._button.drive_low()
        self._board.at(self._board.now + s(0.1), self._button.drive_high)


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
    written = [line[14:].strip() for line in array.lines if "ring" in line or "USB" in line]
    assert written == [why, "the panel's parts on USB answer again"]


def test_listening_is_shown_for_the_samples_that_are_kept_though_the_ring_hangs(tmp_path: Path) -> None:
    bus = Usb(PixelRing())
    array = Array(tmp_path, "respeaker-usb-4mic", bus)
    board, speaker = array.start(6)
    assert bus.until(lambda: bus.device.mode == "mono")
    bus.hang()
    board.at(s(1), array.tap)
    board.at(s(5), bus.let_go)
    speaker.run()
    lit = [(sample, cue) for sample, cue, _ in board.shown if cue in CUES]
    began = next(fields for kind, fields in array.told if kind == "utterance")
    first = next(sample for sample, cue in lit if cue == "listening")
    over = next(sample for sample, cue in lit if sample > first)
    assert over - first == began["samples"]
