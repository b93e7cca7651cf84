"""A wake that comes again in another round is the same one, within a second."""

from lab.study.places import Places
from lab.study.records import AS_IT_IS, Heard, Item


def wake(
    at_s: float, number: int = 0, file: str = "a.wav", word: str = "alexa", accepted: bool = True
) -> Heard:
    return Heard(
        file, number, AS_IT_IS, word, at_s, at_s, 0.9, 0.9, accepted, 4.0 if accepted else 0.0, None, False
    )


def items(rounds: int, *files: str) -> list[Item]:
    return [Item(file, number, AS_IT_IS, 60.0) for number in range(rounds) for file in files]


def test_wakes_within_a_second_are_one_place() -> None:
    places = Places(items(4, "a.wav"), [wake(10), wake(10.9, 1), wake(9.9, 3), wake(20, 2)])
    assert [(place.at_s, place.came, place.rounds) for place in places.all] == [(9.9, 3, 4), (20, 1, 4)]
    assert [place.share for place in places.all] == [0.75, 0.25]


def test_a_place_does_not_grow_from_wake_to_wake() -> None:
    places = Places(items(3, "a.wav"), [wake(10), wake(10.8, 1), wake(11.6, 2)])
    assert [place.came for place in places.all] == [2, 1]


def test_two_wakes_of_one_round_at_one_place_are_one_round() -> None:
    (place,) = Places(items(2, "a.wav"), [wake(10), wake(10.5)]).all
    assert (place.came, place.rounds) == (1, 2)


def test_files_and_words_are_kept_apart() -> None:
    heard = [wake(1), wake(1, file="b.wav"), wake(1, word="hey_jarvis")]
    assert len(Places(items(1, "a.wav", "b.wav"), heard).all) == 3


def test_a_rejected_wake_has_no_place() -> None:
    rejected, accepted = wake(1, accepted=False), wake(1, 1)
    places = Places(items(2, "a.wav"), [rejected, accepted])
    assert places.of(rejected) is None
    (place,) = places.all
    assert places.of(accepted) == place
    assert place.came == 1


def test_without_wakes_there_are_no_places() -> None:
    assert Places(items(1, "a.wav"), []).all == []
