"""How bright the lights are, by day and by night, and a word when they fail. It never says what they show."""

from collections.abc import Callable
from datetime import datetime, time

from device.config import LightsSection
from device.witness import Tell
from hardware.board import RATE_HZ, Panel

_MINUTE_SAMPLES = 60 * RATE_HZ


def is_night(now: time, span: str) -> bool:
    """Whether `now` lies in a span such as "22:00-07:00": from its beginning, up to but not at its end.

    A span may pass midnight; "" is never, and so is a span that ends when it begins. Pure.
    """
    if not span:
        return False
    begins, ends = (time.fromisoformat(part) for part in span.split("-"))
    if begins <= ends:
        return begins <= now < ends
    return now >= begins or now < ends


class Lighting:
    """Looks once a minute, by the sample clock, whether it is night where this machine's clock says it is."""

    def __init__(
        self, settings: LightsSection, panel: Panel, now: Callable[[], datetime], tell: Tell
    ) -> None:
        self._settings = settings
        self._panel = panel
        self._now = now
        self._tell = tell
        self._next = 0
        self._trouble: str | None = None
        self._look()

    def tend(self, sample: int) -> None:
        """Set the brightness if a minute has passed; tell of trouble when it comes and when it goes."""
        if sample >= self._next:
            self._next = sample + _MINUTE_SAMPLES
            self._look()
        trouble = self._panel.trouble
        if trouble != self._trouble:
            self._trouble = trouble
            self._tell("lights", why=trouble or "")

    def _look(self) -> None:
        here = self._now().astimezone().time()
        night = is_night(here, self._settings.night)
        self._panel.brightness = self._settings.night_brightness if night else self._settings.brightness
