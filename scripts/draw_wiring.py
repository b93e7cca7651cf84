#!/usr/bin/env python3
"""Draw how each board of hardware/profiles is wired, from the pin numbers that the firmware uses.

`--write` puts the diagrams into hardware/wiring, and the parts lists into its README; `--check` exits 1 when
one of them is not what the profile says. The header is gpiozero's own table of a Raspberry Pi; a wire goes
straight from its pin to a part on that side, and two parts that would cross are refused.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from gpiozero.pins.mock import MockFactory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hardware.profiles import Profile, load_profile, names

FOLDER = Path(__file__).resolve().parents[1] / "hardware" / "wiring"
REVISION = "902120"
"""A Zero 2 W; every Pi with 40 pins has the same header."""

ROW = 26
TOP = 56
PIN_X = {1: 372, 2: 428}
"""The columns of odd and of even pins."""
BOX_W = 262
BOX_X = {1: 14, 2: 524}
PLACE = re.compile(r"(?<=<!-- parts -->\n).*?(?=<!-- /parts -->)", re.DOTALL)
LEDS = {"led": ("LED", "short leg to ground"), "rgb": ("RGB LED", "common cathode")}
"""The lights that are wired to the header, each by its name and what a builder must know."""
WIDTH, HEIGHT = 800, TOP + 20 * ROW + 140
COLOURS = {"signal": "#2f6fde", "ground": "#6b7280", "supply": "#d9480f"}

STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .part-name { font-weight: 600 }
    .small { font-size: 11px; fill: #57606a }
    .title { font-size: 16px; font-weight: 600 }
    .paper { fill: #ffffff } .header { fill: #23272e } .part { fill: #eef2f7; stroke: #8c959f }
    .free { fill: #c9b458 } .name { font-size: 10px; fill: #57606a }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .small, .name { fill: #9aa4b0 }
      .paper { fill: #0d1117 } .header { fill: #30363d } .part { fill: #1c2430; stroke: #6e7781 }
    }
"""


class Pin(NamedTuple):
    """A pin of the header: its number, its name, its column (1 or 2) and row (1 to 20)."""

    number: int
    name: str
    column: int
    row: int

    @property
    def y(self) -> int:
        """Where it is drawn."""
        return TOP + (self.row - 1) * ROW


class Wire(NamedTuple):
    """From a pin of the header to a terminal of a part."""

    pin: Pin
    terminal: str
    kind: str


class Part(NamedTuple):
    """Something to solder, with its wires; `note` is what a builder must know."""

    name: str
    note: str
    wires: tuple[Wire, ...]


class WiringError(ValueError):
    """A profile that cannot be drawn, and so is hard to build."""


def header() -> dict[int, Pin]:
    """The 40 pins by their number."""
    pins = MockFactory(revision=REVISION).board_info.headers["J8"].pins
    return {number: Pin(number, pin.name, pin.col, pin.row) for number, pin in pins.items()}


class Header:
    """Hands out pins: a GPIO once, a ground as near as one is free."""

    def __init__(self) -> None:
        self._pins = header()
        self._free = set(self._pins)

    def gpio(self, number: int) -> Pin:
        """The pin of a GPIO number, taken. Raises WiringError if it is taken already."""
        return self._take(next(pin for pin in self._pins.values() if pin.name == f"GPIO{number}"))

    def ground(self, near: Sequence[Pin]) -> Pin:
        """The nearest free ground on the side of `near`."""
        middle = sum(pin.row for pin in near) / len(near)
        grounds = [pin for pin in self._pins.values() if pin.name == "GND" and pin.column == near[0].column]
        free = [pin for pin in grounds if pin.number in self._free]
        if not free:
            raise WiringError("no ground is free on this side of the header; choose other pins")
        return self._take(min(free, key=lambda pin: abs(pin.row - middle)))

    def _take(self, pin: Pin) -> Pin:
        if pin.number not in self._free:
            raise WiringError(f"{pin.name}: two parts want it; choose another")
        self._free.discard(pin.number)
        return pin


