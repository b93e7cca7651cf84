"""What systemd is told, on a real datagram socket: ready and alive by frames, and by nothing else."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.service import Service
from hardware.board import RATE_HZ
from tests.device.house import House

WAIT_S = 4
"""What WATCHDOG_USEC says: a sign of life once a second, then, at a quarter of it."""


class Systemd:
    """Listens where systemd would."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)
        self.address = address.replace("\0", "@")

    def told(self) -> list[str]:
        """Every line, in order."""
        lines: list[str] = []
        while True:
            try:
                lines += self._socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return lines

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    """One at a path, and one at an abstract name."""
    address = str(tmp_path / "notify") if request.param == "path" else f"\0overheard-{os.getpid()}"
    listening = Systemd(address)
    yield listening
    listening.close()


@pytest.fixture
def watched(systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    """The environment that systemd gives to a unit with a watchdog."""
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
    monkeypatch.setenv("WATCHDOG_USEC", str(WAIT_S * 1_000_000))
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    return systemd


def test_the_first_frame_is_ready_and_every_second_after_it_is_life(watched: Systemd, tmp_path: Path) -> None:
    House(tmp_path, 5).run()
    told = watched.told()
    assert told[:2] == ["READY=1", "STATUS=hearing"]
    assert told[-1] == "STOPPING=1"
    assert told.count("READY=1") == 1
    assert told.count("WATCHDOG=1") == 4, "at 1, 2, 3 and 4 s: it ends at 5"


def test_muted_is_ready_and_alive_too_though_nothing_is_heard(watched: Systemd, tmp_path: Path) -> None:
    house = House(tmp_path, 5, muted=True)
    house.run()
    told = watched.told()
    assert told[:2] == ["READY=1", "STATUS=muted: the microphone is closed"]
    assert told.count("WATCHDOG=1") == 4
    assert house.board.microphone.frames_read == 0


def test_a_loop_that_gets_no_frames_is_not_alive(watched: Systemd, tmp_path: Path) -> None:
    """The microphone goes after 2 s, comes back after 7 and is found again: in between the loop runs on."""
    house = House(tmp_path, 60)
    heard: list[list[str]] = []
    house.at(2, lambda: (heard.append(watched.told()), house.board.unplug()))
    house.at(6.9, lambda: heard.append(watched.told()))
    house.at(7, house.board.plug)
    house.run()
    before, without = heard
    assert before.count("WATCHDOG=1") == 1
    assert without == ["STATUS=no microphone: unplugged"], "nothing but why"
    after = watched.told()
    assert after[:1] == ["STATUS=hearing"]
    assert "WATCHDOG=1" in after


def test_who_must_pet_it_every_two_minutes_has_90_s_without_a_frame(systemd: Systemd) -> None:
    """As in the unit: so the last sign of life is never older than 30 s when the microphone goes."""
    service = Service.of({"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "120000000"})
    for second in range(150):
        service.passed(second * RATE_HZ, "hearing")
    assert systemd.told().count("WATCHDOG=1") == 4, "at 30, 60, 90 and 120 s"


def test_tries_to_hear_behind_silence_are_frames_enough(
    watched: Systemd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A microphone that gives nothing but zeros is opened for some seconds each 30 s: nothing begins anew."""
    monkeypatch.setenv("WATCHDOG_USEC", "120000000")
    house = House(tmp_path, 400, noise_floor=30)
    told: list[list[str]] = []
    house.at(1, house.board.silent)
    for at_s in range(90, 400, 90):
        house.at(at_s, lambda: told.append(watched.told()))
    house.run()
    assert ["WATCHDOG=1" in lines for lines in told] == [True] * 4
    assert told[-1].count("STATUS=no microphone: silent") > 0, "it was as deaf as that"


def test_a_loop_that_never_had_a_frame_is_not_ready(systemd: Systemd) -> None:
    service = Service(systemd.address, RATE_HZ)
    service.say("no microphone")
    assert systemd.told() == ["STATUS=no microphone"]


def test_a_watch_over_another_process_is_not_ours(systemd: Systemd) -> None:
    environment = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "1"}
    service = Service.of(environment)
    for second in range(5):
        service.passed(second * RATE_HZ, "hearing")
    assert systemd.told() == ["READY=1", "STATUS=hearing"]


def test_what_could_not_be_said_is_said_with_the_next_frame(tmp_path: Path) -> None:
    address = str(tmp_path / "late")
    service = Service(address, RATE_HZ)
    service.passed(0, "hearing")  # nobody is there: it goes on
    listening = Systemd(address)
    service.passed(320, "hearing")
    assert listening.told() == ["READY=1", "STATUS=hearing"]
    service.stop()
    assert listening.told() == ["STOPPING=1"]
    listening.close()


def test_a_systemd_that_does_not_read_keeps_nobody_waiting(tmp_path: Path) -> None:
    listening = Systemd(str(tmp_path / "full"))
    service = Service(listening.address, 320)
    for frame in range(10_000):
        service.passed(frame * 320, "hearing")
    assert 1 < listening.told().count("WATCHDOG=1") < 10_000
    listening.close()


def test_where_nobody_started_it_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    house = House(tmp_path, 1)
    house.run()
    assert house.speaker.sample >= RATE_HZ
