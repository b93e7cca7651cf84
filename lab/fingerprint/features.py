"""What the attack looks at in a trace: how often each size came, and totals, as in the paper; and sizes
roughly, by which codecs of variable bit rate are told better. Pure.

A feature is a name with a number, so that a size that only strangers' traces have needs no column of its own.
"""

from collections import Counter
from collections.abc import Callable

from lab.fingerprint.traces import Trace

Features = dict[str, float]
STEP = 100
Look = Callable[[Trace], Features]


def uplink(trace: Trace) -> Trace:
    """Return what left the home of a trace: all that the speaker itself can do something about."""
    return trace._replace(packets=tuple(packet for packet in trace.packets if packet.up))


def sizes(trace: Trace) -> Features:
    """Return the histogram of signed sizes: how many packets of each size went each way."""
    counts = Counter(f"{'+' if packet.up else '-'}{packet.size}" for packet in trace.packets)
    return {name: float(count) for name, count in counts.items()}


def totals(trace: Trace) -> Features:
    """Return the duration in seconds, and the bytes and packets each way."""
    times_s = [packet.time_s for packet in trace.packets]
    features = {"seconds": max(times_s) - min(times_s) if times_s else 0.0}
    for way, up in (("up", True), ("down", False)):
        went = [packet.size for packet in trace.packets if packet.up is up]
        features |= {f"bytes {way}": float(sum(went)), f"packets {way}": float(len(went))}
    return features


def exactly(trace: Trace) -> Features:
    """Return the histogram and the totals."""
    return sizes(trace) | totals(trace)


def roughly(trace: Trace) -> Features:
    """Return the histogram of sizes in steps of 100 bytes, and the totals."""
    steps = (packet._replace(size=packet.size // STEP) for packet in trace.packets)
    return sizes(trace._replace(packets=tuple(steps))) | totals(trace)
