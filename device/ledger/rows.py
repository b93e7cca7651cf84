"""The rows of the ledger: one for each message that left, and for what might have left and did not.

A row holds counts, names and hashes. It will never hold audio, words that were said, or keys.
"""

from typing import Annotated, Literal, get_args

import msgspec
import rfc8785

from .errors import RowError

LeftKind = Literal[
    "connect", "status", "begin", "segment", "end", "checkpoint", "request", "state", "discovery"
]
StayedKind = Literal[
    "boot",
    "trigger",
    "rejected_wake",
    "refused",
    "dropped",
    "muted",
    "resealed",
    "set_aside",
    "microphone",
    "protections",
]
LEFT: frozenset[str] = frozenset(get_args(LeftKind))
STAYED: frozenset[str] = frozenset(get_args(StayedKind))

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]  # what RFC 8785 can write
Score = Annotated[float, msgspec.Meta(ge=0, le=1)]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$", max_length=64)]


_WITHOUT_FLOATS = msgspec.json.Encoder(order="sorted")
"""It writes only numbers with a fraction differently from RFC 8785, and takes a thirtieth of the time."""


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One row. A field is absent where it means nothing.

    `index` is the row's place in the tree. `topic`, `bytes` and `sha256` (hex) are of the payload published:
    a kind in LEFT has all three, but for `connect`, which need not; a kind in STAYED has none. `first_sample`
    and `samples` say which audio is meant, `cause` why; `first_score` and `second_score`, 0 to 1, what the
    two ears gave a rejected wake. Raises RowError for a row against these rules.
    """

    index: Count
    kind: LeftKind | StayedKind
    topic: str | None = None
    bytes: Count | None = None
    sha256: Digest | None = None
    utterance: str | None = None
    segment: Count | None = None
    first_sample: Count | None = None
    samples: Count | None = None
    cause: str | None = None
    first_score: Score | None = None
    second_score: Score | None = None

    def __post_init__(self) -> None:
        published = [value is not None for value in (self.topic, self.bytes, self.sha256)]
        if self.kind in STAYED and any(published):
            raise RowError(f"ledger row {self.index}: {self.kind} with a publish in it; use a kind that left")
        if self.kind != "rejected_wake" and (self.first_score, self.second_score) != (None, None):
            raise RowError(f"ledger row {self.index}: {self.kind} with scores; only a rejected wake has them")
        if self.kind in LEFT - {"connect"} and not all(published):
            raise RowError(
                f"ledger row {self.index}: {self.kind} without topic, bytes and sha256; give all three"
            )


def row_bytes(row: Row) -> bytes:
    """Return the row as RFC 8785 canonical JSON: what is hashed into the tree, and kept on disk.

    Raises RowError for a row that `parse_row` would refuse: what is written can always be read.
    """
    try:
        fields = msgspec.to_builtins(row)
        msgspec.convert(fields, Row)
        if row.first_score is None and row.second_score is None:
            return _WITHOUT_FLOATS.encode(row)
        return rfc8785.dumps(fields)
    except (msgspec.ValidationError, ValueError) as error:
        raise RowError(f"ledger row {row.index}: {error}; do not send what it describes") from error


def parse_row(data: bytes) -> Row:
    """Read one row. Raises RowError unless `row_bytes` would write exactly these bytes."""
    try:
        row = msgspec.json.decode(data, type=Row)
    except (msgspec.DecodeError, ValueError) as error:
        raise RowError("ledger row: not a row; treat the ledger as altered") from error
    if row_bytes(row) != data:
        raise RowError(f"ledger row {row.index}: not in canonical form; treat the ledger as altered")
    return row
