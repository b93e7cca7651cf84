"""Run the firmware of the speaker."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from device.assemble import assemble
from device.config import Config, load
from device.diary import Diary
from device.envelope import EnvelopeError
from device.errors import ConfigError, DeviceError
from device.ledger import LedgerError
from hardware import open_board
from hardware.board import RATE_HZ, Board
from hardware.errors import HardwareError
from hardware.world import Speed

_AFTER_SAMPLES = 8 * RATE_HZ
"""So long is a room quiet before it ends: time to finish an utterance, and to be answered."""

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


@app.callback()
def _commands() -> None:
    """The firmware of the speaker."""


@app.command()
def run(
    config: Annotated[Path, typer.Option(help="Settings that differ from the defaults (TOML).")],
) -> None:
    """Listen, until told to stop (Ctrl-C, SIGTERM)."""
    settings = load(config)
    speaker = assemble(settings, open_configured_board(settings), Diary(_say))

    def stop(_signal: int, _frame: object) -> None:
        speaker.stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _say(f"starting as {speaker.parts.device}, calling {settings.uplink.host}:{settings.uplink.port}")
    speaker.run()
    waiting = speaker.parts.delivery.unacknowledged
    if waiting:
        _say(f"{waiting} utterances wait in the outbox, sealed, for the next start")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def open_configured_board(config: Config) -> Board:
    """Open the board of the settings; the simulated one hears its recordings one after the other.

    Raises:
        HardwareError: no such board, or a recording that cannot be played.
        ConfigError: `board.pace` is not a pace.
    """
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
    """Run the command line and exit: 0 done, 2 usage, 3 config or model, 4 microphone, 5 key, 6 storage."""
    try:
        app(standalone_mode=True)
    except (DeviceError, HardwareError, EnvelopeError, LedgerError) as error:
        print(f"overheard-device: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(getattr(error, "exit_code", 1))


if __name__ == "__main__":
    main()
