"""How many messages there were, in words that add up to what came through the broker.

The speaker is asked by its timeline, the broker by sent.jsonl where there is one. It opens no envelope.
"""

from collections import Counter
from pathlib import Path

import msgspec

from lab.errors import RunError
from lab.report.errors import ReportError
from lab.report.run import Run
from lab.tap import FILE, read

WILL, TWICE, STRANGE = "last will", "known", "strange"


class Sum(msgspec.Struct, frozen=True):
    """A line under the table of what left; `wrong` when nothing accounts for it."""

    says: str
    wrong: bool = False


def grouped(number: int) -> str:
    """Write a number with narrow spaces between thousands, at which no line breaks."""
    return f"{number:,}".replace(",", "\u202f")


def sums(directory: Path, run: Run) -> list[Sum]:
    """Return what the speaker sent and, if DIR/sent.jsonl exists, what more or less came through the broker.

    Raises:
        ReportError: sent.jsonl cannot be read.
    """
    said = sum(message.sent.bytes for message in run.messages)
    lines = [Sum(f"{grouped(len(run.messages))} sent by the speaker, {grouped(said)} bytes")]
    if (directory / FILE).exists():
        lines += _through_the_broker(directory, run)
    return lines


def _through_the_broker(directory: Path, run: Run) -> list[Sum]:
    count, size = Counter[str](), Counter[str]()
    try:
        for sent in read(directory):
            what = _what(sent, run.ledger)
            count[what] += 1
            size[what] += len(sent.payload)
    except RunError as error:
        raise ReportError(str(error)) from error
    wills = "last will" if count[WILL] == 1 else "last wills"
    more = count[KNOWN] - len(run.messages)
    lines = [
        (count[WILL], Sum(f"+ {count[WILL]} {wills} spoken by the broker, {grouped(size[WILL])} bytes")),
        (more > 0, Sum(f"+ {more} that came through the broker more than once")),
        (more < 0, Sum(f"− {-more} that had not come through the broker")),
        (
            count[STRANGE],
            Sum(f"+ {count[STRANGE]} that the ledger does not know, {grouped(size[STRANGE])} bytes", True),
        ),
        (True, Sum(f"= {grouped(count.total())} in {FILE}, {grouped(size.total())} bytes")),
    ]
    return [line for holds, line in lines if holds]
