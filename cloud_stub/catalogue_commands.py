"""overheard-cloud catalogue: musicians that can be linked, from a dump of MusicBrainz."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from cloud_stub.errors import StorageError
from cloud_stub.hearing.musicbrainz import read_dump


def catalogue(
    dump: Annotated[Path, typer.Argument(help="artist.tar.xz or mbdump.tar.bz2 of MusicBrainz.")],
    out: Annotated[Path, typer.Option(help="The catalogue, for [hearing] artists.")],
    most: Annotated[int, typer.Option(min=1, max=200_000, help="So many of the best known.")] = 10_000,
) -> None:
    """Make a catalogue of musicians from a dump of MusicBrainz; nothing is asked of anybody."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading")
        best = read_dump(dump, most, lambda seen: progress.update(task, description=f"{seen:,} musicians"))
    draft = out.with_name(out.name + ".new")
    try:
        draft.write_text("\n".join(each.line() for each in best) + "\n", encoding="utf-8")
        draft.replace(out)
    except OSError as error:
        raise StorageError(f"{out}: {error.strerror}; name a file that can be written") from error
    typer.echo(f"{out}: {len(best):,} musicians, the best known {best[0].name}")
