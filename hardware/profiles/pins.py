"""Which pins of the header are whose, and what is wrong with a choice of them. Pure."""

from collections.abc import Iterable

BUS_PINS: dict[str, tuple[int, ...]] = {
    "i2c": (2, 3),
    "spi": (7, 8, 9, 10, 11),  # SPI0 with both its selects
    "i2s": (18, 19, 20, 21),
}
"""GPIO numbers of the header's buses, as the Raspberry Pi's documentation has them."""

LIGHT_PINS: dict[str, frozenset[str]] = {
    "none": frozenset(),
    "led": frozenset({"led"}),
    "rgb": frozenset({"red", "green", "blue"}),
    "apa102": frozenset({"clock", "data"}),
    "respeaker-usb": frozenset(),
    "respeaker-xvf3800": frozenset(),
}
"""The pins that a kind of light needs, by name."""

SPI_LIGHTS = {"lights.clock": 11, "lights.data": 10}
"""Lights on the bus itself are on these pins of it."""


def missing(kind: str, given: set[str]) -> list[str]:
    """What is wrong with the names of the pins that lights of a kind were given."""
    wanted = LIGHT_PINS[kind]
    if given == wanted:
        return []
    needs, has = (", ".join(sorted(names)) or "none" for names in (wanted, given))
    return [f"lights.pins: {kind} needs {needs}, and there is {has}"]


def colliding(used: list[tuple[str, int]], buses: Iterable[str]) -> list[str]:
    """Pins that two parts use, or a part and a bus that the board needs."""
    faults = []
    owner: dict[int, str] = {}
    lights = dict(used)
    if any(part in SPI_LIGHTS for part in lights):
        buses = {*buses, "spi"}
    for bus in sorted(buses):
        owner |= dict.fromkeys(BUS_PINS[bus], f"the {bus.upper()} bus")
    for part, pin in used:
        own = SPI_LIGHTS.get(part)
        if own is not None and pin != own:
            faults.append(f"{part}: GPIO{pin}, and the SPI bus has it on GPIO{own}")
        elif own is None and pin in owner:
            faults.append(f"{part}: GPIO{pin} is taken by {owner[pin]}")
        owner[pin] = part
    return faults
