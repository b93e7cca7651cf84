"""What was seen of a run from outside the speaker, written down by the laboratory: `world.jsonl`.

One JSON object a line, each with a `kind` and a `sample` of the room's clock. Nothing in it was told by the
firmware: lights were seen, hands moved, frames counted at the microphone.

    {"kind":"light","sample":..,"cue":".."}             what the light shows from then on
    {"kind":"hand","sample":..,"do":"tap|hold|release|mute|unmute"}
    {"kind":"frames","sample":..,"read":..}              how many frames the microphone had given by then
    {"kind":"lost","sample":..,"samples":..}             what the microphone lost
    {"kind":"played","sample":..,"samples":..}           what the loudspeaker played
    {"kind":"broker","sample":..,"up":true|false}        somebody stopped or started the broker
    {"kind":"order","sample":..,"do":"..","signed":..,"retained":..}  what the cloud was made to say
    {"kind":"clock","sample":..,"unix_ns":..}            when that was, by the clock of a packet capture
    {"kind":"end","sample":..}                           how long the room sounded
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from lab.errors import RunError

FILE = "world.jsonl"

Seen = dict[str, Any]

_FIELDS: dict[str, dict[str, type]] = {
    "light": {"cue": str},
    "hand": {"do": str},
    "frames": {"read": int},
    "lost": {"samples": int},
    "played": {"samples": int},
    "broker": {"up": bool},
    "order": {"do": str, "signed": bool, "retained": bool},
    "clock": {"unix_ns": int},
    "end": {},
}


def write(directory: Path, seen: Iterable[Seen]) -> None:
    """Write what was seen, in order of samples."""
    ordered = sorted(seen, key=lambda each: each["sample"])
    lines = [msgspec.json.encode(each, order="sorted") + b"\n" for each in ordered]
    (directory / FILE).write_bytes(b"".join(lines))


def read(path: Path) -> Iterator[Seen]:
    """Yield what was seen.

    Raises:
        RunError: there is no such file, or a line of it is not one of the above.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield _parse(f"{path}:{number}", line)
    except OSError as error:
        raise RunError(f"{path}: {error.strerror}; name the folder of a run") from error


def _parse(where: str, line: bytes) -> Seen:
    try:
        seen = msgspec.json.decode(line, type=Seen)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RunError(f"{where}: not JSON; run the scenario again") from error
    fields = {"kind": str, "sample": int, **_FIELDS.get(str(seen.get("kind")), {"": int})}
    if set(seen) != set(fields) or any(type(seen[name]) is not kind for name, kind in fields.items()):
        raise RunError(f"{where}: not something that is seen; run the scenario again")
    return seen
