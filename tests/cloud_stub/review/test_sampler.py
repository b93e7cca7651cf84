"""The draw: its share, its key, and that anybody with the key draws the same."""

import hashlib
import hmac
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.review.sampler import hears_two, is_drawn
from cloud_stub.whose import Whose

KEY = bytes(range(32))


@pytest.mark.parametrize("share", [0.002, 0.05, 0.5])
def test_the_share_drawn_is_the_share_named(share):
    tries = 200_000
    drawn = sum(is_drawn(KEY, Whose("device", f"{at:032x}"), share) for at in range(tries))
    spread = math.sqrt(tries * share * (1 - share))
    assert abs(drawn - tries * share) < 4.5 * spread  # by chance once in 150,000 keys; this key is fixed


def test_another_key_draws_others():
    all_of = [Whose("device", f"{at:032x}") for at in range(5000)]
    drawn = [{each for each in all_of if is_drawn(key, each, 0.05)} for key in (KEY, bytes(32))]
    assert 0 < len(drawn[0] & drawn[1]) < 0.2 * len(drawn[0])


def test_a_stranger_computes_the_same_from_the_documentation():
    whose = Whose("speaker-1", "ab" * 16)
    digest = hmac.new(KEY, b"overheard/v1/draw\0speaker-1\0" + b"ab" * 16, hashlib.sha256).digest()
    chance = int.from_bytes(digest[:8], "big") / 2**64
    assert is_drawn(KEY, whose, chance + 1e-9)
    assert not is_drawn(KEY, whose, chance - 1e-9)


@given(st.text(min_size=1), st.text(min_size=1))
def test_all_and_none(device, utterance):
    assert is_drawn(KEY, Whose(device, utterance), 1.0)
    assert not is_drawn(KEY, Whose(device, utterance), 0.0)


def test_who_hears_two_is_drawn_apart():
    drawn = [Whose("d", str(at)) for at in range(40_000) if is_drawn(KEY, Whose("d", str(at)), 0.05)]
    two = sum(hears_two(KEY, each, 0.2) for each in drawn)
    assert 0.15 < two / len(drawn) < 0.25


def test_device_and_utterance_do_not_run_together():
    pairs = [(Whose("a", f"b{at}"), Whose("ab", str(at))) for at in range(400)]
    assert any(is_drawn(KEY, one, 0.5) != is_drawn(KEY, other, 0.5) for one, other in pairs)