def parts(profile: Profile) -> list[Part]:
    """What is to be wired for a profile, and to which pins."""
    pins = Header()
    made = []
    if "button" not in profile.wiring.on_board:
        made.append(_contact(pins, profile.panel.button, "Push button", "normally open"))
    if profile.panel.mute is not None:
        made.append(_contact(pins, profile.panel.mute, "Mute switch", _mute_note(profile)))
    if "lights" not in profile.wiring.on_board and profile.lights.pins:
        made.append(_light(pins, profile))
    _refuse_crossing(made)
    return made


def _contact(pins: Header, gpio: int, name: str, note: str) -> Part:
    signal = pins.gpio(gpio)
    return Part(
        name, note, (Wire(signal, "contact", "signal"), Wire(pins.ground([signal]), "ground", "ground"))
    )


def _mute_note(profile: Profile) -> str:
    return "pole 1; open = muted" if profile.wiring.cuts_supply else "open = muted"


def _light(pins: Header, profile: Profile) -> Part:
    lights = profile.lights
    if lights.kind not in LEDS or lights.power is not None:
        supply = " with a supply of their own" if lights.power is not None else ""
        raise WiringError(f"lights {lights.kind}{supply}: nobody knows their connector; wire an LED, or none")
    name, note = LEDS[lights.kind]
    taken = {part: pins.gpio(number) for part, number in lights.pins.items()}
    wires = [Wire(pin, f"{part}, 330 Ω", "signal") for part, pin in taken.items()]
    ground = Wire(pins.ground(list(taken.values())), "cathode", "ground")
    return Part(name, note, (*wires, ground))


def _refuse_crossing(made: Sequence[Part]) -> None:
    for column in PIN_X:
        spans = sorted(_span(part) for part in made if part.wires[0].pin.column == column)
        for (_, end, one), (start, _, other) in pairwise(spans):
            if start <= end:
                raise WiringError(f"{one} and {other}: their wires cross; choose pins that lie apart")


def _span(part: Part) -> tuple[int, int, str]:
    rows = [wire.pin.row for wire in part.wires]
    return min(rows), max(rows), part.name


def draw(name: str) -> str:
    """The diagram of a profile, as one SVG that is readable in light and dark."""
    profile = load_profile(name)
    made = parts(profile)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"  <title>{escape(profile.title)}: wiring</title>",
        f"  <style>{STYLE}  </style>",
        f'  <rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        f'  <text class="title" x="20" y="28">{escape(profile.title)}</text>',
        *_header(made),
        *(line for part in made for line in _part(part)),
        *_supply(profile),
        *_footer(profile),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _header(made: Sequence[Part]) -> Iterator[str]:
    used = {wire.pin.number: wire.kind for part in made for wire in part.wires}
    left, right = PIN_X[1] - 20, PIN_X[2] + 20
    yield (
        f'  <rect class="header" x="{left}" y="{TOP - 18}" width="{right - left}" '
        f'height="{20 * ROW + 10}" rx="6"/>'
    )
    for pin in header().values():
        x = PIN_X[pin.column]
        kind = used.get(pin.number)
        fill = f'fill="{COLOURS[kind]}"' if kind else 'class="free"'
        yield f'  <circle cx="{x}" cy="{pin.y}" r="7" {fill}/>'
        anchor, at = ("end", x - 26) if pin.column == 1 else ("start", x + 26)
        if kind:
            at += -4 if pin.column == 1 else 4
        yield _text("name", (at, pin.y - 4), anchor, f"{pin.number} {pin.name}")


