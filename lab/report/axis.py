"""The one time axis: samples to percent of the width, and where the ticks go. Pure.

Everything in a picture is placed in percent, so zooming is nothing but a wider picture.
"""

import msgspec

RATE_HZ = 16_000
STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400)
ZOOMS = (1, 4, 16, 64)
"""Ticks and labels are made for these widths; the page shows those that fit its own."""


class Tick(msgspec.Struct, frozen=True):
    """A mark on the axis, shown from a zoom on."""

    sample: int
    label: str
    zoom: int


class Axis(msgspec.Struct, frozen=True):
    """`samples` of the run from `first` on, drawn `width_px` wide and `columns` fine."""

    first: int
    samples: int
    columns: int = 4000
    width_px: int = 960

    @property
    def end(self) -> int:
        """The first sample that is no longer shown."""
        return self.first + self.samples

    def percent(self, sample: float) -> float:
        """Where a sample is, in percent of the width; not limited to what is shown."""
        return 100 * (sample - self.first) / self.samples

    def column(self, sample: int) -> int:
        """The column a sample falls into, limited to those there are."""
        return min(self.columns - 1, max(0, (sample - self.first) * self.columns // self.samples))

    def shows(self, first: int, end: int) -> bool:
        """Whether any of the samples [first, end) is in the picture; an empty span counts as one sample."""
        return first < self.end and max(end, first + 1) > self.first

    def ticks(self, gap_px: int = 72, zooms: tuple[int, ...] = ZOOMS) -> list[Tick]:
        """Return round times at least `gap_px` apart, coarse ones first, each once."""
        found: dict[int, Tick] = {}
        for zoom in zooms:
            step_s = self._step_s(gap_px / zoom)
            number = -(-self.first // round(step_s * RATE_HZ))
            while (sample := round(number * step_s * RATE_HZ)) <= self.end:
                found.setdefault(sample, Tick(sample, clock(sample, step_s < 1), zoom))
                number += 1
        return list(found.values())

    def _step_s(self, gap_px: float) -> float:
        need_s = gap_px * self.samples / self.width_px / RATE_HZ
        return next((step for step in STEPS_S if step >= need_s), STEPS_S[-1])


def clock(sample: int, tenths: bool = False) -> str:
    """Write a moment of the run as 0:07, 12:30 or 1:02:03, with tenths of a second if asked."""
    tenth = round(sample * 10 / RATE_HZ)
    hours, minutes, rest = tenth // 36000, tenth // 600 % 60, tenth % 600
    text = f"{hours}:{minutes:02}:{rest // 10:02}" if hours else f"{minutes}:{rest // 10:02}"
    return f"{text}.{rest % 10}" if tenths else text
