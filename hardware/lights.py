"""The cues a light shows, and their colours as a function of samples. Pure: it never touches a light.

Steady red and violet mean muted and nothing else; that mute outranks every other cue is the firmware's rule
to keep. No cue but idle is ever dark, however far its pulse has sunk.
"""

from math import ceil
from typing import NamedTuple

from hardware.board import RATE_HZ, RGB
from hardware.errors import BoardError

LEVELS = 8  # a pulse moves in eighths: few changes of the light, still soft to the eye


class Cue(NamedTuple):
    """A colour, and the length of one pulse of it; 0 is steady."""

    rgb: RGB
    period_samples: int = 0


CUES: dict[str, Cue] = {
    "booting": Cue((0.0, 0.0, 1.0), RATE_HZ),
    "idle": Cue((0.0, 0.0, 0.0)),
    "verifying": Cue((0.0, 0.6, 1.0), RATE_HZ // 2),
    "listening": Cue((0.0, 0.6, 1.0)),
    "processing": Cue((1.0, 1.0, 1.0), RATE_HZ),
    "responding": Cue((0.0, 1.0, 0.3)),
    "offline": Cue((1.0, 0.4, 0.0), 2 * RATE_HZ),
    "error": Cue((1.0, 0.0, 0.0), RATE_HZ),
    "muted": Cue((1.0, 0.0, 0.0)),
    "muted_soft": Cue((0.5, 0.0, 1.0)),
}


def cue_named(name: str) -> Cue:
    """The cue called `name`. Raises BoardError for a name that is not in CUES."""
    try:
        return CUES[name]
    except KeyError as error:
        raise BoardError(f"light cue {name!r}: unknown; choose one of {', '.join(CUES)}") from error


def colour(cue: str, elapsed_samples: int) -> RGB:
    """Red, green and blue (0.0 to 1.0) of a cue that has been shown for `elapsed_samples`.

    A pulse starts at full brightness, sinks to one eighth of it, and comes back. Raises BoardError for an
    unknown cue.
    """
    rgb, period = cue_named(cue)
    if not period:
        return rgb
    brightness = abs(1 - 2 * (elapsed_samples % period) / period)
    level = max(1, ceil(brightness * LEVELS)) / LEVELS
    red, green, blue = rgb
    return (red * level, green * level, blue * level)
