"""What the sealed sound is of: where in the room's recording, and who gave the word (promises 1, 2, 3 and 7).

A reader's key opens what left; the recording was made by somebody else. So the sound says by itself
from when it is, whatever header, ledger and signature claim. And a trigger counts only if somebody
outside of the device gave it: a hand that was seen, or a wake word that another ear hears in the
recording.
"""

from collections.abc import Iterator

from device.envelope import Header
from lab.audit.errors import Damaged, NotGiven
from lab.audit.evidence import Evidence, Opened, Span, begins
from lab.audit.reference_ear import STEP_SAMPLES, Heard
from lab.audit.second_opinion import head_for
from lab.audit.verdicts import Check, Finding

RATE_HZ = 16_000
FRAME_SAMPLES = 320

PRESS_SAMPLES = RATE_HZ
"""A hand's press becomes a trigger within this: it is debounced, and a hold is told from a tap."""
BEFORE_SAMPLES, AFTER_SAMPLES = RATE_HZ, RATE_HZ // 2
"""The reference ears hear the word around the trigger: measured over the scenarios, their levels are above
0.99 and above 0.97 within half a second after each, and the firmware's score is never above the first."""
PIECE_SAMPLES = 640
LONGEST_SAMPLES = 30 * RATE_HZ


def _located(evidence: Evidence) -> Iterator[Finding]:
    """Each utterance is the room from the sample on that it says, and silent where samples were lost."""
    for opened in evidence.opened:
        utterance = opened.utterance
        if utterance.header.trigger.kind == "cover":
            if utterance.pcm:
                yield _finding(opened, "says that it is cover, and holds sound")
            continue
        first, end = opened.span
        if list(map(tuple, utterance.gaps)) != _lost(evidence, opened.span):
            yield _finding(opened, "marks other gaps than the samples that the microphone lost")
        if utterance.pcm != _heard(evidence, (first, end)):
            yield _finding(opened, _where_from(evidence, opened))


