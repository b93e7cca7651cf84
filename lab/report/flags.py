"""What stands across the tracks: utterances as windows, triggers as lines, scene events as flags, ticks."""

import msgspec

from lab.report.axis import ZOOMS, Axis, clock
from lab.report.events import Refused, Rejected, Scene, Trigger
from lab.report.spans import minus
from lab.report.svg import Pen, title
from lab.report.tracks import Shown

LANE_PX = 15
LANES = 4
LETTER_PX = 6.0


class Flag(msgspec.Struct, frozen=True):
    """A label at a sample; `words` may be cut short, `whole` is not."""

    sample: int
    words: str
    whole: str


def flags_of(shown: Shown) -> list[Flag]:
    """Return the flags for what the laboratory did and what the speaker refused, in order of time."""
    flags = [_scene_flag(row) for row in shown.run.timeline.of(Scene)]
    flags += [
        Flag(r.sample, f"refused: {r.why}", f"refused: {r.why}") for r in shown.run.timeline.of(Refused)
    ]
    flags += [_rejected_flag(row) for row in shown.run.timeline.of(Rejected)]
    shows = [flag for flag in flags if shown.axis.shows(flag.sample, flag.sample)]
    return sorted(shows, key=lambda flag: flag.sample)


def _rejected_flag(row: Rejected) -> Flag:
    words = f"rejected {row.first_score:.2f}, {row.second_score:.2f}"
    whole = (
        f"{clock(row.sample, tenths=True)} rejected: “{row.word}” scored {row.first_score:.2f} with the "
        f"first ear, {row.second_score:.2f} with the second, which must reach {row.threshold:.2f}"
    )
    return Flag(row.sample, words, whole)


def _scene_flag(row: Scene) -> Flag:
    said = next((value for value in row.rest.values() if isinstance(value, str)), "")
    done = row.do.replace("_", " ")
    if isinstance(row.rest.get("on"), bool):
        done += " on" if row.rest["on"] else " off"
    words = f"{done} “{said}”" if said else done
    rest = ", ".join(f"{name} {value}" for name, value in row.rest.items())
    whole = f"{clock(row.sample, tenths=True)} {done}" + (f": {rest}" if rest else "")
    return Flag(row.sample, words if len(words) <= 26 else f"{words[:25].rstrip()}…", whole)


def flags(shown: Shown, pen: Pen, y: float, height: float) -> None:
    """Draw the flags in lanes; a label for which there is no room shows when the picture is wide enough."""
    placed = place(flags_of(shown), shown.axis)
    for flag, lane, zoom in placed:
        seen_at = f"at{zoom}" if zoom > 1 else ""
        top = y + (LANES - 1 - lane) * LANE_PX
        pen.upright(flag.sample, top + 2 if zoom == 1 else y + height - 6, y + height + 4, "pole")
        turned = (
            _room(flag, shown.axis, zoom)[1]
            <= shown.axis.percent(flag.sample) / 100 * zoom * shown.axis.width_px
        )
        name, dx = (f"flag end {seen_at}", -4) if turned else (f"flag {seen_at}", 4)
        text = pen.text(flag.sample, top + 11, flag.words, name, dx=dx)
        title(text, flag.whole)


def place(flags: list[Flag], axis: Axis) -> list[tuple[Flag, int, int]]:
    """Give each flag a lane and the zoom from which its label has room; the last zoom is a wish."""
    placed: list[tuple[Flag, int, int]] = []
    waiting = flags
    for zoom in ZOOMS:
        ends: list[list[tuple[float, float]]] = [
            [_room(flag, axis, zoom) for flag, lane, _ in placed if lane == number] for number in range(LANES)
        ]
        late = []
        for flag in waiting:
            room = _room(flag, axis, zoom)
            free = [lane for lane in range(LANES) if all(room[1] < a or room[0] > b for a, b in ends[lane])]
            if free:
                ends[free[0]].append(room)
                placed.append((flag, free[0], zoom))
            else:
                late.append(flag)
        waiting = late
    return placed


def _room(flag: Flag, axis: Axis, zoom: int) -> tuple[float, float]:
    """Return the pixels a label takes: right of its pole, or left of it where the picture ends."""
    left = axis.percent(flag.sample) / 100 * axis.width_px * zoom
    width = 8 + LETTER_PX * len(flag.words)
    return (left - width, left) if left + width > axis.width_px * zoom else (left, left + width)


def windows(shown: Shown, pen: Pen, height: float) -> None:
    """Shade each utterance through all tracks; what is outside stays empty. Faults are shaded red."""
    wrong = shown.finding.wrong_samples
    for span in minus(shown.finding.kept, wrong):
        if shown.axis.shows(*span):
            pen.bar(*span, 0, height, "window")
    for span in wrong:
        if shown.axis.shows(*span):
            pen.bar(*span, 0, height, "window-wrong")


def triggers(shown: Shown, pen: Pen, y: float, height: float) -> None:
    """Draw each trigger as a line from `y` down; dashed when nothing was kept after it."""
    used = {told.trigger for told in shown.run.told}
    for row in shown.run.timeline.of(Trigger):
        if shown.axis.shows(row.sample, row.sample):
            name = "trigger" if row in used else "trigger unused"
            line = pen.upright(row.sample, y, y + height, name)
            title(line, f"{clock(row.sample, tenths=True)} {trigger_words(row)}")
            pen.text(row.sample, y + 1, "▼", f"head {name}")


def trigger_words(row: Trigger) -> str:
    """Say a trigger in words: wake word alexa 0.97."""
    parts = [row.trigger.replace("_", " "), row.word or "", "" if row.score is None else f"{row.score:.2f}"]
    return " ".join(part for part in parts if part)


def ticks(shown: Shown, pen: Pen, y: float, zooms: tuple[int, ...]) -> None:
    """Draw the time axis under the tracks."""
    pen.level(y, "axis")
    for tick in shown.axis.ticks(zooms=zooms):
        seen_at = f"at{tick.zoom}" if tick.zoom > 1 else ""
        pen.upright(tick.sample, y, y + 4, f"axis {seen_at}")
        place_px = shown.axis.percent(tick.sample) / 100 * shown.axis.width_px * tick.zoom
        room_px = shown.axis.width_px * tick.zoom - place_px
        anchor = "start" if place_px < 16 else "end" if room_px < 16 else "middle"
        pen.text(tick.sample, y + 16, tick.label, f"tick {anchor} {seen_at}")
