"""Closed means closed, by the word of the kernel: a microphone that is open all the same is shown, told and
written down, and a light that says muted is never shown while one is opened.
"""

from pathlib import Path

import pytest

from hardware.board import RATE_HZ
from tests.device.house import House, s


def cue_at(house: House, at_s: float) -> str:
    return [cue for sample, cue, _ in house.board.shown if sample <= s(at_s)][-1]


def rows(house: House) -> list[tuple[str | None, float]]:
    return [
        (row.cause, (row.first_sample or 0) / RATE_HZ) for row in house.rows() if row.kind == "microphone"
    ]


def test_a_microphone_that_cannot_be_closed_is_no_steady_red(tmp_path: Path) -> None:
    house = House(tmp_path, 8, noise_floor=30)
    house.at(1, house.board.hold)
    house.at(2, house.board.mute_on)
    house.at(5, house.board.heal)
    house.run()
    assert house.phases() == ["idle", "muted"]
    assert [cue_at(house, at_s) for at_s in (2.1, 4.9, 6.1)] == ["error", "error", "muted"]
    (held, began_s), (well, over_s) = rows(house)
    assert (held, began_s, well) == ("held", 2, "well")
    assert 5 <= over_s <= 6.1
    assert [fields["fault"] for _, fields in house.of("microphone")] == ["held", "well"]
    assert house.board.microphone.frames_read == s(2) // 320


def test_who_hears_while_the_speaker_starts_muted_is_found(tmp_path: Path) -> None:
    """Another program has the card, say."""
    house = House(tmp_path, 4, muted=True)
    house.board.hold()
    house.run()
    assert cue_at(house, 1) == "error"
    assert [cause for cause, _ in rows(house)] == ["held"]
    assert house.board.microphone.frames_read == 0


def test_who_comes_while_it_is_muted_is_found_within_a_second(tmp_path: Path) -> None:
    house = House(tmp_path, 6)
    house.at(1, house.board.mute_on)
    house.at(3, house.board.hold)
    house.run()
    assert cue_at(house, 2.9) == "muted"
    assert cue_at(house, 4.1) == "error"


@pytest.mark.parametrize("fault", ["held", "well"])
def test_unmuted_it_is_heard_again_and_is_well(tmp_path: Path, fault: str) -> None:
    house = House(tmp_path, 9, noise_floor=30)
    house.link()
    house.at(1, house.board.mute_on)
    if fault == "held":
        house.at(1.5, house.board.hold)
    house.at(4, house.board.mute_off)
    house.at(5, house.board.heal)
    house.run()
    assert cue_at(house, 8) == "idle"
    assert house.board.microphone.is_open is False
    assert house.board.microphone.frames_read > s(5) // 320


@pytest.mark.parametrize("muted", [True, False])
def test_the_light_never_says_muted_while_the_microphone_is_opened(tmp_path: Path, muted: bool) -> None:
    house = House(tmp_path, 6, muted=muted)
    opened, showed = house.board.microphone.open, []

    def watched() -> None:
        showed.append(house.board.shown[-1][1] if house.board.shown else "nothing")
        opened()

    house.board.microphone.open = watched
    house.at(1, house.board.mute_on)
    house.at(2, house.board.mute_off)
    house.run()
    assert len(showed) == 1 + (not muted)
    assert not set(showed) & {"muted", "muted_soft", "nothing"}
