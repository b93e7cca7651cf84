"""overheard-cloud people: who may sign in to the pages, and as what."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cloud_stub.broker_commands import ConfigFile, refuse_root
from cloud_stub.config import Config, load
from cloud_stub.errors import PersonError
from cloud_stub.people.people import People, Person
from cloud_stub.people.roles import ACTIONS, LISTENS, MAY, ROLES, STEP_UP, TWO_PEOPLE

app = typer.Typer(no_args_is_help=True, help="Who may sign in to the pages, and as what.")

BY = "console"
Name = Annotated[str, typer.Argument(metavar="NAME", help="What they sign in with.")]


@app.command()
def add(
    name: Name,
    config: ConfigFile,
    role: Annotated[list[str], typer.Option(help=f"One of {', '.join(ROLES)}; see `roles`.")],
    device: Annotated[
        list[str] | None, typer.Option(help="An owner's speaker; as often as they have.")
    ] = None,
    password_file: Annotated[Path | None, typer.Option(help="Read the password there, not here.")] = None,
) -> None:
    """Add somebody. The password is asked for; a second factor they enrol themselves at the first sign-in."""
    roles = frozenset(each for each in ROLES if each in role)
    if unknown := set(role) - set(roles):
        raise PersonError(f"{name}: no role {', '.join(sorted(unknown))}; take one of {', '.join(ROLES)}")
    password = _password(password_file)
    with _open(load(config)) as people:
        person = people.add(name, password, roles, (BY, _now()), tuple(device or ()))
    typer.echo(
        f"{name}: added as {', '.join(sorted(person.roles))}; they enrol a second factor when they sign in"
    )


@app.command(name="list")
def list_people(config: ConfigFile) -> None:
    """Print everybody."""
    table = Table("name", "roles", "second factor", "devices", "suspended", box=None)
    with _open(load(config)) as people:
        everybody = people.all()
    for each in everybody:
        factors = ", ".join(sorted(each.factors)) or "none yet"
        table.add_row(
            each.name, ", ".join(sorted(each.roles)), factors, " ".join(each.devices), each.suspended
        )
    Console().print(table)


@app.command()
def suspend(
    name: Name, config: ConfigFile, why: Annotated[str, typer.Option(help="It is written down.")]
) -> None:
    """Throw somebody out at once, until `restore`."""
    with _open(load(config)) as people:
        people.suspend(_named(people, name).id, why, (BY, _now()))
    typer.echo(f"{name}: suspended; every session of theirs is over")


@app.command()
def restore(name: Name, config: ConfigFile) -> None:
    """Let somebody in again."""
    with _open(load(config)) as people:
        people.restore(_named(people, name).id, (BY, _now()))
    typer.echo(f"{name}: restored")


@app.command()
def remove(name: Name, config: ConfigFile) -> None:
    """Forget somebody; ledgers keep a random id and nothing else of them."""
    with _open(load(config)) as people:
        people.remove(_named(people, name).id, (BY, _now()))
    typer.echo(f"{name}: removed")


@app.command()
def roles() -> None:
    """Print what each role may do; what is not there is refused."""
    typer.echo(table_of_roles(), nl=False)


def table_of_roles() -> str:
    """The table as Markdown: as it stands in docs/access.md."""
    lines = [f"| may | {' | '.join(each.replace('_', ' ') for each in ROLES)} | sound or words | wants |"]
    lines.append("|---" * (len(ROLES) + 3) + "|")
    for action in ACTIONS:
        marks = ["yes" if action in MAY[role] else "" for role in ROLES]
        wants = ["a fresh second factor"] * (action in STEP_UP) + ["a second person"] * (action in TWO_PEOPLE)
        hears = "yes" if action in LISTENS else ""
        lines.append(f"| `{action}` | {' | '.join(marks)} | {hears} | {', '.join(wants)} |")
    return "\n".join(lines) + "\n"


@contextmanager
def _open(settings: Config) -> Iterator[People]:
    refuse_root(Path(settings.storage.directory))
    with closing(People(settings.storage.people)) as people:
        yield people


def _named(people: People, name: str) -> Person:
    person = people.named(name)
    if person is None:
        raise PersonError(f"{name}: nobody of that name; see `overheard-cloud people list`")
    return person


def _password(file: Path | None) -> str:
    if file is None:
        asked: str = typer.prompt("password", hide_input=True, confirmation_prompt=True)
        return asked
    try:
        return file.read_text(encoding="utf-8").strip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PersonError(f"{file}: {error}; name a text file that holds the password") from error


def _now() -> datetime:
    return datetime.now(UTC)
