"""Where the device may publish: at its own topics, each row at its kind's, and where a home discovers it."""

from collections.abc import Iterator

from device.envelope import topics
from device.ledger import Row
from lab.audit.errors import NotGiven
from lab.audit.evidence import Evidence
from lab.audit.line.wire import Wire
from lab.audit.verdicts import Finding

_MOST_BYTES = 4096
"""No announcement is longer, and there is one."""


def faults(evidence: Evidence, wire: Wire, rows: list[Row]) -> Iterator[Finding]:
    """Rows of what left for anywhere else. Nobody at the cloud's end would see it."""
    told: set[str] = set()
    for row in rows:
        if row.kind == "connect" or row.topic is None:
            continue
        topic, where = topics.parse(row.topic), f"ledger row {row.index}"
        if topic is not None and (topic.kind, topic.device) == (row.kind, wire.device):
            continue
        if topic is not None or row.kind != "discovery" or row.topic != _announced(evidence, wire):
            yield Finding(f"a {row.kind} of {row.bytes} bytes at {row.topic}, where no device speaks", where)
        elif row.bytes:
            told.add(row.sha256 or "")
            if len(told) > 1 or row.bytes > _MOST_BYTES:
                yield Finding("another announcement than before, or a longer one than it needs", where)


def _announced(evidence: Evidence, wire: Wire) -> str:
    """The topic at which a home discovers the device, if its owner wanted that; else none."""
    try:
        wish = evidence.settings.get("home_assistant", {})
    except NotGiven:
        return ""
    prefix = wish.get("prefix", "homeassistant")
    return f"{prefix}/device/{wire.device}/config" if wish.get("discovery") is True else ""
