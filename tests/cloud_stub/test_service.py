"""What systemd is told of the cloud, on a real datagram socket, at a real broker."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud_stub.broker import open_broker
from cloud_stub.cloud import STUCK_TICKS, Cloud
from cloud_stub.config import load
from cloud_stub.service import notify, watch_over
from scripts.rough_home import Nobody, Silence
from tests.cloud_stub.conftest import NOW, Other, Voice

PATIENCE_S = 15.0


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """It listens, and the environment says where."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def told(systemd: socket.socket) -> str:
    return systemd.recv(4096).decode()


def cloud_at(port: int, path: Path) -> Cloud:
    (path / "cloud.toml").write_text("[broker]\nbackoff_min_s = 0.05\nbackoff_max_s = 0.1\n")
    return Cloud(load(path / "cloud.toml"), ("127.0.0.1", port), mind=Nobody())


def test_it_is_ready_once_it_hears_devices_alive_while_it_ticks_and_says_goodbye(
    systemd: socket.socket, tmp_path: Path
) -> None:
    with open_broker("amqtt", 0, tmp_path / "broker") as broker:
        cloud = cloud_at(broker.port, tmp_path)
        cloud.start()
        watching = threading.Thread(target=watch_over, args=(cloud,))
        watching.start()
        try:
            first = told(systemd)
            while first == "WATCHDOG=1":  # alive, and not at the broker yet
                first = told(systemd)
            assert first == "READY=1\nSTATUS=at the broker"
            assert told(systemd) == "WATCHDOG=1"
        finally:
            cloud.stop()
            watching.join(PATIENCE_S)
    last = told(systemd)
    while last == "WATCHDOG=1":
        last = told(systemd)
    assert last == "STOPPING=1"


class Looks(threading.Event):
    """The end of a cloud, which comes after three looks by this thread; `between` happens before each."""

    def __init__(self, between: Callable[[int], object]) -> None:
        super().__init__()
        self.looks = 0
        self._between = between
        self._watching = threading.current_thread()

    def wait(self, timeout: float | None = None) -> bool:
        if threading.current_thread() is not self._watching:
            return super().wait(timeout)
        self.looks += 1
        self._between(self.looks)
        return self.looks > 3


def test_a_cloud_whose_ticks_do_not_end_is_not_alive(systemd: socket.socket, tmp_path: Path) -> None:
    """A message that is stuck holds what a tick needs: nothing is said then, though time goes on."""
    cloud = cloud_at(1, tmp_path)
    cloud.up.set()  # nobody called: it is not about the broker
    cloud.over = looks = Looks(lambda _look: None)
    watch_over(cloud)
    assert looks.looks == 4
    assert told(systemd).startswith("READY=1")
    assert told(systemd) == "STOPPING=1", "and not alive in between"
    cloud.stop()


def test_ready_is_said_again_until_somebody_hears_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Systemd is not there at the first look: a unit that is never ready would be begun anew for ever."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "late"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as late:
        late.settimeout(PATIENCE_S)
        cloud = cloud_at(1, tmp_path)
        cloud.up.set()
        cloud.over = Looks(lambda look: late.bind(str(tmp_path / "late")) if look == 2 else None)
        watch_over(cloud)
        assert told(late) == "READY=1\nSTATUS=at the broker"
        assert told(late) == "STOPPING=1"
        cloud.stop()


class Stuck:
    """A mind that answers nothing before it is let go."""

    def __init__(self) -> None:
        self.asked, self.let_go = threading.Event(), threading.Event()

    def answer(self, _pcm: bytes) -> Silence:
        self.asked.set()
        self.let_go.wait(PATIENCE_S)
        return Silence()


def test_a_cloud_whose_answer_does_not_end_is_not_alive_though_it_ticks(
    systemd: socket.socket, tmp_path: Path, other: Other, voice: Voice
) -> None:
    """At the first look it ticked, at the second the answer takes too long, at the third it has ended."""
    other.take(voice.say(other.reader).messages)
    other.vault.close()
    mind = Stuck()

    def between(look: int) -> None:
        if look == 3:
            mind.let_go.set()
            assert cloud.settled.wait(PATIENCE_S)
        cloud.ticks += STUCK_TICKS + 1 if look == 2 else 1

    with open_broker("amqtt", 0, tmp_path / "broker") as broker:
        cloud = Cloud(other.config, ("127.0.0.1", broker.port), mind, lambda: NOW)
        cloud.over = Looks(between)
        cloud.start()
        try:
            assert cloud.up.wait(PATIENCE_S)
            assert mind.asked.wait(PATIENCE_S)
            watch_over(cloud)
        finally:
            mind.let_go.set()
            cloud.stop()
    assert told(systemd).startswith("READY=1")
    assert [told(systemd) for _ in range(3)] == ["WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]


def test_where_nobody_started_it_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")


def test_a_systemd_that_is_gone_is_no_reason_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify("READY=1")
