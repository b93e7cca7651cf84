"""Recall and precision on the labelled sentences of shared data/pii, by the bench's own counting."""

import random
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PII = ROOT.parent / "shared" / "data" / "pii"
sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))

from critical.sentences import NUMBERS, Sentence, Span, made_up, read, transcript, written
from critical.tables import of_text, share

needs_pii = pytest.mark.skipif(not PII.exists(), reason="the sentences are not in ../shared/data/pii")


def shares(table: str) -> dict[str, list[float]]:
    """Kind to the per cents in its row: hidden whole, of that kind, finds that are right."""
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    return {row[0]: [float(cell.split(" %")[0]) for cell in row[1:]] for row in rows if row[0] in NUMBERS}


@needs_pii
def test_nine_of_ten_written_and_spoken_digit_by_digit_are_found_and_nine_of_ten_finds_are_right() -> None:
    sentences, chance = read(PII), random.Random(11)
    for words_of in (written, lambda each: transcript(each, chance)):
        found = shares(of_text(sentences, words_of))
        assert set(found) == set(NUMBERS)
        assert min(min(each) for each in found.values()) >= 90


def test_every_made_up_number_is_hidden_whole() -> None:
    found = shares(of_text(made_up(60, random.Random(5)), written))
    assert {kind: each[0] for kind, each in found.items()} == dict.fromkeys(NUMBERS, 100)


def test_the_count_sees_what_is_missed_and_what_is_wrong() -> None:
    missed = Sentence("my card is lost in town", (Span("card", 3, 10),))
    wrong = Sentence("my card is 4111 1111 1111 1111", ())
    found = of_text([missed, wrong], written)
    assert "| card | 0 % of 1 (0-79) | 0 % of 1 (0-79) | 0 % of 1 (0-79) |" in found


def test_a_share_of_nothing_is_none() -> None:
    assert (share(0, 0), share(9, 10)) == ("none", "90 % of 10 (60-98)")
