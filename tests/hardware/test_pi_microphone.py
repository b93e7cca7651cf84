"""The Pi's microphone through PyAudio, PortAudio and ALSA: exact, killable, and honest about what is lost."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hardware.board import FRAME_SAMPLES, RATE_HZ, Frame
from hardware.errors import MicrophoneError, MicrophoneLost, NotInstalled
from hardware.pi.child import Child
from hardware.pi.clock import SampleClock
from hardware.pi.microphone import PiMicrophone
from hardware.profiles import load_profile
from tests.alsa.desk import Desk, needs_alsa
from tests.alsa.pi import lost
from tests.hardware.made_up_cards import RUNNING, Kernel

pytestmark = needs_alsa

ARRAY = load_profile("respeaker-usb-4mic").microphone
ROOT = Path(__file__).resolve().parents[2]
NOISE = np.random.default_rng(7).integers(-9000, 9000, (60 * RATE_HZ, 6)).astype(np.int16)


def until(true: Callable[[], object], why: str) -> None:
    """Wait until something is so that another process or the card brings about."""
    never = threading.Event()
    for _ in range(1000):
        if true():
            return
        never.wait(0.02)
    raise AssertionError(why)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path, NOISE)
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(desk.config))
    return desk


Make = Callable[..., PiMicrophone]


@pytest.fixture
def make(desk: Desk, tmp_path: Path) -> Iterator[Make]:
    """Microphones on the desk's card, closed at the end."""
    made = []

    def make(**settings: Any) -> PiMicrophone:
        own = settings.pop("own", desk.microphone.name)
        profile = settings.pop("profile", ARRAY)
        patient = {"start_s": 20.0, "proc": tmp_path / "no proc"} | settings
        made.append(PiMicrophone(profile, own, SampleClock(), **patient))
        return made[-1]

    yield make
    for microphone in made:
        microphone.close()


def heard_at(frame: Frame, channel: int = 0, since: int = 0) -> bool:
    """Whether a frame is what the tape has at its index."""
    first = frame.index + since
    return frame.pcm == NOISE[first : first + FRAME_SAMPLES, channel].tobytes()


def gone(process: int) -> bool:
    return not Path(f"/proc/{process}").exists()


@pytest.mark.parametrize("channel", [0, 3, 31])
def test_every_frame_is_one_channel_of_the_card_bit_for_bit(make: Make, channel: int) -> None:
    microphone = make(profile=msgspec.structs.replace(ARRAY, channel=channel))
    microphone.open()
    frames = [microphone.read() for _ in range(20)]
    assert frames[0].index == 0
    assert all(heard_at(frame, min(channel, 5)) for frame in frames)
    steps = {after.index - before.index for before, after in pairwise(frames)}
    assert steps == {FRAME_SAMPLES} or microphone.overruns
    assert (microphone.frames_read, microphone.digital_silence) == (20, False)


def test_closing_kills_the_child_and_gives_the_card_back_before_it_returns(make: Make, desk: Desk) -> None:
    microphone = make()
    microphone.open()
    microphone.read()
    child = microphone.pid
    assert child is not None
    assert desk.microphone.in_use
    microphone.close()
    assert not desk.microphone.in_use
    assert gone(child)
    position = desk.microphone.position
    with pytest.raises(MicrophoneError, match="open it first"):
        microphone.read()
    assert (microphone.frames_read, microphone.is_open, desk.microphone.position) == (1, False, position)


def test_indices_go_on_when_it_is_opened_again(make: Make) -> None:
    microphone = make()
    microphone.open()
    before = microphone.read()
    microphone.close()
    microphone.open()
    assert microphone.read().index == before.index + FRAME_SAMPLES


