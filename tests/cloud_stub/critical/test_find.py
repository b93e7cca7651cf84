"""What is critical in a transcript, and what is not; written and spoken."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from cloud_stub.critical.find import Found, find
from cloud_stub.critical.mask import mask, mask_text

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def kinds(text):
    return [each.kind for each in find(text.split())]


def spoken(number):
    return " ".join(DIGITS[int(each)] for each in number)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("my card is 4111 1111 1111 1111 thanks", "my card is [card] thanks"),
        ("it is four one double one triple one one one one one one one one one one", "it is [card]"),
        ("my iban is GB82 WEST 1234 5698 7654 32", "my iban is [iban]"),
        ("golf bravo eight two whiskey echo sierra tango one two three four five six nine eight seven six"
         " five four three two", "[iban]"),
        ("call me at 541-714-1388 please", "call me at [phone] please"),
        ("call five four one seven one four one three double eight", "call [phone]"),
        ("ring plus four four seven seven double oh nine double oh one two three now", "ring [phone] now"),
        ("my social security number is 054-28-6917", "my social security number is [ssn]"),
        ("write to jane.doe@example.com today", "write to [email] today"),
        ("write to jane dot doe at example dot com", "write to [email]"),
        ("my pin is four one two nine", "my pin is [number]"),
        ("order one two three four five six seven eight is late", "order [number] is late"),
        ("this one 5158 0174 3248 3678 it is", "this [card] it is"),
        ("call me on oh four nine oh seven five four oh eight oh", "call me on [phone]"),
        ("oh double eight seven four seven six three oh one is my phone", "[phone] is my phone"),
        (
            "i e five zero k p o e zero one six one nine seven zero one six zero zero zero eight seven",
            "[iban]",
        ),
        ("desk (37) 788-063-Office 07700 063 966-Fax", "desk [phone] [phone]"),
        ("see ticket#77123456now please", "see [number] please"),
        ("my name is jane doe", "my name is [name]"),
        ("ask doctor miller about it", "ask doctor [name] about it"),
        ("this is jane doe speaking", "this is [name] speaking"),
    ],
)  # fmt: skip
def test_it_is_found_and_masked(text, masked):
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "set a timer for twenty five minutes",
        "play nineteen eighty nine by taylor swift",
        "what is two plus two",
        "wake me at seven thirty on the twenty first",
        "it was on 2015-12-22 at 04:34:22",
        "the server is 192.168.100.200",
        "ip=|192.168.100.200|%20",
        "oh one more thing, c3po was in it",
        "one two three four let's go",
        "turn the volume to ten",
        "i want to see you for a bit",
        "this is what i said",
        "my name is on the card",
    ],
)
def test_what_is_nobodys_number_stays(text):
    assert find(text.split()) == []


def test_a_card_with_a_wrong_digit_is_hidden_all_the_same():
    assert kinds("card 4111 1111 1111 1112") == ["number"]


def test_ears_that_hear_a_word_instead_of_a_digit_do_not_uncover_the_rest():
    words = [
        "four",
        "one",
        "one",
        "one",
        "apple",
        "one",
        "one",
        "one",
        "one",
        "one",
        "one",
        "one",
        "one",
        "one",
        "one",
        "one",
    ]
    assert find(words) == [Found("number", 0, 15)]
    words = ["four", "one", "to", "for", "oh", "one", "one", "ate", "one", "one", "one", "won"]
    [found] = find(words)
    assert found[1:] == (0, 10)  # a last word that is only alike may be a word


@st.composite
def cards(draw):
    length = draw(st.integers(13, 19))
    body = draw(st.text("0123456789", min_size=length - 2, max_size=length - 2))
    number = draw(st.sampled_from("3456")) + body
    return number + luhn.calc_check_digit(number)


@given(cards(), st.randoms(use_true_random=False))
def test_every_card_however_it_is_read_out_is_found_whole(number, chance):
    words = read_out(number, chance)
    assert find(["card", *words, "please"]) == [Found("card", 1, len(words))]


def read_out(number, chance: random.Random):
    """Digits one by one, some as doubles, noughts as "oh", some groups as numerals."""
    words = []
    at = 0
    while at < len(number):
        if at + 1 < len(number) and number[at] == number[at + 1] and chance.random() < 0.5:
            words += ["double", DIGITS[int(number[at])]]
            at += 2
        elif chance.random() < 0.2:
            words.append(number[at : at + 4])
            at += 4
        else:
            beside = at > 0 and words[-1:] and words[-1] in DIGITS and at + 1 < len(number)
            words.append(
                "oh" if number[at] == "0" and beside and chance.random() < 0.5 else DIGITS[int(number[at])]
            )
            at += 1
    return words


@given(st.lists(st.text(max_size=12), max_size=20))
def test_whatever_is_said_finds_are_in_order_apart_and_inside(words):
    found = find(words)
    ends = [-1]
    for each in found:
        assert ends[-1] < each.first <= each.last < len(words)
        ends.append(each.last)
    assert len(mask(words, found)) == len(words)
