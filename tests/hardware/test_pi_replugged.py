"""A USB microphone that the kernel gives another number, over a made-up kernel and a made-up PyAudio.

No machine without sound hardware has a card that PortAudio calls (hw:N,0); here it has the kernel's cards.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hardware.board import FRAME_SAMPLES
from hardware.errors import MicrophoneLost
from hardware.pi.clock import SampleClock
from hardware.pi.listing import Candidate, candidates, chosen, described
from hardware.pi.microphone import PiMicrophone
from hardware.profiles import load_profile
from tests.alsa.pi import lost
from tests.hardware.made_up_cards import Kernel

PYAUDIO = """
import os, re, threading
paInt16, paContinue, paComplete = 8, 0, 1
CARDS = os.environ["MADE_UP"] + "/asound"
KIND = re.compile(r"^ *(\\d+) \\[.*- (.*)$", re.MULTILINE)

class Stream:
    def __init__(self, card, channels, callback):
        self.card, self.sound, self.callback = card, bytes(640 * channels), callback
    def is_active(self):
        return True
    def start_stream(self):
        threading.Thread(target=self.run, daemon=True).start()
    def run(self):
        while os.path.exists(f"{CARDS}/card{self.card}") and not os.path.exists(f"{CARDS}/wedged"):
            self.callback(self.sound, 320, {"current_time": 0.0, "input_buffer_adc_time": 0.0}, 0)
            threading.Event().wait(0.02)

class PyAudio:
    def __init__(self):
        cards = [(int(n), name) for n, name in KIND.findall(open(f"{CARDS}/cards").read())]
        plays = [2 * os.path.exists(f"{CARDS}/card{n}/pcm0p") for n, _ in cards]
        here = [(n, f"{name}: USB Audio (hw:{n},0)", 6, played) for (n, name), played in zip(cards, plays)]
        self.cards = [(-1, "default", 128, 128)] * os.path.exists(f"{CARDS}/asoundrc") + here
    def get_device_count(self):
        return len(self.cards)
    def get_device_info_by_index(self, index):
        _, name, heard, played = self.cards[index]
        return {"name": name, "maxInputChannels": heard, "maxOutputChannels": played}
    def open(self, rate, channels, form, input_device_index, stream_callback, **rest):
        return Stream(self.cards[input_device_index][0], channels, stream_callback)
