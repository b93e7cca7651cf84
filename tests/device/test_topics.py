"""A topic is built and taken apart in one place, and nothing that is not exactly ours passes for ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.envelope import EnvelopeError, topics

DEVICE = "ovh-abcdefghijklmnopqrstuvwxyz"
UTTERANCE = "00112233445566778899aabbccddeeff"


def test_topics_are_the_ones_written_down() -> None:
    assert (
        topics.utterance(DEVICE, UTTERANCE, "begin")
        == f"overheard/v1/{DEVICE}/up/utterance/{UTTERANCE}/begin"
    )
    assert topics.status(DEVICE) == f"overheard/v1/{DEVICE}/up/status"
    assert topics.checkpoint(DEVICE) == f"overheard/v1/{DEVICE}/up/checkpoint"
    assert topics.ack(DEVICE) == f"overheard/v1/{DEVICE}/down/ack"
    assert topics.command(DEVICE) == f"overheard/v1/{DEVICE}/down/command"
    assert topics.response(DEVICE) == f"overheard/v1/{DEVICE}/down/response"
    assert topics.request(DEVICE) == f"overheard/v1/{DEVICE}/up/request"
    assert topics.state(DEVICE) == f"overheard/v1/{DEVICE}/up/state"
    assert topics.certificate(DEVICE) == f"overheard/v1/{DEVICE}/down/certificate"
    assert topics.KEYS == "overheard/v1/keys"


@given(
    device=st.from_regex(r"[a-z0-9-]{1,36}", fullmatch=True),
    utterance=st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    part=st.sampled_from(topics.PARTS),
)
def test_every_topic_is_parsed_back_to_what_it_was_built_from(device: str, utterance: str, part: str) -> None:
    assert topics.parse(topics.utterance(device, utterance, part)) == (part, device, utterance)
    for kind in ("status", "checkpoint", "request", "state", "ack", "command", "response", "certificate"):
        assert topics.parse(getattr(topics, kind)(device)) == (kind, device, None)
    assert topics.parse(topics.KEYS) == ("keys", None, None)


@pytest.mark.parametrize("device", ["", "+", "#", "a/b", "A", "a" * 37, "a b", "a\n", "$SYS", "ä", "٣"])
def test_no_wildcard_or_slash_gets_into_a_topic_through_a_device_id(device: str) -> None:
    with pytest.raises(EnvelopeError):
        topics.status(device)
    with pytest.raises(EnvelopeError):
        topics.utterance(device, UTTERANCE, "begin")


@pytest.mark.parametrize(
    ("utterance", "part"),
    [
        ("+", "begin"),
        (UTTERANCE.upper(), "begin"),
        (UTTERANCE[1:], "begin"),
        (UTTERANCE, "#"),
        (UTTERANCE, "middle"),
    ],
)
def test_only_whole_ids_and_known_parts_make_a_topic(utterance: str, part: str) -> None:
    with pytest.raises(EnvelopeError):
        topics.utterance(DEVICE, utterance, part)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "overheard/v1",
        "overheard/v2/keys",
        "overheard/v1/keys/",
        "/overheard/v1/keys",
        f"overheard/v1/{DEVICE}/up/status\n",
        f"overheard/v1/{DEVICE}/up/ack",
        f"overheard/v1/{DEVICE}/down/status",
        f"overheard/v1/{DEVICE}/up/utterance/{UTTERANCE}",
        f"overheard/v1/{DEVICE}/up/utterance/{UTTERANCE}/begin/more",
        f"overheard/v1/{DEVICE}/up/utterance/{UTTERANCE.upper()}/begin",
        f"overheard/v1/+/up/utterance/{UTTERANCE}/begin",
        "overheard/v1/+/up/#",
    ],
)
def test_a_topic_that_is_not_ours_is_none(topic: str) -> None:
    assert topics.parse(topic) is None


@given(st.text())
def test_no_text_at_all_upsets_the_parser(topic: str) -> None:
    assert topics.parse(topic) is None
    parsed = topics.parse(topics.status(DEVICE) + topic)
    assert parsed is None or topic == ""
