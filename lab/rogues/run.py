"""Plays ROGUES, and has the audit look at what each left: caught, and by which layers."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from rich.console import Console

from lab.audit.evidence import Given
from lab.audit.run import audit
from lab.audit.verdicts import LAYERS, Layer, Verdict
from lab.canary.run import Wish
from lab.canary.run import missing as no_canary
from lab.canary.run import run as look_into_memory
from lab.enclosure.privilege import missing as no_cable
from lab.errors import RunError
from lab.folder import TIMELINE
from lab.rogues.rogue import Rogue
from lab.scenario import read
from lab.simulate import Around, simulate

_SEED, _SECONDS = 2019, 5
"""Of the canary that a rogue's memory is searched for."""

Seen = Literal["caught", "missed", "nothing to look at"]


class Row(NamedTuple):
    """What became of a rogue: by layer, and by the whole audit, which caught it if the promise it breaks is
    broken. finding: the first that says so. For the honest firmware `rogue` is None, and any finding is a
    false alarm.
    """

    rogue: Rogue | None
    layers: dict[Layer, Seen]
    caught: bool
    finding: str

    @property
    def right(self) -> bool:
        """Whether the audit is right about it."""
        return self.caught is (self.rogue is not None)


def play(rogues: Sequence[Rogue], directory: Path) -> Iterator[Row]:
    """Play the honest firmware in every rogue's scene, then every rogue; each leaves a folder in `directory`.

    Raises:
        RunError: `directory` holds something else.
    """
    for scene in scenes(rogues):
        yield honest(scene, directory / "honest" / scene.stem)
    for rogue in rogues:
        yield rogues_row(rogue, directory / rogue.name)


def honest(scene: Path, folder: Path) -> Row:
    """Play the honest firmware in a scene."""
    return _row(None, _played(scene, folder, Around(captured=no_cable() is None)))


def rogues_row(rogue: Rogue, folder: Path) -> Row:
    """Play one rogue."""
    around = Around(corrupt=rogue.corrupt, corrupt_cloud=rogue.corrupt_cloud, captured=no_cable() is None)
    return _row(rogue, _played(rogue.scene, folder, around, rogue.searched))


def scenes(rogues: Iterable[Rogue]) -> list[Path]:
    """The scenes of some rogues, each once: the honest firmware plays them, too."""
    return list(dict.fromkeys(rogue.scene for rogue in rogues))


def unplayable(rogue: Rogue) -> str | None:
    """Why a rogue can't be played here, in one line; None if it can."""
    return no_cable() if rogue.enclosed else no_canary() if rogue.searched else None


def _played(scene: Path, folder: Path, around: Around, searched: tuple[str, ...] = ()) -> list[Verdict]:
    """Play it in a fresh folder, and audit what is left."""
    if folder.exists():
        if not (folder / TIMELINE).exists():
            raise RunError(f"{folder}: no run wrote it; name another folder")
        shutil.rmtree(folder)
    simulate(read(scene), folder, around=around)
    if searched:
        look_into_memory(folder, Wish(_SEED, _SECONDS, searched), Console(quiet=True))
    return audit(Given(folder))


def _row(rogue: Rogue | None, verdicts: list[Verdict]) -> Row:
    broken = [verdict for verdict in verdicts if rogue is None or verdict.promise == rogue.promise]
    findings = [f"{check.name}: {found.what}" for verdict in broken for check, found in verdict.findings]
    layers = {layer: _seen(layer, verdicts) for layer in LAYERS}
    return Row(rogue, layers, bool(findings), findings[0] if findings else "")


def _seen(layer: Layer, verdicts: list[Verdict]) -> Seen:
    results = [result for verdict in verdicts for result in verdict.results if result.check.layer == layer]
    if any(result.findings for result in results):
        return "caught"
    return "nothing to look at" if all(result.needs for result in results) else "missed"
