"""The sentence above the picture: true for an honest story, red for each one that breaks a promise."""

import re
from pathlib import Path

import pytest

from lab.report import write_report
from tests.lab.test_report_stories import RATE, Story, begun, evening, spoken

NO_BUT, PERHAPS = "No, but something else is wrong.", "It cannot be ruled out."


def sentence(story: Story, directory: Path) -> str:
    page = write_report(story.write(directory), "A story", [], []).read_text(encoding="utf-8")
    found = re.search(r'id="sentence"><strong class="word">(.*?)</strong> (.*?)</p>', page)
    assert found
    assert ('class="answer bad"' in page) is (found[1] != "No.")
    return f"{found[1]} {found[2]}"


def after_a_rejected_wake() -> Story:
    story = begun(30)
    story.trigger(9, score=0.88)
    story.phase(9.4, "idle")
    story.utterance(10, 2)
    return story


def second_on_one_trigger() -> Story:
    story = spoken()
    story.rows = [row for row in story.rows if row.get("phase") != "idle" or row["sample"] == 0]
    story.utterance(15, 1)
    return story


def sent_after_its_end() -> Story:
    story = spoken()
    story.publish(
        12.2, "segment", 2582, utterance=f"{1:032x}", first_sample=12 * RATE, samples=1280, segment=25
    )
    return story


def sent_of_no_utterance() -> Story:
    story = spoken()
    story.publish(20, "segment", 2582, utterance="f" * 32, first_sample=19 * RATE, samples=320, segment=0)
    return story


def sent_ahead() -> Story:
    story = spoken()
    for row in story.rows:
        if row.get("what") == "begin":
            row["sample"] = 9 * RATE
    return story


def kept_while_muted() -> Story:
    story = spoken()
    story.row("mute", 11, on=True)
    story.row("mute", 13, on=False)
    return story


def kept_early_but_never_sent() -> Story:
    story = begun(30)
    story.trigger(10, score=0.93)
    story.row("utterance", 12, id="a" * 32, first_sample=9 * RATE, samples=3 * RATE, reason="cancelled")
    return story


def unledgered(**changed: object) -> Story:
    story = spoken()
    row = {"topic": "overheard/v1/ovh-kitchen/up/status", "bytes": 182, "what": "status", "row": 1}
    story.row("publish", 5, **{**row, **changed})
    return story


def silent_about_its_audio() -> Story:
    story = spoken()
    story.publish(20, "segment", 2582, utterance=f"{1:032x}")
    return story


def test_the_sentence_for_an_honest_evening_says_that_nothing_left_early(tmp_path: Path) -> None:
    said = "No. 108.0 s heard, 12.0 s muted, 12.5 s kept, 12.5 s sent, nothing from before a trigger."
    assert sentence(evening(), tmp_path) == said


def test_the_sentence_for_an_empty_room_says_so(tmp_path: Path) -> None:
    assert (
        sentence(begun(5), tmp_path)
        == "No. 5.0 s heard, 0.0 s kept, 0.0 s sent, nothing from before a trigger."
    )


def test_a_message_sent_twice_is_counted_once_in_seconds(tmp_path: Path) -> None:
    story = spoken()
    story.rows += [row for row in story.rows if row.get("what") == "segment"]
    assert sentence(story, tmp_path).startswith("No. 30.0 s heard, 2.0 s kept, 2.0 s sent")


@pytest.mark.parametrize(
    ("story", "says"),
    [
        (spoken(early_s=0.5), "Yes. .* but 500 ms kept and sent from before a trigger"),
        (spoken(early_s=1 / RATE), "Yes. .* but 1 ms kept and sent from before a trigger"),
        (spoken(triggered=False), "Yes. .* but 2.0 s kept and sent without any trigger"),
        (after_a_rejected_wake(), "Yes. .* but 2.0 s kept and sent without any trigger"),
        (second_on_one_trigger(), "Yes. .* but 1.0 s kept and sent without any trigger"),
        (sent_after_its_end(), "Yes. .* but 80 ms sent from outside any utterance"),
        (sent_of_no_utterance(), "Yes. .* but 20 ms sent from outside any utterance"),
        (sent_ahead(), "Yes. .* but 1 message left before the trigger they belong to"),
        (kept_while_muted(), f"{NO_BUT} .* but 1.0 s kept and sent while muted"),
        (kept_early_but_never_sent(), f"{NO_BUT} .* but 1.0 s kept from before a trigger"),
        (unledgered(row=None), f"{PERHAPS} .* but 1 message not in the ledger as they left"),
        (unledgered(bytes=183), f"{PERHAPS} .* but 1 message not in the ledger as they left"),
        (unledgered(what="debug"), f"{PERHAPS} .*; 1 message of a kind that the wire format does not have"),
        (silent_about_its_audio(), f"{PERHAPS} .* but 1 message not in the ledger as they left"),
    ],
)
def test_the_sentence_turns_red_for_each_broken_story(story: Story, says: str, tmp_path: Path) -> None:
    assert re.match(says, sentence(story, tmp_path))
