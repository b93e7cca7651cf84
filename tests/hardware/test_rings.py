"""Rings on USB: what they are told, and that one which is gone, refuses or hangs is waited for by nobody."""

import errno
from collections.abc import Callable

import pytest
import usb.backend.libusb1
from gpiozero.pins.mock import MockFactory, MockPWMPin

from hardware.lights import CUES, in_bytes
from hardware.panel import open_panel
from hardware.profiles import load_profile
from tests.hardware.panels import panel_of
from tests.hardware.usb_twin import PixelRing, Usb, Xvf3800

RINGS = {"respeaker-usb-4mic": PixelRing, "respeaker-xvf3800": Xvf3800}
BLUE = in_bytes(CUES["booting"].rgb)


@pytest.fixture(params=RINGS)
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def shows(bus: Usb, rgb: tuple[int, int, int]) -> Callable[[], bool]:
    return lambda: bus.device.rgb == rgb


@pytest.mark.parametrize("cue", [cue for cue in CUES if cue != "idle"])
def test_a_ring_is_told_the_colour_of_a_cue(profile: str, cue: str) -> None:
    bus = Usb(RINGS[profile]())
    with panel_of(profile, bus) as panel:
        panel.show(cue, 0)
        assert bus.until(shows(bus, in_bytes(CUES[cue].rgb)))
        assert panel.trouble is None


def test_a_ring_shows_colours_and_no_pattern_of_its_own() -> None:
    bus = Usb(PixelRing())
    with panel_of("respeaker-usb-4mic", bus):
        assert bus.until(lambda: bus.device.mode == "mono")
        assert bus.device.brightness == 0x1F


def test_the_ring_of_the_xvf3800_keeps_faint_colours_and_writes_nothing_but_lights() -> None:
    bus = Usb(Xvf3800())
    with panel_of("respeaker-xvf3800", bus) as panel:
        panel.brightness = 0
        panel.show("booting", 0)
        assert bus.until(shows(bus, (0, 0, 8)))
        assert (bus.device.effect, bus.device.gamma, bus.device.brightness) == (3, 0, 255)
    assert set(bus.device.written) == {12, 13, 14, 16}


def test_a_closed_ring_is_dark(profile: str) -> None:
    bus = Usb(RINGS[profile]())
    with panel_of(profile, bus) as panel:
        panel.show("muted", 0)
        assert bus.until(shows(bus, (255, 0, 0)))
    assert bus.device.rgb == (0, 0, 0)


def test_no_transfer_may_take_longer_than_a_fifth_of_a_second(profile: str) -> None:
    bus = Usb(RINGS[profile]())
    with panel_of(profile, bus):
        assert bus.until(lambda: bus.requests > 1)
    assert bus.timeouts_ms == {200}


def test_a_ring_that_is_not_there_is_a_notice_and_is_waited_for(profile: str) -> None:
    bus = Usb(RINGS[profile]())
    bus.unplug()
    with panel_of(profile, bus) as panel:
        panel.show("listening", 0)
        assert bus.until(lambda: panel.trouble is not None)
        assert str(panel.trouble).endswith("not plugged in; plug it in")
        bus.plug()
        assert bus.until(shows(bus, in_bytes(CUES["listening"].rgb)))
        assert bus.until(lambda: panel.trouble is None)


def test_a_ring_that_was_pulled_and_put_back_shows_what_it_should_without_being_asked() -> None:
    bus = Usb(PixelRing())
    with panel_of("respeaker-usb-4mic", bus) as panel:
        panel.show("muted", 0)
        assert bus.until(shows(bus, (255, 0, 0)))
        bus.unplug()
        bus.plug()
        assert bus.device.mode == "trace"
        assert bus.until(shows(bus, (255, 0, 0)))
        assert bus.device.brightness == 0x1F


@pytest.mark.parametrize(
    ("code", "says"), [(errno.EACCES, "60-overheard.rules"), (errno.ETIMEDOUT, "it refuses (refused)")]
)
def test_a_ring_that_refuses_is_one_line_and_tried_again(code: int, says: str) -> None:
    bus = Usb(PixelRing())
    bus.refuse(code)
    with panel_of("respeaker-usb-4mic", bus) as panel:
        panel.show("booting", 0)
        assert bus.until(lambda: panel.trouble is not None)
        assert says in str(panel.trouble)
        assert "\n" not in str(panel.trouble)
        bus.refuse(0)
        assert bus.until(shows(bus, BLUE))


def test_a_ring_that_hangs_holds_nobody_up_and_gets_the_newest_colour_alone() -> None:
    bus = Usb(PixelRing())
    with panel_of("respeaker-usb-4mic", bus) as panel:
        assert bus.until(lambda: bus.device.mode == "mono")
        bus.hang()
        panel.show("muted", 0)
        assert bus.hanging.wait(10)
        before = bus.requests
        for sample in range(0, 32_000, 320):  # two seconds of the loop, while one transfer does not end
            panel.show("listening" if sample % 640 else "error", sample)
        panel.show("booting", 32_000)
        assert bus.requests == before
        bus.let_go()
        assert bus.until(shows(bus, BLUE))
        assert bus.requests <= before + 3


def test_a_ring_that_hangs_does_not_keep_the_panel_from_closing() -> None:
    bus = Usb(PixelRing())
    with panel_of("respeaker-usb-4mic", bus) as panel:
        assert bus.until(lambda: bus.device.mode == "mono")
        bus.hang()
        panel.show("booting", 0)
        assert bus.hanging.wait(10)
        before = bus.requests
        panel.close()
        assert bus.requests == before


def test_a_ring_that_does_not_know_a_request_says_so() -> None:
    bus = Usb(PixelRing())
    bus.device.DATA = {}  # the twin is told to know nothing: what it records is really checked
    with panel_of("respeaker-usb-4mic", bus) as panel:
        assert bus.until(lambda: panel.trouble is not None)
        assert "it refuses (Pipe error)" in str(panel.trouble)


@pytest.mark.parametrize("fault", ["gone", "refuses", "hangs"])
def test_a_ring_is_seen_only_while_it_answers(fault: str) -> None:
    bus = Usb(PixelRing())
    {"gone": bus.unplug, "refuses": lambda: bus.refuse(errno.EACCES), "hangs": bus.hang}[fault]()
    with panel_of("respeaker-usb-4mic", bus) as panel:
        assert bus.hanging.wait(10) if fault == "hangs" else bus.until(lambda: panel.trouble is not None)
        assert not panel.lit
        bus.let_go()
        bus.refuse(0)
        bus.plug()
        assert bus.until(lambda: panel.lit)


@pytest.mark.skipif(usb.backend.libusb1.get_backend() is None, reason="libusb is not installed")
def test_the_real_libusb_finds_no_ring_here_and_says_so() -> None:
    factory = MockFactory(revision="902120", pin_class=MockPWMPin)
    panel = open_panel(load_profile("respeaker-usb-4mic"), factory)
    if next(iter(usb.core.find(find_all=True, idVendor=0x2886)), None) is not None:
        pytest.skip("there is an array")
    panel.close()
    factory.close()
    assert str(panel.trouble).startswith("ring 2886:0018: ")
