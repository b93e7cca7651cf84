"""What left a session, read from its evidence: the broker's side and the kernel's counters for what left, the
ledger for what did not. Nothing that the firmware tells beside its ledger is believed.
"""

from collections.abc import Iterator
from hashlib import sha256

import msgspec

from device.envelope import Begin, topics
from hardware.board import RATE_HZ
from lab.audit.evidence import Evidence, Sent, begins
from lab.enclosure.enclosure import LINK
from lab.experiment.records import Misactivation, Rejected, Session


def misactivations(evidence: Evidence, session: Session) -> Iterator[Misactivation]:
    """Yield every utterance that came through the broker. Raises AuditError: it cannot be read."""
    rows = {(row.topic, row.bytes, row.sha256) for row in evidence.rows}
    lengths = {opened.sent.name: opened.span[1] - opened.span[0] for opened in evidence.opened}
    for sent, begin in begins(evidence):
        parts = {(each.topic, each.payload) for each in evidence.messages if _is_of(each.topic, sent.name)}
        at_s = begin.header.first_sample / RATE_HZ
        played = session.at(at_s)
        yield Misactivation(
            session.number, sent.name, played.file, played.group, at_s,
            sent_s=lengths.get(sent.name, _cut_short(sent, begin)) / RATE_HZ,
            bytes=sum(len(payload) for _, payload in parts),
            in_ledger=all((topic, len(said), sha256(said).hexdigest()) in rows for topic, said in parts),
        )  # fmt: skip


def rejected(evidence: Evidence, session: Session) -> Iterator[Rejected]:
    """Yield every wake that the second ear rejected, as the ledger says. Raises AuditError."""
    for row in evidence.rows:
        if row.kind == "rejected_wake" and row.first_sample is not None:
            at_s = row.first_sample / RATE_HZ
            played = session.at(at_s)
            yield Rejected(session.number, played.file, played.group, at_s, row.first_score, row.second_score)


def wire_bytes(evidence: Evidence) -> int:
    """What the kernel counted out of the device. Raises NotGiven: nothing was captured."""
    link = msgspec.json.decode(evidence.path(LINK, "the kernel's counters: link.json").read_bytes())
    return int(link["kernel"]["sent_bytes"])


def _is_of(topic: str, utterance: str) -> bool:
    parsed = topics.parse(topic)
    return parsed is not None and parsed.utterance == utterance


def _cut_short(sent: Sent, begin: Begin) -> int:
    """At most so many samples of one that can't be opened whole."""
    return len(sent.segments) * begin.header.segment_samples