"""

ARRAY = "ReSpeaker 4 Mic Array (UAC1.0)"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel(tmp_path)
    (tmp_path / "pyaudio.py").write_text(PYAUDIO)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("MADE_UP", str(kernel.proc))
    return kernel


@pytest.fixture
def microphone(kernel: Kernel) -> Any:
    profile = load_profile("respeaker-usb-4mic").microphone
    microphone = PiMicrophone(profile, "", SampleClock(), proc=kernel.proc, start_s=20.0, patience_s=0.5)
    yield microphone
    microphone.close()


def test_a_card_that_comes_back_under_another_number_is_opened_again(
    kernel: Kernel, microphone: PiMicrophone
) -> None:
    kernel.plug(1, ARRAY, "2886:0018", 6)
    microphone.open()
    microphone.read()
    kernel.unplug(1)
    assert lost(microphone).fault == "unplugged"
    microphone.close()
    with pytest.raises(MicrophoneLost, match="no sound card has the USB id 2886:0018; plug it in"):
        microphone.open()
    microphone.close()
    kernel.plug(1, "Webcam", "046d:0825", 1)
    kernel.plug(2, ARRAY, "2886:0018", 6)
    microphone.open()
    microphone.read()
    kernel.unplug(1)  # the webcam: nobody cares
    microphone.read()
    kernel.unplug(2)
    assert lost(microphone).fault == "unplugged"


def test_another_microphone_is_never_heard_in_its_place(kernel: Kernel) -> None:
    """Whoever owns a webcam never chose it."""
    profile = load_profile("generic-usb").microphone
    microphone = PiMicrophone(profile, "", SampleClock(), proc=kernel.proc, start_s=20.0, patience_s=0.5)
    kernel.plug(1, "USB PnP Sound Device", "08bb:2902", 1)
    kernel.plug(2, "HD Webcam C270", "046d:0825", 1)
    microphone.open()
    microphone.read()
    kernel.unplug(1)
    assert lost(microphone).fault == "unplugged"
    microphone.close()
    with pytest.raises(MicrophoneLost, match="no sound card has the USB id 08bb:2902; plug it in"):
        microphone.open()
    assert microphone.capture_state is None  # nor is it the webcam's
    kernel.plug(3, "USB PnP Sound Device", "08bb:2902", 1)
    microphone.open()
    microphone.read()
    kernel.unplug(2)
    microphone.read()
    microphone.close()


def test_a_card_that_the_kernel_still_has_is_wedged(kernel: Kernel, microphone: PiMicrophone) -> None:
    kernel.plug(1, ARRAY, "2886:0018", 6)
    microphone.open()
    microphone.read()
    (kernel.proc / "asound/wedged").touch()
    assert lost(microphone).fault == "wedged"
    assert microphone.capture_state == "closed"


def test_the_clock_goes_on_by_what_was_waited_for_a_frame_that_did_not_come(kernel: Kernel) -> None:
    kernel.plug(1, ARRAY, "2886:0018", 6)
    clock = SampleClock()
    profile = load_profile("respeaker-usb-4mic").microphone
    microphone = PiMicrophone(profile, "", clock, proc=kernel.proc, start_s=20.0, patience_s=0.51)
    microphone.open()
    microphone.read()
    (kernel.proc / "asound/wedged").touch()
    lost(microphone)
    assert clock.now == (microphone.frames_read + 25) * FRAME_SAMPLES


@pytest.fixture
def hangs(kernel: Kernel, tmp_path: Path) -> Iterator[Callable[[float], PiMicrophone]]:
    """Microphones whose library never comes back."""
    (tmp_path / "pyaudio.py").write_text("import threading\nthreading.Event().wait()\n")
    made = []

    def make(start_s: float) -> PiMicrophone:
        profile = load_profile("respeaker-usb-4mic").microphone
        made.append(PiMicrophone(profile, "", SampleClock(), proc=kernel.proc, start_s=start_s))
        made[-1].open()
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_opening_waits_for_nobody(hangs: Callable[[float], PiMicrophone]) -> None:
    """A library that hangs for a day holds neither `open` nor `ready` up: it would hold this test up."""
    microphone = hangs(86_400.0)
    assert [microphone.ready() for _ in range(3)] == [False] * 3
    assert microphone.is_open


def test_what_does_not_begin_in_time_is_wedged(hangs: Callable[[float], PiMicrophone]) -> None:
    microphone = hangs(0.0)
    with pytest.raises(MicrophoneLost, match=r"^microphone: no sound for 0 s; plug it in") as late:
        microphone.ready()
    assert late.value.fault == "wedged"
    assert not microphone.is_open
    with pytest.raises(MicrophoneLost, match="no sound for 0 s"):  # until it is closed
        microphone.read()


def test_cards_are_listed_with_what_to_write_for_them(kernel: Kernel) -> None:
    kernel.plug(1, ARRAY, "2886:0018", 6)
    kernel.plug(2, 'Webcam "HD"', "046d:0825", 2)
    found = candidates(kernel.proc)
    assert found == [
        Candidate(ARRAY, "2886:0018", 6, "respeaker-usb-4mic", f"{ARRAY}: USB Audio (hw:1,0)"),
        Candidate('Webcam "HD"', "046d:0825", 6, "", 'Webcam "HD": USB Audio (hw:2,0)'),
    ]
    assert [one.setting for one in found] == ['profile = "respeaker-usb-4mic"', 'microphone = "046d:0825"']
    assert chosen("respeaker-usb-4mic", "", found, kernel.proc) is found[0]
    assert chosen("respeaker-usb-4mic", "046d:0825", found, kernel.proc) is found[1]
    assert chosen("respeaker-usb-4mic", "1234:5678", found, kernel.proc) is None
    lines = list(described(found, found[1]))
    assert lines[2] == '* Webcam "HD": USB 046d:0825, 6 channels, no profile of its own'
    assert lines[-1] == "* is what the settings choose now"
    assert Candidate("plugged", "", 128, "", "plugged").kind.startswith(
        "not USB, as many channels as it is asked"
    )


def test_a_card_that_portaudio_cannot_open_is_listed_as_in_use(
    kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.plug(1, ARRAY, "2886:0018", 6)
    monkeypatch.setenv("MADE_UP", str(Kernel(tmp_path / "portaudio's").proc))
    (busy,) = candidates(kernel.proc)
    assert (busy.channels, busy.device) == (6, "")
    assert "in use or broken" in "".join(described([busy], None))
    assert "the settings choose none" in list(described([busy], None))[-1]
    assert list(described([], None)) == ["no sound card captures here: plug a microphone in"]


def test_a_card_comes_before_what_is_none_and_that_is_no_array(kernel: Kernel) -> None:
    (kernel.proc / "asound/asoundrc").touch()
    (only,) = candidates(kernel.proc)
    assert chosen("generic-usb", "", [only], kernel.proc) is None  # whatever that is, nobody chose it
    assert chosen("generic-usb", "default", [only], kernel.proc) is only
    assert (
        next(described([only], only)) == "* default: no card: what /etc/asound.conf says, else the first card"
    )
    kernel.plug(1, "Webcam", "046d:0825", 2)
    found = candidates(kernel.proc)
    assert [one.name for one in found] == ["Webcam", "default"]
    assert chosen("generic-usb", "", found, kernel.proc) is found[0]


def test_cards_that_play_are_listed_with_what_to_write_for_them(kernel: Kernel) -> None:
    kernel.plug(0, "bcm2835 Headphones", plays=True)
    kernel.plug(1, ARRAY, "2886:0018", 6, plays=True)
    kernel.plug(2, "Webcam", "046d:0825", 2)
    found = candidates(kernel.proc, hears=False)
    assert [one.name for one in found] == ["bcm2835 Headphones", ARRAY]
    meant = chosen("respeaker-usb-4mic", "", found, kernel.proc, hears=False)
    assert meant is found[1]
    assert list(described(found, meant, hears=False)) == [
        "  bcm2835 Headphones: not USB, 2 channels",
        '      [board] loudspeaker = "bcm2835 Headphones"',
        f"* {ARRAY}: USB 2886:0018, 2 channels",
        '      [board] loudspeaker = "2886:0018"',
        "* is what the settings choose now",
    ]
    assert chosen("generic-usb", "2886:0018", found, kernel.proc, hears=False) is found[1]
    (nothing,) = described([], None, hears=False)
    assert nothing.startswith("no sound card plays here")
