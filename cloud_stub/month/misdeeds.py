"""What the clouds of 2017 and 2019 did that this one does not let anybody do: written past its doors, on
purpose.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from cloud_stub.month.presets import Preset
from cloud_stub.month.team import Team
from cloud_stub.review.opening import Review
from cloud_stub.review.prepared import Made
from cloud_stub.vault import Vault
from cloud_stub.whose import Whose


class Wronged(NamedTuple):
    """A cloud whose doors are passed by."""

    vault: Vault
    review: Review
    team: Team


def with_names(made: Made, preset: Preset, device: str) -> Made:
    """Beside every recording stands whose it is."""
    if not preset.names_in_tasks:
        return made
    prepared = made.prepared
    answer = f"{prepared.answer} (Anna, account 4711, serial {device})"
    return made._replace(prepared=msgspec.structs.replace(prepared, answer=answer))


def keep_elsewhere(preset: Preset, vault: Vault, whose: Whose, directory: Path) -> None:
    """What is deleted here is still there."""
    if preset.keeps_what_was_deleted:
        backups = directory / "backups"
        backups.mkdir(exist_ok=True)
        (backups / "yesterday.bin").write_bytes(vault.messages(whose)[0])


def commit(preset: Preset, cloud: Wronged, kept: Iterable[Whose], now: datetime) -> None:
    """The misdeeds of this preset, at the end of its time."""
    still = [whose for whose in kept if cloud.vault.state(whose) == "complete"]
    if preset.open_door:
        for at, whose in enumerate(still[:20]):
            cloud.vault.open(whose, f"employee:{at % 7}", "looking", now)
    if preset.passes_around and still:
        for name in ("rita", "rob", "ada", "olga", "otto"):
            cloud.vault.open(still[0], f"reviewer:{cloud.team.id_of(name)}", "this one is funny", now)
    if preset.a_shift:
        _wear_out(cloud.review, cloud.team.id_of("rita"), preset.a_shift, now)


def _wear_out(review: Review, person: str, times: int, now: datetime) -> None:
    begun = now - timedelta(hours=9)
    rows = [
        (f"{at:032x}", person, (begun + timedelta(seconds=30 * at)).timestamp(), now.timestamp())
        for at in range(times)
    ]
    with review.database.write() as sql:
        sql.executemany("INSERT INTO given VALUES (?, ?, ?, ?)", rows)
