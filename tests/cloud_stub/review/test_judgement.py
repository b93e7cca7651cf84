"""What listeners say: alignment with what the machine heard, and whether two agree."""

import jiwer
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.review.agreement import agreement, pair
from cloud_stub.review.judgement import Judgement, Word, agree, align, word_errors

SAID = Judgement("play taylor swift", "right", "right", False, "Taylor Swift")
TEXTS = st.lists(st.sampled_from(["play", "the", "beatles", "stop", "a"]), max_size=8).map(" ".join)


def test_the_machine_beside_the_person():
    assert align("play tailor", "please play taylor") == [
        Word("", "please"),
        Word("play", "play"),
        Word("tailor", "taylor"),
    ]
    assert align("", "no one") == [Word("", "no"), Word("", "one")]
    assert align("noise", "") == [Word("noise", "")]
    assert align("", "") == []


@given(TEXTS, TEXTS)
def test_an_alignment_loses_no_word_and_counts_as_jiwer_does(machine, person):
    columns = align(machine, person)
    assert " ".join(each.machine for each in columns if each.machine) == machine
    assert " ".join(each.person for each in columns if each.person) == person
    if machine and person:
        found = jiwer.process_words(person, machine)
        wrong = found.substitutions + found.deletions + found.insertions
        assert word_errors(person, machine) == (wrong, len(person.split()))


def test_two_agree_who_say_the_same_but_for_a_few_words():
    few = msgspec.structs.replace(SAID, transcript="Play  TAYLOR swift")
    one_off = msgspec.structs.replace(SAID, transcript="play taylor")
    assert agree(SAID, few, 0.0)
    assert agree(SAID, one_off, 0.4)
    assert not agree(SAID, one_off, 0.3)


@pytest.mark.parametrize(
    "other", [{"intent": "wrong"}, {"answer": "unclear"}, {"false_wake": True}, {"artist": "Tailor"}]
)
def test_one_different_answer_is_a_dispute(other):
    assert not agree(SAID, msgspec.structs.replace(SAID, **other), 1.0)


@pytest.mark.parametrize("bad", [{"intent": "maybe"}, {"transcript": "x" * 2001}, {"remark": "it is Bob"}])
def test_a_judgement_has_no_room_for_more(bad):
    whole = msgspec.to_builtins(SAID) | bad
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(whole, Judgement)


def test_alpha_of_a_published_table():
    """Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), two observers, binary data:
    alpha = 0.095.
    """
    one, other = "0100000000", "1110010010"
    counts: dict[tuple[str, str], int] = {}
    for each in zip(one, other, strict=True):
        key = pair(*each)
        counts[key] = counts.get(key, 0) + 1
    found = agreement("intent", counts)
    assert (found.pairs, found.same) == (10, 6)
    assert found.alpha == pytest.approx(0.095, abs=0.0005)


def test_perfect_chance_and_undefined():
    assert agreement("intent", {("a", "a"): 3, ("b", "b"): 2}).alpha == pytest.approx(1.0)
    assert agreement("intent", {("a", "a"): 3}).alpha is None
    assert agreement("intent", {}) == ("intent", 0, 0, None)
    assert agreement("intent", {("a", "b"): 4}).alpha < 0
