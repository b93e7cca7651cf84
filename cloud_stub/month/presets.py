"""Clouds as they were reported, to be audited. Every one but `facebook-m` is a rogue, and lives in a
folder of its own.

Sources: Bloomberg, 10 April 2019 (Alexa); the FTC against Amazon, 2023; Expensify's own account, 2017;
Facebook's disclosures on M, 2015 to 2018; the FTC against Ring, 2023, of 2017.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Preset(NamedTuple):
    """How a cloud differs from this one. passes: whether the audit must pass it."""

    passes: bool
    reported: str
    share: float = 0.2
    declared_share: float = 0.2
    ignores_opt_out: bool = False
    second_factors: bool = True
    names_in_tasks: bool = False
    handles_distress: bool = True
    passes_around: bool = False
    open_door: bool = False
    keeps_what_was_deleted: bool = False
    a_shift: int = 0


PRESETS: Mapping[str, Preset] = {
    "": Preset(passes=True, reported="this cloud, as it comes"),
    "bloomberg-2019": Preset(
        passes=False,
        reported="a thousand recordings a shift; name, account and serial beside them; amusing ones passed"
        " around; nobody's job to act on what distressed; opted in until one opted out",
        ignores_opt_out=True,
        names_in_tasks=True,
        handles_distress=False,
        passes_around=True,
        keeps_what_was_deleted=True,
        a_shift=1000,
    ),
    "expensify-2017": Preset(
        passes=False,
        reported="said to be read by machines; read by people for hire",
        share=1.0,
        declared_share=0.0,
    ),
    "facebook-m": Preset(
        passes=True,
        reported="people behind the machine in everything, and said so to the few who were invited",
        share=1.0,
        declared_share=1.0,
    ),
    "ring-2017": Preset(
        passes=False,
        reported="every employee and hundreds of contractors could open every recording",
        open_door=True,
        second_factors=False,
    ),
}
