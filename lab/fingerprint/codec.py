"""The same traces as if segments were compressed before they are sealed: the control of what one size is for.

Codecs with a variable bit rate give speech away by the length of each packet, encrypted or not (Wright et
al., IEEE S&P 2008; RFC 6562). The firmware seals segments of one size, which this module never changes: it
gives those of a trace the sizes that FLAC gives what was said in them.
"""

import io
from collections import Counter

import numpy as np
import soundfile

from hardware.board import RATE_HZ
from lab.errors import RunError
from lab.fingerprint.traces import Trace


def compressed(trace: Trace, pcm: bytes, segment_samples: int) -> Trace:
    """Return the trace with the sizes that its segments had if `pcm` (s16le) were compressed.

    Raises:
        RunError: the trace has not as many segments as the sound.
    """
    parts = [pcm[first : first + 2 * segment_samples] for first in range(0, len(pcm), 2 * segment_samples)]
    plain = _segment_size(trace)
    there = sum(packet.up and packet.size == plain for packet in trace.packets)
    if len(parts) == there - 1:
        parts.append(b"")  # sound that fills its segments is followed by an empty last one
    if there != len(parts):
        raise RunError(f"{trace.command}: {there} segments on the wire, {len(parts)} opened; record it again")
    sizes = iter([plain - 2 * segment_samples + len(_flac(part)) for part in parts])
    return trace._replace(
        packets=tuple(
            packet._replace(size=next(sizes)) if packet.up and packet.size == plain else packet
            for packet in trace.packets
        )
    )


def _segment_size(trace: Trace) -> int:
    """Return the size that carries most bytes up."""
    carried = Counter[int]()
    for packet in trace.packets:
        carried[packet.size] += packet.size * packet.up
    return max(carried, key=lambda size: carried[size], default=0)


def _flac(pcm: bytes) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.frombuffer(pcm, np.int16), RATE_HZ, format="FLAC", subtype="PCM_16")
    return file.getvalue()
