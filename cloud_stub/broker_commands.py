"""overheard-cloud broker: the files of a real broker, and certificates for those who are no devices."""

import os
import shlex
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cloud_stub import revocation
from cloud_stub.broker_files import HOME_ASSISTANT, Address, BrokerFiles
from cloud_stub.config import INSTALLED, Config, load
from cloud_stub.devices import Devices
from cloud_stub.errors import StorageError
from cloud_stub.keys import Keys


def _installed() -> Path | None:
    return INSTALLED if INSTALLED.exists() else None


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        default_factory=_installed,
        show_default=f"{INSTALLED}, where it is there",
        help="Your settings, laid over the defaults.",
    ),
]

app = typer.Typer(
    no_args_is_help=True, help="The files of a real broker: TLS 1.3, a certificate for everybody."
)


def pasted(command: str, config: Path | None) -> str:
    """A command of ours, such that it works here with these settings."""
    if config == INSTALLED:
        return f"sudo -u overheard-cloud {command}"
    return f"{command} --config {shlex.quote(str(config))}" if config else command


def refuse_root(folder: Path) -> None:
    """Raise StorageError for root in somebody else's folder: their cloud could not read what it writes."""
    if os.geteuid() == 0 and folder.is_dir() and folder.stat().st_uid:
        raise StorageError(f"{folder}: not root's; say `sudo -u overheard-cloud` before it")


def open_files(settings: Config) -> BrokerFiles:
    """The broker's files of these settings, by this machine's clock. Raises KeyFileError, StorageError."""
    refuse_root(Path(settings.storage.directory))
    return BrokerFiles(settings.storage.broker, settings.storage.keys, datetime.now(UTC))


@app.command()
def init(
    host: Annotated[
        list[str] | None,
        typer.Option(help="A name or address that speakers call; several times, the best first."),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="For devices and the cloud.")] = 8883,
    guest_port: Annotated[
        int, typer.Option(min=1, max=65535, help="For new devices, and for Home Assistant.")
    ] = 8884,
    bind: Annotated[str, typer.Option(help="Listen on this address alone.")] = "",
    *,
    config: ConfigFile,
) -> None:
    """Write mosquitto's configuration, its rules and all certificates. Again: a new configuration, the same
    keys.
    """
    settings = load(config)
    files = open_files(settings)
    here = [bind] if bind else []
    hosts = list(dict.fromkeys([*(host or [socket.gethostname()]), *here, "localhost", "127.0.0.1"]))
    revoked = revocation.listed(Devices(settings.storage.devices), files.now)
    root = Keys(settings.storage.keys, settings.keys).vkey
    files.write(Address(hosts, port, guest_port, bind), root, revoked)
    typer.echo(f"broker:      {files.configuration}")
    typer.echo(f"             start it with: mosquitto -c {files.configuration}")
    typer.echo(f'             or let the cloud do so: [broker] kind = "mosquitto", tls = true, port = {port}')
    typer.echo(f"new speaker: copy {files.bundle} to it, and run there:")
    typer.echo("             overheard-device provision --config speaker.toml")
    listing, approving = (pasted(f"overheard-cloud devices {what}", config) for what in ("list", "approve"))
    typer.echo(f"             then here: {listing}, {approving} DEVICE")


@app.command()
def guest(
    out: Annotated[Path, typer.Option(help="The folder for its key and certificate.")],
    config: ConfigFile,
) -> None:
    """Make the certificate with which Home Assistant may read what the devices say of themselves."""
    files = open_files(load(config))
    files.certify_guest(HOME_ASSISTANT, out)
    typer.echo(
        f"{out}/{HOME_ASSISTANT}.key, {out}/{HOME_ASSISTANT}.crt; the broker's CA is {files.bundle}/ca.crt"
    )


@app.command()
def claim(config: ConfigFile) -> None:
    """Make another claim for new speakers, and refuse the one before: it was lost, or given to too many."""
    files = open_files(load(config))
    files.renew_claim()
    told = revocation.reload(files)
    typer.echo(f"{files.bundle}: a new claim" + ("" if told else "; no broker runs here: send it SIGHUP"))
