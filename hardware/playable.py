"""What every loudspeaker takes, and the one line with which it refuses the rest. It plays nothing."""

from hardware.errors import BoardError, SoundError


def volume_of(volume: float) -> float:
    """The volume, if it is one: raises BoardError for anything but 0.0 to 1.0."""
    if not 0.0 <= volume <= 1.0:
        raise BoardError(f"volume {volume}: out of range; give 0.0 to 1.0")
    return volume


def sound_of(pcm: bytes) -> bytes:
    """The sound, if it is whole: raises SoundError for half a sample."""
    if len(pcm) % 2:
        raise SoundError(f"loudspeaker: {len(pcm)} bytes are no whole 16-bit samples; give s16le mono 16 kHz")
    return pcm
