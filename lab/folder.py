"""The folder of one run: cleared before it; what the device wrote in it is exported after it.

It never removes what no run wrote.
"""

from pathlib import Path
from typing import Any

import msgspec

from device.keys import load_or_make
from device.ledger import Signer
from device.outbox import Outbox
from lab import world
from lab.errors import RunError

TIMELINE = "timeline.jsonl"

Settings = dict[str, dict[str, Any]]

_OURS = frozenset(
    {
        TIMELINE, "access.head", "audit.html", "broker", "canary", "checkpoint.txt", "cloud", "cloud.toml",
        "device.toml", "device.vkey", "egress.db", "egress.db-shm", "egress.db-wal", "hardware",
        "home_assistant", "identity.key", "keys.note", "ledger.jsonl", "line", "link.json", "memory.json",
        "messages.csv", "messages.parquet", "mute", "owner.key", "reply.key", "report.html", "room.flac",
        "sent.jsonl", "tls.pem", "verdict.json",
        "wire.keys", "wire.pcapng", "witnessed.txt", world.FILE,
    }
)  # fmt: skip


def clear(directory: Path, mark: str = TIMELINE) -> None:
    """Make the folder, or remove what an earlier run left in it, which left the file `mark`; refuse one that
    holds anything else.

    Raises:
        RunError: the folder holds something that no run wrote, or cannot be made or cleared.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in directory.iterdir()}
        if names and mark not in names:
            raise RunError(f"{directory}: not empty, and not an earlier run; name a new folder")
        if names - _OURS:
            raise RunError(
                f"{directory}: no run wrote {min(names - _OURS)!r} in it; move it, or name a new folder"
            )
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    except OSError as error:
        raise RunError(f"{directory}: {error.strerror}; name a new folder") from error


def export(directory: Path) -> set[str]:
    """Write ledger.jsonl, checkpoint.txt and device.vkey from the device's own files; return what still
    waits.
    """
    identity = load_or_make(directory, "mlkem768-x25519")
    signer = Signer(identity.device, identity.signing)
    outbox = Outbox(directory / "egress.db", signer)
    try:
        (directory / "ledger.jsonl").write_bytes(b"".join(row + b"\n" for row in outbox.rows()))
        (directory / "checkpoint.txt").write_text(outbox.checkpoint(), encoding="utf-8")
        (directory / "device.vkey").write_text(signer.vkey + "\n", encoding="utf-8")
        return {waiting.utterance for waiting in outbox.waiting()}
    finally:
        outbox.close()


def write_settings(path: Path, settings: Settings, own: Settings) -> Path:
    """Write a settings file as an operator would, the scenario's own wishes laid over ours."""
    merged = {
        section: {**settings.get(section, {}), **own.get(section, {})} for section in {**settings, **own}
    }
    lines = []
    for section, values in merged.items():
        lines += [
            f"[{section}]",
            *(f"{key} = {msgspec.json.encode(value).decode()}" for key, value in values.items()),
            "",
        ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
