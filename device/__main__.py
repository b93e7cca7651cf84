"""Run the firmware of the speaker."""

import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from device.advice import pasted
from device.assemble import assemble
from device.config import INSTALLED, BoardSection, Config, load
from device.diary import Diary
from device.envelope import EnvelopeError
from device.errors import ConfigError, DeviceError
from device.forgetful import begin_anew
from device.ledger import LedgerError
from hardware import open_board
from hardware.board import RATE_HZ, Board
from hardware.errors import HardwareError
from hardware.serial import board_serial
from hardware.world import Speed

_AFTER_SAMPLES = 8 * RATE_HZ
"""So long is a room quiet before it ends: time to finish an utterance, and to be answered."""

RELEASE_KEY = Path("/etc/overheard/release.key")


def _installed() -> Path | None:
    return INSTALLED if INSTALLED.exists() else None


def _there() -> Path:
    if (found := _installed()) is None:
        raise typer.BadParameter(f"none given, and {INSTALLED} is not there", param_hint="--config")
    return found


_WHICH = f"{INSTALLED}, where it is there"
_HELP = "Settings that differ from the defaults (TOML)."
ConfigFile = Annotated[
    Path, typer.Option("--config", default_factory=_there, show_default=_WHICH, help=_HELP)
]
ToChoose = Annotated[
    Path | None,
    typer.Option(
        "--config", default_factory=_installed, show_default=_WHICH, help="Settings, to see what they choose."
    ),
]

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


@app.callback()
def _commands() -> None:
    """The firmware of the speaker."""


@app.command()
def run(
    config: ConfigFile,
) -> None:
    """Listen, until told to stop (Ctrl-C, SIGTERM)."""
    settings = load(config)
    if settings.board.name == "pi":  # the sound of the others is of files
        begin_anew()
    speaker = assemble(settings, open_configured_board(settings), Diary(_say))

    def stop(_signal: int, _frame: object) -> None:
        speaker.stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _say(f"starting as {speaker.parts.device}, calling {settings.uplink.host}:{settings.uplink.port}")
    speaker.run()
    waiting = speaker.parts.delivery.unacknowledged
    if waiting:
        wait = "1 utterance waits" if waiting == 1 else f"{waiting} utterances wait"
        _say(f"{wait} in the outbox, sealed, for the next start")


@app.command()
def provision(
    config: ConfigFile,
    wait_s: Annotated[float, typer.Option(min=1, help="How long to wait for an approval.")] = 600.0,
    again: Annotated[bool, typer.Option("--again", help="Even if there is a certificate.")] = False,
) -> None:
    """Ask the cloud for this device's certificate, and wait until somebody approves it."""
    from device.provision import provision as ask

    settings = load(config)
    serial = board_serial() if settings.board.name != "sim" else None
    ask(settings, serial, lambda line: _say(pasted(line, config)), wait_s=wait_s, again=again)


@app.command("self-report")
def self_report(
    config: ConfigFile,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Say what can leave this speaker, to whom, field by field, and what comes in and is written."""
    from device import self_report as describing

    described = describing.report(load(config))
    for line in [describing.as_json(described)] if as_json else describing.as_lines(described):
        _say(line)


@app.command()
def doctor(
    config: ConfigFile,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a check.")] = False,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Press, slide, look and speak together, step by step.")
    ] = False,
) -> None:
    """Say what is wrong, if anything, and what to do about it. Exit 1 if something fails."""
    from device import doctor as examined

    failed = False
    now = datetime.now(UTC)

    def found() -> Iterator[examined.Finding]:
        if interactive:
            person = examined.Person(_say, typer.confirm)
            return examined.together(config, now, open_configured_board, person)
        return examined.examine(config, now, open_configured_board)

    def watched() -> Iterator[examined.Finding]:
        nonlocal failed
        for finding in found():
            failed = failed or finding.word == "fail"
            yield finding

    for line in (examined.as_json if as_json else examined.as_lines)(watched()):
        _say(line)
    if failed:
        raise typer.Exit(1)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def update(
    context: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="A bundle of scripts/release; its note lies beside it.")],
    key: Annotated[Path, typer.Option(help="The release key to trust.")] = RELEASE_KEY,
    allow_older: Annotated[bool, typer.Option("--allow-older", help="Even an older release.")] = False,
) -> None:
    """Verify a release that you brought, and install it; what else is said goes to its scripts/install."""
    from device.update import update as install

    code = install(bundle, key, _say, allow_older=allow_older, arguments=context.args)
    if code:
        raise typer.Exit(code)


@app.command()
def microphones(config: ToChoose) -> None:
    """Say which sound cards could hear, and what to write into the settings for each."""
    _list_cards(load(config).board, hears=True)


@app.command()
def loudspeakers(config: ToChoose) -> None:
    """Say which sound cards could speak, and what to write into the settings for each."""
    _list_cards(load(config).board, hears=False)


def _list_cards(board: BoardSection, *, hears: bool) -> None:
    from hardware.pi import listing

    found = listing.candidates(hears=hears)
    own = board.microphone if hears else board.loudspeaker
    meant = listing.chosen(board.profile, own, found, hears=hears)
    for line in listing.described(found, meant, hears=hears):
        _say(line)


def _say(line: str) -> None:
    typer.echo(line)


def open_configured_board(config: Config) -> Board:
    """Open the board of the settings; the simulated one hears its recordings one after the other.

    Raises:
        HardwareError: no such board, or a recording that cannot be played.
        ConfigError: `board.pace` is not a pace.
    """
    if config.board.name == "pi":
        own = config.board
        return open_board("pi", profile=own.profile, microphone=own.microphone, loudspeaker=own.loudspeaker)
    if config.board.name != "sim":
        return open_board(config.board.name)
    from hardware.sim import SimBoard
    from hardware.sound import FileSound

    length = sum(FileSound(path).samples for path in config.board.room)
    board = SimBoard(
        pace=_pace(config.board.pace),
        echo_db=config.board.echo_db,
        length_samples=length + _AFTER_SAMPLES if config.board.room_ends else None,
    )
    at = 0
    for path in config.board.room:
        at = board.room.say(path, at)
    return board


def _pace(text: str) -> Speed:
    match text:
        case "fast" | "realtime":
            return text
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f'board.pace: {text!r}; say "fast", "realtime" or a factor such as "4"') from error


def main() -> None:
    """Run the command line and exit: 0 done, 1 the doctor found a fault, 2 usage, 3 config or model,
    4 microphone, 5 key, 6 storage, 7 not provisioned, 8 update refused, 9 not protected.
    """
    try:
        app(standalone_mode=True)
    except (DeviceError, HardwareError, EnvelopeError, LedgerError) as error:
        typer.echo(f"overheard-device: {error}", err=True)
        sys.exit(getattr(error, "exit_code", 1))


if __name__ == "__main__":
    main()
