"""The proofs that a device sent with its checkpoints: each leads from the first so many of these rows to the
head. A hash that leads nowhere would be 32 bytes of anything.
"""

from collections.abc import Iterator

from device.envelope import topics
from device.ledger import Checkpoint, Growth, ProofError, open_note, verify_consistency
from lab.audit import heads
from lab.audit.evidence import Evidence, Message
from lab.audit.verdicts import Check, Finding


def _grown(evidence: Evidence) -> Iterator[Finding]:
    proved = [
        (message, Growth.parse(message.payload.decode()))
        for message in evidence.messages
        if _is_proof(message)
    ]
    sizes = {growth.old for _, growth in proved}
    known = heads.roots(evidence, sizes) if proved else {}
    for message, growth in proved:
        head = Checkpoint.parse(open_note(growth.head, [evidence.device_key]))
        first = known.get(growth.old, b"")  # of no such size there is no root that a proof could lead to
        try:
            verify_consistency(growth.old, head.size, first, head.root, growth.path)
        except ProofError as error:
            yield Finding(f"the proof with a head does not hold: {error}", message.where)


def _is_proof(message: Message) -> bool:
    topic = topics.parse(message.topic)
    return topic is not None and topic.kind == "checkpoint" and message.payload.startswith(b"old ")


CHECKS = (Check("ledger.grown", 5, "every proof that came with a head leads to it from these rows", _grown),)
