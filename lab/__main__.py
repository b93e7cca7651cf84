"""Play scenarios to a speaker, hear recordings as it would, open what was sent."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from cloud_stub.errors import CloudError
from device.envelope import EnvelopeError
from device.errors import DeviceError
from device.ledger import LedgerError
from device.wakeword import Sensitivity
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
    capture: Annotated[
        bool,
        typer.Option("--capture", help="Alone with one captured cable: as root, or in a user namespace."),
    ] = False,
) -> None:
    """Play a scenario to a real speaker, cloud and broker. Exit 0 when all expectations hold, else 1."""
    from lab.enclosure.privilege import become_able
    from lab.session import run

    if capture:
        become_able()
    into = out or Path("out") / scenario.stem
    sys.exit(run(scenario, into, realtime=realtime, broker_kind=broker, captured=capture))


@app.command(context_settings={"ignore_unknown_options": True})
def capture(
    out: Annotated[Path, typer.Option(help="Folder for the capture, its keys, and everything else.")],
    command: Annotated[
        list[str] | None,
        typer.Argument(
            help="The firmware, after --; {config} is its settings, written for it. overheard-device run."
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="End it after so long; else Ctrl-C does.")
    ] = None,
) -> None:
    """Run firmware alone with one cable to a broker of ours, capture it, count it in the kernel, audit it.

    As root, or as anybody where user namespaces are allowed. Exit as of audit.
    """
    from lab.enclosure import command as enclosed
    from lab.enclosure.privilege import become_able

    become_able()
    console = Console()
    words = command or list(enclosed.FIRMWARE)
    sys.exit(enclosed.run(out, words, seconds, console if console.is_terminal else Console(width=112)))


@app.command()
def hear(
    files: Annotated[list[Path], typer.Argument(help="WAV or FLAC, any rate, any number of channels.")],
    word: Annotated[
        list[str], typer.Option(help="A wake word by name, or a manifest's path; several times.")
    ],
    sensitivity: Annotated[Sensitivity, typer.Option(help="How easily it wakes.")] = "balanced",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a wake.")] = False,
) -> None:
    """Play recordings to the firmware's two ears, as fast as possible: one line a wake or a rejected one."""
    from lab import hear as hearing

    sys.exit(hearing.run(files, word, as_json, sys.stdout, sensitivity))


@app.command()
def study(  # noqa: PLR0913, PLR0917  # options of a command are its arguments
    audio: Annotated[Path, typer.Argument(help="A folder of audio, or of folders of it.")],
    out: Annotated[Path, typer.Option(help="Folder for all that comes of it; named again, it goes on.")],
    word: Annotated[
        list[str] | None,
        typer.Option(help="A wake word by name, or a manifest's path; several times. The firmware's own."),
    ] = None,
    sensitivity: Annotated[Sensitivity, typer.Option(help="How easily the second ear agrees.")] = "balanced",
    head: Annotated[
        list[Path] | None,
        typer.Option(help="A head of the second ear, from enrol or training; several times."),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, max=1000, help="How often each file is heard, a little altered each time.")
    ] = 1,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=1024, help="How many processes; one for each core.")
    ] = None,
    keep_clips: Annotated[
        bool, typer.Option("--keep-clips", help="Keep what would have been sent as WAV files.")
    ] = False,
    at_m: Annotated[
        list[float] | None,
        typer.Option(help="Hear what says the word from so far as well; several times."),
    ] = None,
    snr_db: Annotated[
        list[float] | None, typer.Option(help="With noise, so many dB below them there; several times.")
    ] = None,
    noise: Annotated[Path | None, typer.Option(help="A folder of noise for it; pink noise without.")] = None,
    beam: Annotated[
        Literal["first", "delay-and-sum", "both"],
        typer.Option(help="By one microphone, by four added, or both."),
    ] = "both",
    pets: Annotated[
        Path | None, typer.Option(help="The folder of the PETS 2020 study, to put its speakers beside ours.")
    ] = None,
) -> None:
    """Hear hours of audio: false wakes, how long would have been listened, how often it repeats."""
    from device.config import load
    from lab.study.rooms import conditions
    from lab.study.run import Wish
    from lab.study.run import run as run_study

    rooms = {each.name: each for each in conditions(at_m or [], snr_db or [], beam, noise)}
    words = word or list(load(None).wakeword.words)
    wish = Wish(words, sensitivity, rounds, jobs, keep_clips, rooms, head or (), pets)
    sys.exit(run_study(audio, out, wish))


@app.command()
def pets(
    directory: Annotated[Path, typer.Argument(help="The folder data of djdubois/smart-speakers-study.")],
    out: Output = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a row.")] = False,
) -> None:
    """Print the PETS 2020 study of false wakes from its files: by speaker, wake word and show."""
    from lab.study import pets_show

    sys.exit(pets_show.run(directory, as_json, out, sys.stdout))


@app.command()
def fingerprint(
    directory: Annotated[
        Path, typer.Argument(help="A folder of traces (COMMAND_NUMBER.csv), or of folders of them.")
    ],
    out: Output = None,
) -> None:
    """Attack traces of spoken commands as CNS 2019 did: what a stranger on the network can tell."""
    from lab.fingerprint.run import run

    sys.exit(run(directory, out))