def test_what_nobody_reads_in_time_is_lost_counted_and_seen_in_the_index(make: Make, desk: Desk) -> None:
    microphone = make()
    microphone.open()
    first = microphone.read()
    stalled_at = desk.microphone.position
    until(lambda: desk.microphone.position > stalled_at + RATE_HZ, "the card stands still")
    frames = [first, *(microphone.read() for _ in range(40))]
    assert all(heard_at(frame) for frame in frames)
    jumps = [b.index - a.index for a, b in pairwise(frames) if b.index != a.index + 320]
    waited = next(n for n, frame in enumerate(frames) if frame.index > stalled_at + RATE_HZ // 2)
    assert waited <= 1 + 13  # hardly any sound waits in the pipe
    assert len(jumps) == microphone.overruns >= 1
    assert all(jump > FRAME_SAMPLES for jump in jumps)


def test_what_the_card_loses_is_counted_and_the_index_jumps_by_about_as_much(make: Make, desk: Desk) -> None:
    microphone = make()
    microphone.open()
    microphone.read()
    desk.microphone.overrun(RATE_HZ)
    frames = [microphone.read()]
    while not microphone.overruns:
        frames.append(microphone.read())
    *_, before, after = frames
    assert heard_at(before)
    # The clock knows it to the sample on a machine that has time, and this one may have none.
    (off,) = [off for off in range(-RATE_HZ // 4, RATE_HZ // 4) if heard_at(after, since=off)]
    assert after.index + off > before.index + RATE_HZ
    assert microphone.overruns == 1
    assert heard_at(microphone.read(), since=off)


def test_a_wedged_card_is_given_up_and_its_child_killed(make: Make, desk: Desk) -> None:
    microphone = make(patience_s=0.3)
    microphone.open()
    microphone.read()
    child = microphone.pid
    assert child is not None
    desk.microphone.wedge()
    error = lost(microphone)
    assert str(error) == "microphone: no sound for 0.3 s; close it, rest, open it again"
    assert error.fault == "wedged"
    assert gone(child)
    assert not desk.microphone.in_use
    with pytest.raises(MicrophoneLost, match="no sound"):  # until it is closed
        microphone.read()
    desk.microphone.mend()
    microphone.close()
    microphone.open()
    waited = int(0.3 * RATE_HZ)  # for the frame that did not come
    assert microphone.read().index == microphone.frames_read * 320 - 320 + waited


def test_a_child_that_stands_still_is_a_wedged_microphone(make: Make) -> None:
    microphone = make(patience_s=0.3)
    microphone.open()
    microphone.read()
    assert microphone.pid is not None
    os.kill(microphone.pid, signal.SIGSTOP)
    assert lost(microphone).fault == "wedged"


def test_a_child_that_was_killed_is_a_lost_microphone(make: Make) -> None:
    microphone = make()
    microphone.open()
    microphone.read()
    assert microphone.pid is not None
    os.kill(microphone.pid, signal.SIGKILL)
    assert "its process has ended" in str(lost(microphone))
    microphone.close()
    microphone.open()
    microphone.read()


def test_a_pulled_plug_is_noticed_and_a_plug_put_back_is_found(make: Make, desk: Desk) -> None:
    microphone = make(patience_s=0.5)
    microphone.open()
    microphone.read()
    desk.microphone.unplug()  # from now on PortAudio prints megabytes a second
    error = lost(microphone)
    assert error.fault == "unplugged"
    assert len(str(error)) < 400
    assert "\n" not in str(error)
    microphone.close()
    microphone.open()
    with pytest.raises(MicrophoneLost, match="no sound card called desk_microphone") as absent:
        microphone.read()
    assert absent.value.fault == "unplugged"
    assert not microphone.is_open
    desk.microphone.plug()
    microphone.open()
    microphone.read()


def test_the_state_of_the_stream_is_the_kernels_word(make: Make, tmp_path: Path) -> None:
    kernel = Kernel(tmp_path)
    kernel.plug(0, "desk_microphone", "2886:0018", 6)
    microphone = make(proc=kernel.proc)
    assert microphone.capture_state == "closed"
    kernel.stream(0, RUNNING)
    assert microphone.capture_state == "RUNNING"
    kernel.unplug(0)
    assert microphone.capture_state is None


def test_a_card_that_another_program_has_is_not_opened(make: Make) -> None:
    first, second = make(), make()
    first.open()
    first.read()
    second.open()
    with pytest.raises(MicrophoneLost, match=r"^microphone: ") as busy:
        second.read()
    assert "\n" not in str(busy.value)
    first.close()
    second.close()
    second.open()
    second.read()


def test_a_card_with_another_rate_is_resampled(make: Make, desk: Desk) -> None:
    tone = np.rint(8000 * np.sin(2 * np.pi * 1000 * np.arange(3 * 48_000) / 48_000))
    desk.microphone.tape = np.repeat(tone[:, None], 6, axis=1)
    text = desk.config.read_text(encoding="utf-8")
    desk.config.write_text(text.replace("speed", "rate 48000 speed"), encoding="utf-8")
    microphone = make(profile=msgspec.structs.replace(ARRAY, rates_hz=(16_000, 48_000)))
    microphone.open()
    frames = [microphone.read() for _ in range(30)]
    assert all(len(frame.pcm) == 640 for frame in frames)
    exact = np.rint(8000 * np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ))
    for frame in frames[2:]:  # its filter has begun by then
        sound = np.frombuffer(frame.pcm, "<i2").astype(int)
        assert np.abs(sound - exact[frame.index % 16 :][:FRAME_SAMPLES]).max() < 40


DIES = """
import os, signal, sys
from hardware.pi.clock import SampleClock
from hardware.pi.microphone import PiMicrophone
from hardware.profiles import load_profile
profile = load_profile("respeaker-usb-4mic").microphone
microphone = PiMicrophone(profile, sys.argv[1], SampleClock(), start_s=20)
microphone.open()
microphone.read()
print(microphone.pid, flush=True)
sys.stdin.read(1)
os.kill(os.getpid(), signal.SIGKILL)
"""


def die(desk: Desk, fault: str, **environment: str) -> int:
    """Let a firmware that hears die, while its card has a fault; return what was its child."""
    command = [sys.executable, "-c", DIES, desk.microphone.name]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | environment
    ) as firmware:
        assert firmware.stdin is not None
        assert firmware.stdout is not None
        child = int(firmware.stdout.readline())
        desk.microphone.be(fault)
        assert desk.microphone.in_use
        firmware.stdin.write(b".")
        firmware.stdin.close()
        firmware.wait(20)
    return child


@pytest.mark.parametrize("fault", ["none", "wedged"])
def test_the_child_dies_with_the_firmware_even_if_it_hears_nothing(desk: Desk, fault: str) -> None:
    child = die(desk, fault)
    until(lambda: not desk.microphone.in_use, "the card is still open")
    until(lambda: gone(child) or _is_zombie(child), "the child lives on")


def _is_zombie(process: int) -> bool:
    return ") Z " in Path(f"/proc/{process}/stat").read_text(encoding="utf-8")


def test_without_the_signal_of_its_parents_death_a_child_would_live_on(desk: Desk, tmp_path: Path) -> None:
    """The test above finds that out: a card that gives nothing leaves a child nothing to notice it by."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "hardware", copy / "hardware", ignore=shutil.ignore_patterns("__pycache__"))
    inside = copy / "hardware/pi/inside.py"
    careful = inside.read_text(encoding="utf-8")
    careless = careful.replace("ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)", "pass")
    assert careless != careful
    inside.write_text(careless, encoding="utf-8")
    child = die(desk, "wedged", PYTHONPATH=str(copy), PYTHONSAFEPATH="1")
    try:
        assert desk.microphone.in_use
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_process_that_cannot_be_started_is_a_lost_microphone(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    microphone = make()
    before = set(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(MicrophoneLost, match="its process does not start: No such file"):
            microphone.open()
    assert set(os.listdir("/proc/self/fd")) <= before, "no pipe stays open"
    microphone.open()
    microphone.read()


def test_a_missing_library_is_one_line_that_says_what_to_install(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = "libportaudio.so.2: cannot open shared object file"
    (tmp_path / "pyaudio.py").write_text(f'print("some library talks")\nraise ImportError("{why}")\n')
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    microphone = make()
    microphone.open()
    with pytest.raises(NotInstalled, match=rf"^PyAudio: {why}; install it: .*setup_audio$"):
        microphone.read()
    assert not microphone.is_open


def test_a_child_that_prints_without_end_is_neither_held_up_nor_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "noisy.py").write_text(
        "import os\n"
        "for n in range(100_000):\n"
        "    try:\n"
        "        os.write(2, b'line %d\\n' % n)\n"
        "    except BlockingIOError:\n"
        "        pass\n"
        "os.write(1, b'done')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ours, theirs = os.pipe()
    child = Child("noisy", {}, stdin=theirs, stdout=theirs)
    try:
        os.close(theirs)
        assert os.read(ours, 100) == b"done"  # nobody has read what it printed
        assert 0 < int(child.noise().removeprefix("line ")) < 100_000 // 8
        assert child.noise() == ""
    finally:
        os.close(ours)
        assert child.kill()