def _part(part: Part) -> Iterator[str]:
    top, bottom, _ = _span(part)
    column = part.wires[0].pin.column
    box_x, box_y, height = BOX_X[column], TOP + (top - 1) * ROW - 12, (bottom - top) * ROW + 24
    yield _box((box_x, box_y), (BOX_W, height))
    edge, inside = (box_x + BOX_W, -8) if column == 1 else (box_x, 8)
    anchor, other = ("end", "start") if column == 1 else ("start", "end")
    far = box_x + 10 if column == 1 else box_x + BOX_W - 10
    middle = box_y + height // 2
    yield _text("part-name", (far, middle), other, part.name)
    yield _text("small", (far, middle + 15), other, part.note)
    for wire in part.wires:
        y = wire.pin.y
        yield (
            f'  <path d="M{PIN_X[column]} {y}H{edge}" stroke="{COLOURS[wire.kind]}" stroke-width="3" '
            f'data-pin="{wire.pin.number}" data-name="{wire.pin.name}"/>'
        )
        yield _text("small", (edge + inside, y + 4), anchor, wire.terminal)


def _supply(profile: Profile) -> Iterator[str]:
    """The way of the microphone's supply through the switch's second pole."""
    if not profile.wiring.cuts_supply:
        return
    y = TOP + 20 * ROW + 8
    places = [(20, "USB socket of the Pi"), (316, "Mute switch, pole 2"), (612, "Microphone")]
    yield f'  <path d="M188 {y + 17}H612" stroke="{COLOURS["supply"]}" stroke-width="3" data-supply="+5 V"/>'
    for x, name in places:
        yield _box((x, y), (168, 34))
        yield _text("part-name", (x + 84, y + 22), "middle", name)


def _box(at: tuple[int, int], size: tuple[int, int]) -> str:
    (x, y), (width, height) = at, size
    return f'  <rect class="part" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>'


def _text(kind: str, at: tuple[int, int], anchor: str, words: str) -> str:
    x, y = at
    return f'  <text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'


def _footer(profile: Profile) -> Iterator[str]:
    y = TOP + 20 * ROW + 68
    for number, line in enumerate(_notes(profile)):
        yield f'  <text class="small" x="20" y="{y + number * 18}">{escape(line)}</text>'


def _notes(profile: Profile) -> Iterator[str]:
    yield "Seen from above, pin 1 at the top left (the corner away from the USB sockets)."
    if profile.panel.mute is None:
        yield "Mute is the array's own button: its circuit cuts the microphones, and the firmware reads it."
    else:
        yield "The mute switch is closed when live: a wire that comes loose mutes."
    if profile.wiring.cuts_supply:
        yield f"Its second pole cuts the microphone's supply: {profile.wiring.cuts_supply}."
    on_board = profile.wiring.on_board
    if "i2s" in profile.wiring.buses:
        yield "The array sits on the header: these pins are reached at its own sockets."
    if on_board:
        yield f"On the array itself, nothing to wire: {', '.join(on_board)}."


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what `arguments` say; 0 is done or equal, 1 is not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="draw them")
    what.add_argument("--check", action="store_true", help="exit 1 unless they are as the profiles say")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they are")
    options = parser.parse_args(arguments)
    wrong = 0
    for path, drawn in _pages(options.folder):
        if options.write:
            path.write_text(drawn, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != drawn:
            print(f"{path}: not what the profiles say; run scripts/draw_wiring.py --write", file=sys.stderr)
            wrong = 1
    return wrong


def _pages(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each file that is drawn, and what should stand in it."""
    for name in names():
        yield folder / f"{name}.svg", draw(name)
    readme = folder / "README.md"
    lists = "\n".join(_parts_list(name) for name in names())
    yield readme, PLACE.sub(lambda _: f"\n{lists}\n", readme.read_text(encoding="utf-8"))


def _parts_list(name: str) -> str:
    profile = load_profile(name)
    lines = [f"### {profile.title}", "", f'`profile = "{name}"`', ""]
    lines += [f"- {part}" for part in profile.wiring.parts]
    return "\n".join([*lines, "", f"![Wiring: {profile.title}]({name}.svg)", ""])


if __name__ == "__main__":
    sys.exit(main())
