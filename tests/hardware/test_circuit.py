"""The mute circuit of the XVF3800, read over USB: either it or a switch mutes, and only a hand unmutes."""

import errno
import signal
import threading
from collections.abc import Callable

import msgspec
import pytest
import usb.core as usb_core
from gpiozero.pins.mock import MockFactory, MockPWMPin
from hypothesis import given
from hypothesis import strategies as st

from hardware.board import Edge
from hardware.circuit import Belief
from hardware.panel import open_panel
from hardware.profiles import Lights, load_profile
from tests.hardware.panels import panel_of
from tests.hardware.usb_twin import PATIENCE_S, Usb, Xvf3800

PROFILE = msgspec.structs.replace(load_profile("respeaker-xvf3800"), lights=Lights("none"))
WITH_SWITCH = msgspec.structs.replace(PROFILE, panel=msgspec.structs.replace(PROFILE.panel, mute=27))


@pytest.mark.parametrize("muted", [True, False])
def test_a_panel_knows_from_the_beginning_how_the_circuit_stands(muted: bool) -> None:
    bus = Usb(Xvf3800())
    bus.device.muted = muted
    with panel_of(PROFILE, bus) as panel:
        assert panel.level("mute") is muted
        assert not panel.edges
        assert panel.trouble is None
        assert panel.mute_lasts is False


def test_the_button_of_the_array_is_an_edge_each_time(usb: Usb) -> None:
    with panel_of(PROFILE, usb) as panel:
        usb.device.press_mute()
        assert usb.until(lambda: panel.level("mute"))
        usb.device.press_mute()
        assert usb.until(lambda: not panel.level("mute"))
    assert list(panel.edges) == [Edge("mute", True), Edge("mute", False)]


def test_it_is_only_ever_read(usb: Usb) -> None:
    with panel_of(PROFILE, usb) as panel:
        panel.show("muted", 0)
        assert usb.transfers(3)
    assert usb.device.written == []


def test_an_array_that_asks_for_patience_is_asked_again(usb: Usb) -> None:
    usb.device.muted, usb.device.ask_again = True, 3
    with panel_of(PROFILE, usb) as panel:
        assert panel.level("mute") is True
        assert usb.requests >= 4


def test_either_switch_or_circuit_mutes(usb: Usb) -> None:
    factory = MockFactory(revision="902120", pin_class=MockPWMPin)
    panel = open_panel(WITH_SWITCH, factory, usb=usb)
    switch = factory.pin(27)
    assert panel.level("mute") is True  # the switch's wire is not there
    switch.drive_low()
    assert panel.level("mute") is False
    usb.device.press_mute()
    assert usb.until(lambda: panel.level("mute"))
    switch.drive_high()
    switch.drive_low()
    assert panel.level("mute") is True
    assert list(panel.edges) == [Edge("mute", level) for level in (False, True, True, True)]
    panel.close()
    factory.close()


def test_one_that_is_there_and_refuses_from_the_beginning_is_muted(usb: Usb) -> None:
    usb.refuse(errno.EACCES)
    with panel_of(PROFILE, usb) as panel:
        assert panel.level("mute") is True
        assert str(panel.trouble).startswith("mute circuit 2886:001a: permission denied; install systemd/60-")
        usb.refuse(0)
        assert usb.transfers(3)
        assert panel.level("mute") is True  # that it says `live` now is no hand
        assert not panel.edges
        press_twice(usb)
        assert usb.until(lambda: not panel.level("mute"))


def wait_until(true: Callable[[], bool]) -> None:
    """For what no transfer announces, since none ends."""
    never, looks = threading.Event(), 200
    while not true() and looks:
        never.wait(0.05)
        looks -= 1
    assert looks, "it never came true"


def press_twice(usb: Usb) -> None:
    usb.device.press_mute()
    assert usb.transfers(2)
    usb.device.press_mute()


def test_a_driver_that_raises_what_nobody_announced_is_muted_and_asked_again(usb: Usb) -> None:
    usb.raises = NotImplementedError("no way to detach a driver here")
    with panel_of(PROFILE, usb) as panel:
        assert panel.level("mute") is True
        assert "NotImplementedError" in str(panel.trouble)
        usb.raises = None
        assert usb.until(lambda: panel.trouble is None)
        assert panel.level("mute") is True


def test_without_libusb_nobody_knows_so_it_is_muted(usb: Usb) -> None:
    usb.raises = usb_core.NoBackendError("No backend available")
    with panel_of(PROFILE, usb) as panel:
        assert panel.level("mute") is True
        assert "apt install libusb-1.0-0" in str(panel.trouble)


def test_what_was_refused_for_a_moment_while_the_array_came_back_unmutes_nobody_and_mutes_nobody(
    usb: Usb,
) -> None:
    with panel_of(PROFILE, usb) as panel:
        usb.unplug()
        assert usb.until(lambda: panel.trouble is not None)
        usb.refuse(errno.EACCES)  # its node is root's until udev has been there
        usb.plug()
        assert usb.transfers(1)
        usb.refuse(0)
        assert usb.until(lambda: panel.trouble is None)
        assert panel.level("mute") is False
        assert not panel.edges


