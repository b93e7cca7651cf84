"""A microphone for the root: tests/alsa/card.c, compiled in it for arm64, with a recording on its tape.

What PyAudio, PortAudio and ALSA do is real; the card is a file that is paced as a card would be.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hardware.board import RATE_HZ

NAME = "desk_microphone"
_PAGE_BYTES = 32  # struct page of card.c: all zeros is a card that is whole and stands at its beginning
LATE_SAMPLES = 5 * RATE_HZ
"""So much later than the firmware's clock the tape may begin: opening a card takes a moment."""
_AFTER_S = 180  # a room goes on; the card's own end would be zeros, and those are a fault


def tape(sounded: bytes) -> bytes:
    """What sounds, with the faint noise under it that every microphone has; then only that."""
    sound = np.frombuffer(sounded, "<i2").astype(np.int32)
    whole = np.concatenate([sound, np.zeros(_AFTER_S * RATE_HZ, np.int32)])
    whole += np.random.default_rng(8).integers(-6, 7, len(whole))
    pcm: bytes = np.clip(whole, -32768, 32767).astype("<i2").tobytes()
    return pcm


def lay_out(here: Path, inside: str, sounds: bytes) -> None:
    """Write tape, pages and ALSA's configuration to the folder `here`, called `inside` in the root."""
    (here / "tape.s16").write_bytes(sounds)
    cards = {NAME: ("microphone", "tape.s16"), "desk_loudspeaker": ("loudspeaker", "played.s16")}
    lines = [f'pcm_type.overheard {{ lib "{inside}/card.so" }}', "pcm.!default { type null }"]
    for name, (role, file) in cards.items():
        (here / file).touch()
        (here / f"{name}.page").write_bytes(bytes(_PAGE_BYTES))
        lines.append(
            f'pcm.{name} {{ type overheard page "{inside}/{name}.page" tape "{inside}/{file}" '
            f'role "{role}" channels 1 speed 1.0 patient 1 }}'
        )
    (here / "asound.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")


def compile_command(source: str, inside: str) -> list[str]:
    """What makes the plug-in, inside the root."""
    flags = ["-std=gnu11", "-O2", "-shared", "-fPIC", "-DPIC"]
    return ["gcc", *flags, "-o", f"{inside}/card.so", f"{source}/tests/alsa/card.c", "-lasound", "-lm"]
