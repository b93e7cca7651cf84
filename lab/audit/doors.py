"""Who listened is shown (promise 9): the cloud's list of openings, read as it is stored.

The list is the cloud's own, so it is compared with what was answered and whose words are kept, and with a
head of its tree that somebody outside of the cloud wrote down: `access.head`, by `keep_head`.
What was opened past the door, and neither answered nor kept in words, leaves no trace that anybody has.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import rfc8785

from device.ledger import Checkpoint, LedgerError, leaf_hash, root_of
from lab.audit import vault_file
from lab.audit.errors import Damaged, NotGiven
from lab.audit.evidence import Evidence, Given
from lab.audit.vault_file import STORE, Line, Vault
from lab.audit.verdicts import Check, Finding

HEAD = "access.head"
ORIGIN = "overheard-cloud/access"
_WHEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_NO_HEAD = (
    f"a head of the cloud's list of openings that somebody outside of the cloud wrote down: {HEAD} of the run"
)


class Access(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row: who did it to which utterance, why, and when."""

    index: int
    did: str
    utterance: str
    device: str
    who: str
    why: str
    when: str


def keep_head(directory: Path) -> None:
    """Write down the head of a run's list of openings, as whoever is not its cloud does.

    Raises:
        AuditError: there is no store of a cloud, or it is damaged.
    """
    lines = vault_file.read(Evidence(Given(directory))).lines
    (directory / HEAD).write_text(_head(lines).text(), encoding="utf-8")


def deleted(vault: Vault) -> set[str]:
    """The utterances that somebody is said to have deleted."""
    return {row.utterance for row in map(_parsed, vault.lines) if row is not None and row.did == "forget"}


def _door(evidence: Evidence) -> Iterator[Finding]:
    vault = vault_file.read(evidence)
    rows: list[Access] = []
    for number, line in enumerate(vault.lines):
        row = _parsed(line)
        if row is None or (row.index, line.number) != (number, number):
            yield Finding("this is not what was written, or not where it was written", _where(number))
        else:
            yield from _faults(row, rows, vault)
            rows.append(row)
    yield from _missing(rows, vault)
    yield from _rewritten(evidence, vault.lines)


def _faults(row: Access, before: list[Access], vault: Vault) -> Iterator[Finding]:
    """What is wrong with a row that can be read."""
    name, where = row.utterance, _where(row.index)
    held = vault.held.get(name)
    if held is None or held.device != row.device:
        yield Finding(f"utterance {name} was opened or deleted, and never came from that device", where)
    if not row.who.strip() or not row.why.strip():
        yield Finding(f"utterance {name}: it is not said who it was, or why", where)
    if any(each.did == "forget" and each.utterance == name for each in before):
        yield Finding(f"utterance {name} was opened or deleted again after it was deleted", where)


def _missing(rows: list[Access], vault: Vault) -> Iterator[Finding]:
    """What was done without a row."""
    opened = {row.utterance for row in rows if row.did == "open"}
    forgotten = {row.utterance for row in rows if row.did == "forget"}
    for name, held in vault.held.items():
        if name not in opened and held.answered:
            yield Finding(f"utterance {name} was answered, and nobody is said to have opened it", STORE)
        if name not in opened and name in vault.with_words:
            yield Finding(f"words of utterance {name} are kept, and nobody is said to have opened it", STORE)
        if name not in forgotten and held.state == "forgotten":
            yield Finding(f"utterance {name} is forgotten, and nobody is said to have deleted it", STORE)


def _rewritten(evidence: Evidence, lines: list[Line]) -> Iterator[Finding]:
    """Whether the list goes on from the head that somebody else has."""
    path = evidence.path(HEAD, _NO_HEAD)
    try:
        kept = Checkpoint.parse(path.read_text(encoding="utf-8"))
    except (LedgerError, OSError, UnicodeDecodeError) as error:
        raise Damaged(HEAD, f"not a head ({error})") from error
    if kept.origin != ORIGIN or kept.size > len(lines) or _head(lines[: kept.size]) != kept:
        yield Finding(
            f"the list is not the one of {kept.size} rows whose head was written down: it was rewritten",
            STORE,
        )
    elif kept.size < len(lines):
        raise NotGiven(
            f"a later head of the list of openings than that of {kept.size} of its {len(lines)} rows"
        )


def _head(lines: list[Line]) -> Checkpoint:
    leaves = [leaf_hash(line.row) for line in lines]
    return Checkpoint(ORIGIN, len(leaves), root_of(leaves))


def _parsed(line: Line) -> Access | None:
    """The row, if it is one, and says the same as its columns."""
    try:
        row = msgspec.json.decode(line.row, type=Access)
        same = rfc8785.dumps(msgspec.to_builtins(row)) == line.row
    except (msgspec.MsgspecError, rfc8785.CanonicalizationError, UnicodeError, RecursionError):
        return None
    known = row.did in ("open", "forget") and _WHEN.fullmatch(row.when) is not None
    return row if same and known and row.utterance == line.utterance else None


def _where(number: int) -> str:
    return f"{STORE}, access row {number}"


CHECKS = (
    Check(
        "cloud.door", 9, "every answer, every word that is kept and every deletion has its row: who, and why",
        _door,
    ),
)  # fmt: skip
