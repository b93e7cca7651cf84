"""Play scenarios to a speaker, hear recordings as it would, open what was sent."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cloud_stub.errors import CloudError
from device.envelope import EnvelopeError
from device.errors import DeviceError
from device.ledger import LedgerError
from hardware.errors import HardwareError
from lab.errors import LabError
from lab.report import ReportError
from lab.simulate import BrokerKind

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


Output = Annotated[Path | None, typer.Option("--out", help="Folder for everything that comes of it.")]


@app.command()
def simulate(
    scenario: Annotated[Path, typer.Argument(help="What happens, and what must be true afterwards (TOML).")],
    out: Output = None,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="At the pace of the room, not of the machine.")
    ] = False,
    broker: Annotated[BrokerKind, typer.Option(help="Which broker to start.")] = "auto",
) -> None:
    """Play a scenario to a real speaker, cloud and broker. Exit 0 when all expectations hold, else 1."""
    from lab.session import run

    sys.exit(run(scenario, out or Path("out") / scenario.stem, realtime=realtime, broker_kind=broker))


@app.command()
def hear(
    files: Annotated[list[Path], typer.Argument(help="WAV or FLAC, any rate, any number of channels.")],
    word: Annotated[
        list[str], typer.Option(help="A wake word by name, or a manifest's path; several times.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a wake.")] = False,
) -> None:
    """Play recordings to the firmware's wake word detector, as fast as possible: one line a wake."""
    from lab import hear as hearing

    sys.exit(hearing.run(files, word, as_json, sys.stdout))


@app.command(name="open")
def open_run(
    directory: Annotated[Path, typer.Argument(help="The folder of a run.")],
    key: Annotated[Path, typer.Option(help="A reader's private key, such as DIR/owner.key.")],
    out: Annotated[Path, typer.Option(help="The WAV file to write.")],
) -> None:
    """Open what was sent with a reader's key, and write it as a WAV file."""
    from lab import opening

    utterances = opening.open_all(directory, opening.read_key(key))
    seconds = opening.write_wav(utterances, out)
    for utterance in utterances:
        header = utterance.header
        at, length = header.first_sample / header.rate, len(utterance.pcm) / 2 / header.rate
        print(f"{at:8.2f} s  {length:6.2f} s  {header.trigger.kind}  {header.utterance}")
    print(f"{out}: {len(utterances)} utterances, {seconds:.2f} s")


@app.command()
def key(out: Annotated[Path, typer.Option(help="Where the private key goes, mode 0600.")]) -> None:
    """Make an owner's reader key: print its public half, for `privacy.owner_reader`."""
    from lab import opening

    print(opening.make_key(out).encode())


def main() -> None:
    """Run the command line and exit: 0 done, 1 an expectation fails, 2 usage, 3 config or model, 5 key, 6
    storage.
    """
    try:
        app()
    except (
        LabError, ReportError, CloudError, DeviceError, HardwareError, EnvelopeError, LedgerError
    ) as error:  # fmt: skip
        Console(stderr=True).print(f"overheard-lab: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(getattr(error, "exit_code", 1))
    except OSError as error:
        what = f"{error.filename or 'disk'}: {error.strerror or error}; name a folder that can be written"
        Console(stderr=True).print(f"overheard-lab: {what}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(6)


if __name__ == "__main__":
    main()
