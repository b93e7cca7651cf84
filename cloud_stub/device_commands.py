"""overheard-cloud devices: who has asked, who may come in, who is out."""

import os
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from cloud_stub import revocation
from cloud_stub.broker_commands import ConfigFile, open_files, refuse_root
from cloud_stub.config import Config, load
from cloud_stub.devices import Device, Devices
from cloud_stub.errors import StorageError
from cloud_stub.heads import last_cosigned

app = typer.Typer(no_args_is_help=True, help="Who has asked for a certificate, who may come in, who is out.")

_WIDTH = 100
"""So wide is a row: half a device id is none."""

DeviceId = Annotated[str, typer.Argument(metavar="DEVICE", help="A device id, as `list` prints it.")]


@app.command(name="list")
def list_devices(config: ConfigFile) -> None:
    """Print every device that has asked."""
    devices = _kept(load(config)).all()
    if not devices:
        typer.echo("no device has asked yet")
        return
    table = Table(Column("device", no_wrap=True), "state", "board", "asked", "certificate until", box=None)
    for each in devices:
        table.add_row(
            each.device, each.state, _board(each), f"{each.last_asked:%Y-%m-%d %H:%M}", _until(each)
        )
    console = Console()
    console.print(table, width=max(console.width, _WIDTH), crop=False)


@app.command()
def approve(device: DeviceId, config: ConfigFile) -> None:
    """Let a device in: it gets its certificate when it asks next, within seconds if it waits."""
    revocation.approve(_kept(load(config)), device)
    typer.echo(f"{device}: approved; it gets its certificate when it asks next")


@app.command()
def forget(device: DeviceId, config: ConfigFile) -> None:
    """Take a device that waits off the list; it may ask again."""
    revocation.forget(_kept(load(config)), device)
    typer.echo(f"{device}: forgotten")


@app.command()
def revoke(device: DeviceId, config: ConfigFile) -> None:
    """Throw a device out: its certificates are refused from now on, and its connection is cut."""
    settings = load(config)
    devices, files = _kept(settings), open_files(settings)
    revocation.throw_out(devices, device, files, files.listens)
    typer.echo(f"{device}: revoked; the broker refuses it, and its connection is cut")


@app.command()
def witnessed(device: DeviceId, config: ConfigFile) -> None:
    """Print the last head of a device's ledger that this cloud cosigned: the witnessed.txt of an audit."""
    heads = load(config).storage.heads
    note = last_cosigned(heads, device)
    if note is None:
        raise StorageError(f"{heads}: no head of {device} was cosigned yet; ask again in a day")
    typer.echo(note, nl=False)


def _kept(settings: Config) -> Devices:
    """The devices that a cloud keeps. Where there are none nothing is made: another folder was meant. Raises
    StorageError.
    """
    folder = settings.storage.devices
    if not os.path.isdir(folder):
        raise StorageError(
            f"{folder}: no cloud keeps devices there; name its settings with --config, or say "
            "`sudo -u overheard-cloud` before it"
        )
    refuse_root(folder)
    return Devices(folder)


def _board(device: Device) -> str:
    if device.other_board is not None:
        return "asked from another board: a copy?"
    return "bound" if device.hardware else "unbound"


def _until(device: Device) -> str:
    living = [each.not_after for each in device.certificates if not each.revoked]
    return f"{max(living):%Y-%m-%d}" if living else ""
