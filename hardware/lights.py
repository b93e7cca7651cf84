"""The cues a light shows, and what they look like as a function of samples. Pure: it never touches a light.

Steady red and violet mean muted and nothing else; that mute outranks every other cue is the firmware's rule
to keep. No cue but idle is ever dark, however far its pulse has sunk and however dim the lights are. A light
of one colour tells the cues apart by rhythm (`RHYTHMS`). Where a light is only on or off, blinking is dark by
turns, but never while sound is kept (`is_on`).
"""

from math import ceil
from typing import NamedTuple

from hardware.board import RATE_HZ, RGB
from hardware.errors import BoardError

LEVELS = 8  # a pulse moves in eighths: few changes of the light, still soft to the eye
FAINTEST = 1 / 32  # the least brightness: an eighth of it is still one step of a light that has 256
LEAST_DUTY = 0.01  # lgpio cuts off what is less than a whole per cent
BEAT_SAMPLES = RATE_HZ // 8


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

RHYTHMS: dict[str, str] = {
    "booting": "##--",
    "idle": ".",
    "verifying": "#-",
    "listening": "#",
    "processing": "####----",
    "responding": "#######-",
    "offline": "#---------------",
    "error": "#-#-#-------",
    "muted": "#-#-------------",
    "muted_soft": "#-#-#-#---------",
}
"""What a light of one colour does, an eighth of a second a sign: `#` bright, `-` faint, `.` dark. Steady is
listening and nothing else; pairs of flashes are mute, fours are mute from afar, threes are trouble."""


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


def rhythm(cue: str, elapsed_samples: int) -> RGB:
    """The same for a light of one colour, as three equal numbers: 1, one eighth, or 0.

    Raises BoardError for an unknown cue.
    """
    cue_named(cue)
    beats = RHYTHMS[cue]
    beat = beats[elapsed_samples // BEAT_SAMPLES % len(beats)]
    level = {"#": 1.0, "-": 1 / LEVELS, ".": 0.0}[beat]
    return (level, level, level)


def is_on(cue: str, elapsed_samples: int) -> bool:
    """The same where a light is on or off and nothing between: faint beats are dark.

    But `verifying` is as steady as `listening`, for its sound is kept too. Raises BoardError for any other
    name than a cue's.
    """
    return cue == "verifying" or rhythm(cue, elapsed_samples)[0] == 1


def dimmed(rgb: RGB, brightness: float) -> RGB:
    """`rgb` with lights of that brightness (0 to 1), which never falls below FAINTEST."""
    factor = max(brightness, FAINTEST)
    red, green, blue = rgb
    return (red * factor, green * factor, blue * factor)


def in_duty(rgb: RGB) -> RGB:
    """Duty cycles of pins, which know whole per cents; what is not quite dark does not become dark."""
    red, green, blue = (max(part, LEAST_DUTY) if part else 0.0 for part in rgb)
    return (red, green, blue)


def in_bytes(rgb: RGB) -> tuple[int, int, int]:
    """Red, green and blue from 0 to 255; what is not quite dark does not become dark."""
    red, green, blue = (ceil(part * 255) if part else 0 for part in rgb)
    return (red, green, blue)