def test_one_that_answers_nonsense_is_muted(usb: Usb) -> None:
    usb.device.status = 7
    with panel_of(PROFILE, usb) as panel:
        assert panel.level("mute") is True
        assert "it answered 07" in str(panel.trouble)


def test_one_that_stops_answering_becomes_muted(usb: Usb) -> None:
    with panel_of(PROFILE, usb) as panel:
        assert panel.level("mute") is False
        usb.refuse(errno.ETIMEDOUT)
        assert usb.until(lambda: panel.level("mute"))
        assert list(panel.edges) == [Edge("mute", True)]


def test_without_an_array_the_circuit_mutes_nobody(usb: Usb) -> None:
    usb.unplug()
    with panel_of(PROFILE, usb) as panel:
        assert panel.level("mute") is False
        assert "not plugged in" in str(panel.trouble)


def test_an_array_that_lost_its_supply_while_muted_stays_muted_until_a_hand_unmutes_it(usb: Usb) -> None:
    usb.device.muted = True
    with panel_of(PROFILE, usb) as panel:
        usb.unplug()
        usb.plug()
        assert not usb.device.muted
        assert usb.transfers(3)
        assert panel.level("mute") is True
        usb.device.press_mute()
        assert usb.transfers(2)
        usb.device.press_mute()
        assert usb.until(lambda: not panel.level("mute"))


def test_a_circuit_that_hangs_does_not_keep_the_panel_from_opening_or_answering(usb: Usb) -> None:
    usb.hang()
    with panel_of(PROFILE, usb) as panel:
        assert usb.hanging.is_set()
        assert panel.level("button") is False
        assert panel.level("mute") is True  # nobody has said anything yet
        usb.let_go()
        assert usb.transfers(3)
        assert panel.level("mute") is True  # though it says `live`
        press_twice(usb)
        assert usb.until(lambda: not panel.level("mute"))


def test_whoever_gives_up_waiting_for_it_has_the_pins_back(usb: Usb) -> None:
    factory = MockFactory(revision="902120", pin_class=MockPWMPin)
    usb.hang()

    def interrupt() -> None:
        assert usb.hanging.wait(PATIENCE_S)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    hand = threading.Thread(target=interrupt)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it may come while the thread is started
        hand.start()
        open_panel(PROFILE, factory, usb=usb)
    hand.join()
    usb.let_go()
    open_panel(PROFILE, factory, usb=usb).close()
    factory.close()


def test_one_that_begins_to_hang_counts_as_muted_and_says_so(usb: Usb) -> None:
    with panel_of(PROFILE, usb) as panel:
        assert panel.level("mute") is False
        usb.hang()
        assert usb.hanging.wait(PATIENCE_S)
        wait_until(lambda: panel.level("mute"))
        assert "it hangs; unplug it" in str(panel.trouble)
        usb.let_go()
        assert usb.transfers(3)
        assert panel.level("mute") is True


@pytest.fixture
def usb() -> Usb:
    return Usb(Xvf3800())


HISTORY = st.lists(st.sampled_from(["muted", "live", "refused", "gone"]), max_size=12)


def believed(history: list[str]) -> Belief:
    belief = Belief()
    for said in history:
        if said in {"muted", "live"}:
            belief.answer(said == "muted")
        else:
            belief.miss(there=said == "refused")
    return belief


@given(history=HISTORY)
def test_whatever_happened_a_circuit_that_says_muted_is_muted(history: list[str]) -> None:
    assert believed([*history, "muted"]).muted


@given(history=HISTORY, between=st.lists(st.sampled_from(["refused", "gone"]), min_size=1, max_size=5))
def test_whatever_happened_silence_and_then_live_do_not_unmute(
    history: list[str], between: list[str]
) -> None:
    assert believed([*history, "muted", *between, "live", "live"]).muted


@given(history=HISTORY)
def test_whatever_happened_pressing_it_twice_makes_it_live(history: list[str]) -> None:
    assert not believed([*history, "muted", "live"]).muted


@given(history=HISTORY)
def test_whatever_happened_nothing_but_muted_then_live_unmutes(history: list[str]) -> None:
    belief, before = Belief(), "live"
    for said in history:
        was = belief.muted
        if said in {"muted", "live"}:
            belief.answer(said == "muted")
        else:
            belief.miss(there=said == "refused")
        if was and not belief.muted:
            assert (before, said) == ("muted", "live")
        before = said


@given(history=HISTORY)
def test_two_refusals_are_muted(history: list[str]) -> None:
    assert believed([*history, "refused", "refused"]).muted


def test_a_single_refusal_does_not_mute() -> None:
    assert not believed(["live", "refused"]).muted
    assert not believed(["live", "refused", "live"]).muted
