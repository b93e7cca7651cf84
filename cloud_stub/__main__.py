"""overheard-cloud: run the other end, its broker and its keys; say which devices may come in. It writes to
its own directory alone.
"""

import sys
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cloud_stub import broker_commands, catalogue_commands, device_commands, ending
from cloud_stub.broker import Broker, open_broker, open_own_broker
from cloud_stub.broker_commands import ConfigFile
from cloud_stub.cloud import Cloud
from cloud_stub.config import Config, load
from cloud_stub.crew import Crew
from cloud_stub.errors import CloudError, ConfigError, KeyFileError
from cloud_stub.keys import Keys
from cloud_stub.service import watch_over
from cloud_stub.worker import Worker

if TYPE_CHECKING:
    from cloud_stub.web.serve import Pages

_SOON_S = 5.0

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(broker_commands.app, name="broker")
app.add_typer(device_commands.app, name="devices")
app.command()(catalogue_commands.catalogue)
if find_spec("argon2") is not None:  # of the extra `cloud`
    from cloud_stub import control_commands, people_commands

    app.add_typer(people_commands.app, name="people")
    app.command()(control_commands.audit)
    app.command()(control_commands.simulate)


@app.command()
def run(config: ConfigFile) -> None:
    """Start the broker named in the settings and the cloud at it; end at SIGTERM or Ctrl-C."""
    settings = load(config)
    if settings.broker.kind == "none":
        _serve(settings, settings.broker.port, None, config)
        return
    if settings.broker.tls:
        broker: Broker = open_own_broker(settings.broker.port, settings.storage.broker)
    else:
        broker = open_broker(settings.broker.kind, settings.broker.port, settings.storage.broker)
    if settings.ingest.workers and broker.kind == "amqtt":
        broker.stop()
        raise ConfigError("[ingest] workers: amqtt speaks no MQTT 5; install mosquitto, or set workers = 0")
    _serve(_as_spoken_by(broker, settings), broker.port, broker, config)


@app.command()
def worker(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Told apart from the others', the same every time.")
    ],
    config: ConfigFile,
    port: Annotated[int, typer.Option(help="Of the broker; 0: as in the settings.")] = 0,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
) -> None:
    """Take a share of what devices send, beside `run`; end at SIGTERM. `[ingest] workers` starts them by
    itself.
    """
    settings = load(config)
    taking = Worker(
        settings, (settings.broker.host, port or settings.broker.port), name, lambda: datetime.now(UTC)
    )
    ending.at_signals(taking.over.set)
    if with_parent:
        ending.with_parent(taking.over.set)
    taking.run()


@app.command()
def keys(config: ConfigFile) -> None:
    """Print the root's public key, and write keys.note beside the keys: what a new device is given."""
    settings = load(config)
    held = Keys(settings.storage.keys, settings.keys)
    note = settings.storage.keys / "keys.note"
    try:
        note.write_text(held.note(datetime.now(UTC)), encoding="utf-8")
    except OSError as error:
        raise KeyFileError(f"{note}: {error.strerror}; the cloud must own this directory") from error
    typer.echo(held.vkey)


def _as_spoken_by(broker: Broker, settings: Config) -> Config:
    """The settings, without a first attempt in a protocol that the embedded broker does not speak."""
    if broker.kind != "amqtt":
        return settings
    replace = msgspec.structs.replace
    return replace(settings, broker=replace(settings.broker, protocol="3.1.1"))


def _serve(settings: Config, port: int, broker: Broker | None, config: Path | None) -> None:
    from cloud_stub.hearing.voice import voice_line

    cloud = Cloud(settings, (settings.broker.host, port))

    ending.at_signals(cloud.over.set)  # before there is a broker that could be left behind
    kind = broker.kind if broker else "of its own"
    with closing(cloud.vault), broker or nullcontext():
        pages, crew = None, Crew(settings.ingest.workers, port, config)
        try:
            cloud.start()
            crew.start()
            pages = _pages(cloud, settings)
            where = f"{settings.broker.host}:{port}"
            typer.echo(f"ready: broker {kind} at {where}, root {cloud.keys.vkey}")
            typer.echo(voice_line())
            if not cloud.up.wait(_SOON_S):
                typer.echo(f"no connection to a broker at {where} yet; trying on")
            watch_over(cloud, crew.look_after)
        finally:
            crew.stop()
            if pages is not None:
                pages.stop()
            cloud.stop()
    if cloud.failure is not None:
        raise cloud.failure


def _pages(cloud: Cloud, settings: Config) -> "Pages | None":
    """The pages, if the settings want any. Raises ConfigError where their packages are not installed."""
    if not settings.web.port:
        return None
    if find_spec("fastapi") is None or find_spec("argon2") is None:
        raise ConfigError("[web] port: the pages need the extra `cloud`; run: scripts/setup .venv cloud")
    from cloud_stub.hearing.artists import read_artists
    from cloud_stub.people.people import People
    from cloud_stub.web.parts import make_parts
    from cloud_stub.web.serve import Pages

    artists, people = read_artists(settings.hearing.artists), People(settings.storage.people)
    site = settings.web.seen_at
    parts = make_parts(cloud.vault, cloud.wishes, cloud.review, people, cloud.clock, site, artists)
    pages = Pages(parts, settings.web)
    pages.start()
    typer.echo(f"pages: {site}")
    return pages


def main() -> int:
    """Run the command line; return 0, or what the error says: 2 usage, 3 config, 5 key, 6 storage."""
    try:
        app(prog_name="overheard-cloud")
    except CloudError as error:
        typer.echo(f"overheard-cloud: {error}", err=True)
        return error.exit_code
    except SystemExit as leave:  # typer's own way out, usage errors included
        return leave.code if isinstance(leave.code, int) else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
