"""overheard-cloud audit, simulate: whether people kept to the rules; and a cloud that has been lived with."""

import shutil
import tempfile
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from cloud_stub.broker_commands import ConfigFile, refuse_root
from cloud_stub.config import Config, load
from cloud_stub.controls.audit import Report
from cloud_stub.controls.audit import audit as look
from cloud_stub.controls.evidence import Sources
from cloud_stub.errors import ConfigError, StorageError
from cloud_stub.keys import Keys
from cloud_stub.month.presets import PRESETS
from cloud_stub.month.run import FIRST, Lived, live_through
from cloud_stub.people.people import People
from cloud_stub.review.opening import open_review, sampler_key
from cloud_stub.vault import open_vault
from cloud_stub.wishes import Wishes

PRESET_DAYS = 14


def audit(
    config: ConfigFile,
    preset: Annotated[
        str, typer.Option(help=f"Audit a cloud as it was reported: {', '.join(filter(None, PRESETS))}.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Write the signed report there.")] = None,
) -> None:
    """Check that people keep to the rules. Exit 0: they do; 1: each finding is a line."""
    if preset:
        report, signed = _of_preset(preset)
    else:
        settings = load(config)
        report = _of_cloud(settings)
        signed = report.signed(Keys(settings.storage.keys, settings.keys).witness)
    if out is not None:
        _write(out, signed)
    typer.echo(report.text(), nl=False)
    raise typer.Exit(0 if report.passed else 1)


def simulate(
    directory: Annotated[Path, typer.Argument(help="An empty or new folder.")],
    days: Annotated[int, typer.Option(min=1, max=400)] = 30,
    seed: Annotated[int, typer.Option(help="The same seed, the same story.")] = 1,
    preset: Annotated[str, typer.Option(help="As in `audit`.")] = "",
) -> None:
    """Let a household and a review team live for so many days, and say how to look at it."""
    if directory.exists() and any(directory.iterdir()):
        raise StorageError(f"{directory}: not empty; name a new folder for the simulated cloud")
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    lived = _lived(directory, days, seed, preset, today - timedelta(days=days + 1))
    with closing(lived):
        held = lived.sources.vault.utterances()
        table = [f"{each.name} {each.role} {each.password} {each.seed}" for each in lived.sign_ins]
    people = directory / "people.txt"
    _write(people, "# name, role, password, seed of the code\n" + "\n".join(table) + "\n")
    typer.echo(
        f"{directory}: {days} days, {len(held)} recordings, {len(table)} people; {people} says how to sign in"
    )
    typer.echo(f"audit it: overheard-cloud audit --config {directory / 'cloud.toml'}")


def _of_preset(preset: str) -> tuple[Report, str]:
    with tempfile.TemporaryDirectory(prefix="overheard-preset-") as folder:
        lived = _lived(Path(folder) / "cloud", PRESET_DAYS, 1, preset)
        with closing(lived):
            report = look(lived.sources, lived.now)
            return report, report.signed(Keys(lived.config.storage.keys, lived.config.keys).witness)


def _lived(directory: Path, days: int, seed: int, preset: str, first: datetime = FIRST) -> Lived:
    if preset not in PRESETS:
        raise ConfigError(f"preset {preset}: not known; one of {', '.join(filter(None, PRESETS))}")
    counted = track(range(days), "living", console=Console(stderr=True), transient=True)
    return live_or_clean(directory, days, seed, preset, first, counted)


def live_or_clean(
    directory: Path, days: int, seed: int, preset: str, first: datetime, counted: Iterable[int]
) -> Lived:
    """As `live_through`; whatever ends it early leaves no half-lived folder."""
    new = not directory.exists()
    try:
        return live_through(directory, days, seed, preset, first, counted)
    except BaseException:
        if new:
            shutil.rmtree(directory, ignore_errors=True)
        raise


def _of_cloud(settings: Config) -> Report:
    storage = settings.storage
    if not (storage.vault / "vault.sqlite").exists():
        raise StorageError(f"{storage.vault}: no cloud keeps anything there; name its settings with --config")
    refuse_root(Path(storage.directory))
    with (
        closing(open_vault(storage)) as vault,
        closing(Wishes(storage.wishes)) as wishes,
        closing(open_review(storage.review, vault, wishes, settings.review)) as review,
        closing(People(storage.people)) as people,
    ):
        key = sampler_key(storage.review)
        where = Path(storage.directory)
        return look(Sources(where, vault, wishes, review, people, settings.review, key), datetime.now(UTC))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; name a file that can be written") from error
