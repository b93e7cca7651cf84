"""Turns of a conversation on the whole firmware: answers, what stops them, and what they may ask for."""

from pathlib import Path

import numpy as np
import pytest

from tests.device.house import House, s

SPEECH = (np.sin(np.arange(5 * 16_000) * 0.2) * 3000).astype("<i2").tobytes()
"""A spoken answer of five seconds."""

STOP = '[wakeword]\nwords = ["alexa"]\nstop = "okay_nabu"\n'


def asked(path: Path, settings: str = "", length_s: float = 12) -> House:
    """A house in which somebody holds the button for a second, and is answered at 3 s."""
    house = House(path, length_s, settings)
    house.link()
    house.at(1, house.board.press)
    house.at(2.4, house.board.release)
    return house


def responding(house: House) -> tuple[int, int]:
    """When it began to answer, and when it was over."""
    phases = house.of("phase")
    begun = next(n for n, (_, fields) in enumerate(phases) if fields["phase"] == "responding")
    return phases[begun][0], phases[begun + 1][0]


def test_an_answer_is_played_to_its_end(tmp_path: Path) -> None:
    house = asked(tmp_path)
    house.at(3, lambda: house.answer(SPEECH))
    house.run()
    begun, over = responding(house)
    assert house.phases()[-2:] == ["responding", "idle"]
    assert over - begun == pytest.approx(s(5), abs=640)


def test_the_stop_word_ends_a_reply(tmp_path: Path) -> None:
    house = asked(tmp_path, STOP)
    house.at(3, lambda: house.answer(SPEECH))
    over_at = house.say("okay_nabu", 4)
    house.run()
    begun, over = responding(house)
    assert begun < s(4) < over < over_at + s(0.5)
    assert house.phases()[-2:] == ["responding", "idle"]
    (_, played) = max(house.board.played, key=lambda sound: len(sound[1]))
    assert len(played) < len(SPEECH)


def test_without_a_stop_word_in_the_settings_it_goes_on(tmp_path: Path) -> None:
    house = asked(tmp_path)
    house.at(3, lambda: house.answer(SPEECH))
    house.say("okay_nabu", 4)
    house.run()
    begun, over = responding(house)
    assert over - begun == pytest.approx(s(5), abs=640)


def test_a_tap_stops_a_reply(tmp_path: Path) -> None:
    house = asked(tmp_path)
    house.at(3, lambda: house.answer(SPEECH))
    house.at(4, house.board.tap)
    house.run()
    assert responding(house)[1] == pytest.approx(s(4.15), abs=640)
    assert len(house.of("trigger")) == 1


def test_an_answer_to_something_else_is_not_played(tmp_path: Path) -> None:
    house = asked(tmp_path)

    def answer_another() -> None:
        turn = house.speaker.parts.turn
        asked_last, turn.asked = turn.asked, "0" * 32
        house.answer(SPEECH)
        turn.asked = asked_last

    house.at(3, answer_another)
    house.run()
    assert "responding" not in house.phases()


def test_an_answer_that_comes_when_nobody_waits_is_not_played(tmp_path: Path) -> None:
    house = asked(tmp_path, "cloud.answer_s = 1.0\n")
    house.at(6, lambda: house.answer(SPEECH))
    house.run()
    assert house.phases()[-1] == "idle"
    assert "responding" not in house.phases()


def test_a_timer_rings_when_it_is_due_counted_in_samples(tmp_path: Path) -> None:
    house = asked(tmp_path)
    house.at(3, lambda: house.answer(b"", {"do": "timer", "after_s": 4.0}))
    house.run()
    set_at = responding(house)[0]
    rings = [sample for sample, _ in house.board.played if sample > set_at + s(1)]
    assert rings == [pytest.approx(set_at + s(4), abs=640)]


def test_stop_takes_the_timers_with_it(tmp_path: Path) -> None:
    house = asked(tmp_path)
    house.at(3, lambda: house.answer(b"", {"do": "timer", "after_s": 4.0}, {"do": "stop"}))
    house.run()
    set_at = responding(house)[0]
    assert not [sample for sample, _ in house.board.played if sample > set_at + s(1)]


def test_an_answer_may_set_the_volume_and_a_command_only_lower_it(tmp_path: Path) -> None:
    house = asked(tmp_path)
    house.at(3, lambda: house.answer(b"", {"do": "volume", "to": 0.5}))
    house.at(5, lambda: house.command("volume", 0.9))
    volumes = []
    house.at(6, lambda: volumes.append(house.board.loudspeaker.volume))
    house.at(7, lambda: house.command("volume", 0.2))
    house.at(8, lambda: volumes.append(house.board.loudspeaker.volume))
    house.run()
    assert volumes == [0.5, 0.2]
