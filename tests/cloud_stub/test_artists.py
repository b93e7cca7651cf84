"""Which musician was meant."""

from pathlib import Path

import pytest

from cloud_stub.errors import ConfigError
from cloud_stub.hearing.artists import OFFERED, Artist, Catalogue, offered, plain, read_artists
from cloud_stub.hearing.lexicon import Lexicon


@pytest.fixture(scope="module")
def musicians() -> Catalogue:
    return Catalogue(read_artists(), Lexicon())


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("taylor swift", "Taylor Swift"),
        ("Beyoncé", "Beyoncé"),
        ("beyonce", "Beyoncé"),
        ("the Beatles", "The Beatles"),
        ("beatles", "The Beatles"),
        ("a c d c", "AC/DC"),
        ("guns n' roses", "Guns N' Roses"),
        ("david bowy", "David Bowie"),
        ("johnny hash", "Johnny Cash"),
    ],
)
def test_a_name_is_linked_however_it_is_written(musicians: Catalogue, words: str, name: str) -> None:
    link = musicians.link(words)
    assert link is not None
    assert link.name == name


def test_a_name_that_only_sounds_alike_is_linked_by_its_phones(musicians: Catalogue) -> None:
    link = musicians.link("shared")  # spelt unlike anybody
    assert link is None
    by_sound = musicians.link("share")  # CMUdict: SH EH R, as in Cher
    assert by_sound == ("Cher", 1.0)


@pytest.mark.parametrize("words", ["", "?!", "serge robert", "the quick brown fox", "bedroom lights", "x"])
def test_nobody_is_an_answer(musicians: Catalogue, words: str) -> None:
    assert musicians.link(words) is None


def test_nearest_tells_how_far_an_unknown_name_is(musicians: Catalogue) -> None:
    link = musicians.nearest("serge robert")
    assert link is not None
    assert 0 < link.score < 0.75


def test_a_name_without_a_pronunciation_is_linked_when_written_and_counted_as_unheard() -> None:
    artists = [Artist("Zvooq", ("zvooq",)), Artist("U2", ("u2", "you two"))]
    musicians = Catalogue(artists, Lexicon())
    assert musicians.spoken == ["you two"]
    assert musicians.unspoken == ["Zvooq"]
    assert musicians.link("zvooq") == ("Zvooq", 1.0)


def test_the_shipped_catalogue_holds_each_name_once() -> None:
    names = [artist.name for artist in read_artists()]
    assert len(names) == len(set(names)) >= 200


def test_a_catalogue_file_has_names_ways_to_say_them_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "artists.txt"
    path.write_text("# mine\n\nSigur Rós | sigger rose\nMo & Co\n", encoding="utf-8")
    assert read_artists(path) == [
        Artist("Sigur Rós", ("sigur ros", "sigger rose")),
        Artist("Mo & Co", ("mo and co",)),
    ]


@pytest.mark.parametrize(
    "content", [None, b"# nobody\n", b"\xff\xfe\n"], ids=["missing", "empty", "not UTF-8"]
)
def test_a_catalogue_that_cannot_be_used_is_a_configuration_error(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "artists.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"artists\.txt: .+; (name|write)"):
        read_artists(path)


def test_plain_words_have_no_accents_case_or_punctuation() -> None:
    assert plain("  Björk’s “AC/DC” & Co. ") == "bjork's ac dc and co"


@pytest.mark.parametrize("typed", ["rihanna", "riha", "Rihana", "play some rihanna"])
def test_who_types_a_name_or_a_part_of_it_is_offered_it_first(typed: str) -> None:
    assert offered(read_artists(), typed)[0] == "Rihanna"


def test_few_are_offered_each_once_and_none_for_nothing() -> None:
    many = [Artist(f"The Band {number}", ("the band", "band")) for number in range(100)]
    assert len(set(offered(many, "the band"))) == len(offered(many, "the band")) == OFFERED
    assert offered(many, "") == offered(many, "xyzzy") == []