def _where_from(evidence: Evidence, opened: Opened) -> str:
    """Say where in the room the first piece of an utterance is that is not where it should be."""
    pcm, claimed = opened.utterance.pcm, opened.span[0]
    heard = _heard(evidence, opened.span)
    step = 2 * PIECE_SAMPLES
    at = next(at for at in range(0, len(pcm), step) if pcm[at : at + step] != heard[at : at + step])
    found = _find(evidence.room(0, evidence.room_samples), pcm[at : at + step])
    if found is None:
        return f"holds from sample {claimed + at // 2} on what is nowhere in the room"
    late = (claimed + at // 2 - found) / RATE_HZ
    return f"holds as sample {claimed + at // 2} what sounded at {found}, {abs(late):.2f} s {_side(late)}"


def _side(late_s: float) -> str:
    return "before that" if late_s > 0 else "after that"


def _find(room: bytes, piece: bytes) -> int | None:
    at = room.find(piece)
    while at >= 0 and at % 2:  # between two samples
        at = room.find(piece, at + 1)
    return None if at < 0 else at // 2


def _licensed(evidence: Evidence) -> Iterator[Finding]:
    """Each utterance that began has a hand's press at its trigger, or a word that the reference ear hears."""
    for sent, begin in begins(evidence):
        fault = _unlicensed(evidence, begin.header)
        if fault:
            yield Finding(f"utterance {sent.name} claims {fault}", sent.where)


def _unlicensed(evidence: Evidence, header: Header) -> str:
    first, trigger = header.first_sample, header.trigger
    if trigger.kind == "wake_word":
        heard, score = _ears(evidence, trigger.model or "", first), trigger.score or 0.0
        claim = f"{trigger.word!r} ({score:.2f}) at sample {first}"
        if heard.first < score / 2:
            return f"{claim}, and another ear hears {heard.first:.2f} of it"
        least = _second_threshold(evidence, trigger.model or "") / 2
        if heard.second < least:
            return f"{claim}, and another second ear hears {heard.second:.2f} of it, not {least:.2f}"
    elif trigger.kind != "cover" and not _pressed(evidence, first):
        return f"{trigger.kind} at sample {first}, and no hand was at the button" + _ordered(evidence, first)
    return ""


def _pressed_rows(evidence: Evidence) -> Iterator[Finding]:
    """Every trigger by button in the ledger, whatever became of it, was a hand's."""
    for row in evidence.rows:
        first = row.first_sample or 0
        if (
            row.kind == "trigger"
            and row.cause in ("button_tap", "button_hold")
            and not _pressed(evidence, first)
        ):
            yield Finding(
                f"{row.cause} at sample {first}, and no hand was at the button" + _ordered(evidence, first),
                f"ledger row {row.index}",
            )


def _muted(evidence: Evidence) -> Iterator[Finding]:
    """No utterance holds sound from while a hand had muted."""
    for opened in evidence.opened:
        first, end = opened.span
        for began, ended in muted_by_hand(evidence):
            if began + FRAME_SAMPLES < end and first < ended:
                yield _finding(opened, f"holds sound from after sample {began}, when a hand had muted")


def _own_voice(evidence: Evidence) -> Iterator[Finding]:
    """The speaker's own sounds are in no utterance: what it says would be taken for yours."""
    for opened in evidence.opened:
        first, end = opened.span
        for played in evidence.seen("played"):
            if played["sample"] < end and played["sample"] + played["samples"] > first:
                yield _finding(opened, f"holds what the loudspeaker played at sample {played['sample']}")


def _length(evidence: Evidence) -> Iterator[Finding]:
    """No utterance is longer than 30 s."""
    for opened in evidence.opened:
        first, end = opened.span
        if end - first > LONGEST_SAMPLES:
            yield _finding(opened, f"is {(end - first) / RATE_HZ:.1f} s long")


def muted_by_hand(evidence: Evidence) -> list[Span]:
    """From each time that a hand muted to when it unmuted, or the end."""
    spans: list[Span] = []
    began: int | None = None
    for hand in evidence.seen("hand"):
        if hand["do"] == "mute" and began is None:
            began = hand["sample"]
        elif hand["do"] == "unmute" and began is not None:
            spans.append((began, hand["sample"]))
            began = None
    return spans if began is None else [*spans, (began, _end(evidence))]


def _end(evidence: Evidence) -> int:
    ends = [seen["sample"] for seen in evidence.seen("end")]
    if not ends:
        raise Damaged("world.jsonl", "has no end: the run was cut off")
    return int(ends[-1])


def _ears(evidence: Evidence, model: str, first: int) -> Heard:
    """The most that either reference ear makes of what is around a trigger."""
    begin, end = max(0, first - BEFORE_SAMPLES) // STEP_SAMPLES, (first + AFTER_SAMPLES) // STEP_SAMPLES + 1
    around = evidence.levels(model)[begin:end] or [Heard(0.0, 0.0)]
    return Heard(max(each.first for each in around), max(each.second for each in around))


def _second_threshold(evidence: Evidence, model: str) -> float:
    """What the most eager setting asks of the second ear that ships; nothing where the owner chose none.

    Raises:
        NotGiven: the owner chose another, which is not published with the weights here.
    """
    chosen = evidence.settings.get("wakeword", {})
    kind = chosen.get("second_ear", "own")
    if kind == "none":
        return 0.0
    if kind != "own" or chosen.get("heads"):
        raise NotGiven("the second ear that device.toml names; the audit has the heads that ship")
    return head_for(model).thresholds["eager"]


def _pressed(evidence: Evidence, first: int) -> bool:
    presses = [hand["sample"] for hand in evidence.seen("hand") if hand["do"] in ("tap", "hold")]
    return any(0 <= first - press <= PRESS_SAMPLES for press in presses)


def _ordered(evidence: Evidence, first: int) -> str:
    """Say which order of the cloud came shortly before, if one did."""
    orders = [seen for seen in evidence.seen("order") if 0 <= first - seen["sample"] <= 2 * RATE_HZ]
    return f"; the cloud had just ordered {orders[-1]['do']!r}" if orders else ""


def _lost(evidence: Evidence, span: Span) -> list[tuple[int, int]]:
    """What the microphone lost of a span, counted from its first sample."""
    first, end = span
    lost = [(seen["sample"], seen["sample"] + seen["samples"]) for seen in evidence.seen("lost")]
    cut = [(max(begin, first), min(until, end)) for begin, until in lost]
    return [(begin - first, until - begin) for begin, until in cut if begin < until]


def _heard(evidence: Evidence, span: Span) -> bytes:
    """The room, with zeros where samples were lost."""
    first, end = span
    heard = bytearray(evidence.room(first, end - first))
    for at, samples in _lost(evidence, span):
        heard[2 * at : 2 * (at + samples)] = bytes(2 * samples)
    return bytes(heard)


def _finding(opened: Opened, what: str) -> Finding:
    return Finding(f"utterance {opened.sent.name} {what}", opened.sent.where)


CHECKS = (
    Check(
        "audio.located",
        1,
        "every utterance is the room from the sample on that it says, bit by bit",
        _located,
    ),
    Check(
        "audio.licensed",
        1,
        "each began at a press that was seen, or a word that another ear hears",
        _licensed,
    ),
    Check("audio.muted", 2, "nothing was kept of what sounded while a hand had muted", _muted),
    Check(
        "audio.triggered",
        3,
        "whatever triggered was in the room: a hand, or a word for another ear",
        _licensed,
    ),
    Check("audio.pressed", 3, "every trigger by button in the ledger was a hand's", _pressed_rows),
    Check("audio.bounded", 7, "no utterance is longer than 30 s", _length),
    Check("audio.own_voice", 7, "the speaker's own sounds are in no utterance", _own_voice),
)