@app.command()
def enrol(
    said: Annotated[
        list[Path], typer.Option(help="Recordings of your word, or folders of them; 3 at least.")
    ],
    out: Annotated[Path, typer.Option(help="Where the head goes, mode 0600.")],
    word: Annotated[str, typer.Option(help="The wake word, by name.")] = "alexa",
    not_said: Annotated[
        list[Path] | None,
        typer.Option(help="Recordings of your home's talk and television, without the word."),
    ] = None,
) -> None:
    """Teach the second ear your household's voices: a head for `[wakeword] heads`."""
    from lab.enrol.run import run

    run(word, said, not_said or [], out, Console())


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
        for gap in utterance.gaps:
            lost = gap.samples / header.rate * 1000
            print(
                f"{at + gap.first / header.rate:8.2f} s  {lost:6.1f} ms lost by the microphone: silence here"
            )
    if len(utterances) == 1:
        print(f"{out}: 1 utterance, {seconds:.2f} s")
    else:
        print(
            f"{out}: {len(utterances)} utterances, {seconds:.2f} s, with 0.50 s of silence between each two"
        )


@app.command()
def audit(  # noqa: PLR0913, PLR0917  # options of a command are its arguments
    directory: Annotated[Path, typer.Argument(help="The folder of a run, or whatever there is of one.")],
    device_key: Annotated[str | None, typer.Option(help="The device's verifier key, name+id+base64.")] = None,
    reader_key: Annotated[
        list[Path] | None, typer.Option(help="A reader's private key, such as DIR/owner.key; several times.")
    ] = None,
    room: Annotated[
        Path | None, typer.Option(help="A recording of the room, 16 kHz, one channel; DIR/room.flac.")
    ] = None,
    pcap: Annotated[
        Path | None, typer.Option(help="A capture of the device's link; DIR/wire.pcapng.")
    ] = None,
    keylog: Annotated[
        Path | None, typer.Option(help="The NSS key log of its TLS connections; DIR/wire.keys.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for audit.html and verdict.json; DIR.")] = None,
) -> None:
    """Judge every promise by what is there. Exit 0: all kept, 1: one broken, 3: one not provable."""
    from lab.audit.evidence import Given
    from lab.audit.run import run

    given = Given(directory, device_key, tuple(reader_key or ()), room, pcap, keylog)
    console = Console()
    sys.exit(run(given, out, console if console.is_terminal else Console(width=112)))


@app.command()
def prove(
    row: Annotated[int, typer.Argument(min=0, help="The row's index.")],
    directory: Annotated[Path, typer.Argument(help="The folder of a run.")],
    out: Annotated[Path | None, typer.Option(help="The file to write; rowN.tlog-proof.")] = None,
) -> None:
    """Write the proof of one row of the ledger, for any tool that reads C2SP tlog-proof, and the row."""
    from lab.audit import proof

    proved = proof.prove(directory, row)
    path = out or Path(f"row{row}.tlog-proof")
    path.write_text(proved.text, encoding="utf-8")
    path.with_name(path.name + ".row").write_bytes(proved.row)
    print(f"{path}: row {row}, which is {path.name}.row beside it")


@app.command()
def check_proof(
    file: Annotated[Path, typer.Argument(help="A proof, such as row7.tlog-proof.")],
    key: Annotated[str, typer.Option(help="The device's verifier key, name+id+base64.")],
    row: Annotated[Path | None, typer.Option(help="The file with the row; FILE.row.")] = None,
) -> None:
    """Check the proof of one row. Exit 0: it is in the ledger that the device signed."""
    from lab.audit import proof

    index, head = proof.check(file, key, proof.row_of(row or file.with_name(file.name + ".row")))
    print(f"row {index} is in the ledger of {head.size} rows that {head.origin} signed")


@app.command()
def witness(
    directory: Annotated[Path, typer.Argument(help="The folder of a run.")],
    state: Annotated[Path, typer.Option(help="The witness's own file, made where there is none.")],
) -> None:
    """Cosign the ledger's head if it goes on from the last one; otherwise show both and refuse."""
    from time import time

    from lab.audit.witness import witness as see

    seen = see(directory, state, int(time()))
    print(f"{directory / 'witnessed.txt'}: goes on from {seen.before} rows, cosigned by {seen.vkey}")


@app.command()
def rogues(
    names: Annotated[list[str] | None, typer.Argument(help="Which, by name; all.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for what each leaves, and the matrix.")] = Path(
        "out/rogues"
    ),
) -> None:
    """Play firmware that breaks a promise, and show what of the audit finds it. Exit 0: all were caught."""
    from lab.rogues.command import run

    console = Console()
    sys.exit(run(out, names or (), console if console.is_terminal else Console(width=128)))


@app.command()
def traffic(
    captures: Annotated[list[Path], typer.Argument(help="pcap or pcapng, of any speaker's traffic.")],
    device: Annotated[
        str | None, typer.Option(help="Its address; the one that sends most out of the home.")
    ] = None,
    threshold: Annotated[
        int | None, typer.Option(min=0, help="Bytes a second; 12,172, which is an Echo Dot 3's.")
    ] = None,
    idle: Annotated[
        Path | None, typer.Option(help="A capture in which nobody spoke, to take the threshold from.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for a page, and for the formats of those who study this.")
    ] = None,
) -> None:
    """Find when a speaker uploaded speech, from its traffic alone."""
    from lab.traffic.command import Wish, run

    console = Console()
    wide = console if console.is_terminal else Console(width=140)
    sys.exit(run(captures, Wish(device, threshold, idle), out, wide))


@app.command()
def canary(
    out: Annotated[Path, typer.Option(help="Folder for memory.json, and for all that was searched.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the sound, and of the moments of looking.")] = 1,
    seconds: Annotated[int, typer.Option(min=5, max=600, help="How long it sounds.")] = 10,
) -> None:
    """Play a sound to the idle firmware, and look for it in its memory and files. 1: older than allowed."""
    from lab.canary.run import Wish
    from lab.canary.run import run as sing

    sys.exit(sing(out, Wish(seed, seconds), Console()))


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
