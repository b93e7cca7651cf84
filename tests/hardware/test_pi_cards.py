"""What the kernel says of its cards, and which of them is meant, over made-up ones."""

from pathlib import Path

import pytest

from hardware.errors import BoardError, MicrophoneLost
from hardware.pi import cards
from hardware.pi.cards import SoundCard, capture_state, meant, sound_cards, wanted
from hardware.profiles import load_profile
from tests.hardware.made_up_cards import CLOSED, RUNNING, Kernel

ARRAY = load_profile("respeaker-usb-4mic").microphone
GENERIC = load_profile("generic-usb").microphone


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    kernel = Kernel(tmp_path)
    kernel.plug(0, "bcm2835 Headphones", plays=True)
    kernel.plug(1, "ReSpeaker 4 Mic Array (UAC1.0)", "2886:0018", 6)
    return kernel


def test_cards_are_read_with_their_usb_ids_and_channels(kernel: Kernel) -> None:
    assert sound_cards(kernel.proc) == [
        SoundCard(0, "bcm2835 Headphones", "", False, (), plays=True),
        SoundCard(1, "ReSpeaker 4 Mic Array (UAC1.0)", "2886:0018", True, (6,)),
    ]


def test_no_cards_and_no_kernel_with_sound_are_no_cards(tmp_path: Path) -> None:
    assert sound_cards(Kernel(tmp_path).proc) == []
    assert sound_cards(tmp_path / "nowhere") == []


def test_a_card_that_was_plugged_in_again_is_found_by_its_usb_id_under_its_new_number(kernel: Kernel) -> None:
    assert wanted(ARRAY, "", kernel.proc) == ["(hw:1,"]
    kernel.unplug(1)
    assert wanted(ARRAY, "", kernel.proc) == ["ReSpeaker 4 Mic Array"]
    kernel.plug(1, "Webcam", "046d:0825", 1)
    kernel.plug(2, "ReSpeaker 4 Mic Array (UAC1.0)", "2886:0018", 6)
    assert wanted(ARRAY, "", kernel.proc) == ["(hw:2,"]
    assert meant(ARRAY, "", kernel.proc) == 2


def test_the_owners_setting_overrules_the_profile(kernel: Kernel) -> None:
    kernel.plug(2, "Webcam", "046d:082A".lower(), 1)
    assert wanted(ARRAY, "046d:082A", kernel.proc) == ["(hw:2,"]
    assert wanted(ARRAY, "webcam", kernel.proc) == ["webcam"]
    assert [meant(ARRAY, own, kernel.proc) for own in ("046d:082A", "webcam", "cam that is not there")] == [
        2,
        2,
        None,
    ]


def test_an_owners_usb_id_that_no_card_has_is_an_unplugged_microphone(kernel: Kernel) -> None:
    with pytest.raises(MicrophoneLost, match="no sound card has the USB id 1234:5678") as refusal:
        wanted(ARRAY, "1234:5678", kernel.proc)
    assert refusal.value.fault == "unplugged"


def test_without_a_usb_id_cards_are_looked_for_by_the_profiles_names(kernel: Kernel) -> None:
    assert wanted(GENERIC, "", kernel.proc) == list(GENERIC.names)
    assert meant(GENERIC, "", kernel.proc) is None
    kernel.plug(3, "USB PnP Sound Device", "08bb:2902", 1)
    assert meant(GENERIC, "", kernel.proc) == 3


@pytest.mark.parametrize("own", ["two\nlines", " blank", "blank "])
def test_a_setting_that_can_mean_no_card_is_refused_in_one_line(own: str) -> None:
    with pytest.raises(BoardError, match=r"^board\.microphone: .*; give a USB id") as refusal:
        cards.check_own(own, "microphone")
    assert "\n" not in str(refusal.value)


def test_the_state_of_a_capture_stream_is_the_kernels_word(kernel: Kernel) -> None:
    assert capture_state(kernel.proc, 1) == "closed"
    kernel.stream(1, RUNNING)
    assert capture_state(kernel.proc, 1) == "RUNNING"
    kernel.stream(1, CLOSED)
    assert capture_state(kernel.proc, 1) == "closed"


def test_nobody_can_say_the_state_without_a_card_or_without_a_kernel_that_has_sound(kernel: Kernel) -> None:
    assert capture_state(kernel.proc, None) is None
    assert capture_state(kernel.proc, 0) is None  # it does not capture
    assert capture_state(kernel.proc, 7) is None
    assert capture_state(kernel.proc / "nowhere", 1) is None


def test_whether_a_card_is_there_is_not_known_without_the_kernel(kernel: Kernel) -> None:
    seen = [cards.there(kernel.proc, 1), cards.there(kernel.proc, 9), cards.there(kernel.proc / "nowhere", 1)]
    assert seen == [True, False, None]


def test_the_number_of_a_card_is_in_portaudios_name_if_it_has_one() -> None:
    assert cards.number_of("ReSpeaker 4 Mic Array (UAC1.0): USB Audio (hw:12,0)") == 12
    assert cards.number_of("default") is None
