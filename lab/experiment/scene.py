"""A session as a scenario in TOML beside its folder, so that anybody can play it again."""

import os
from pathlib import Path

import msgspec

from lab.experiment.records import Made, Session


def write(path: Path, session: Session, made: Made) -> None:
    """Write it; the sounds are named as seen from where it lies. Raises OSError."""
    steps = [
        f"    {{ at_s = {each.at_s}, say = {_text(_from(path, Path(made.audio, each.file)))},"
        f" gain_db = {each.gain_db} }},"
        for each in session.plays
    ]
    lines = [
        f"title = {_text(f'Misactivations of “{made.word}”, seed {made.seed}, session {session.number}')}",
        "promises = [1, 3, 5]",
        f"length_s = {session.seconds}",
        f"seed = {(made.seed * 10_000 + session.number) % 2**31}",
        "timeline = [",
        *steps,
        "]",
        "",
        "[speaker.wakeword]",
        f"words = [{_text(made.word)}]",
        f"sensitivity = {_text(made.sensitivity)}",
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


def _from(path: Path, sound: Path) -> str:
    return os.path.relpath(sound, path.parent.resolve())


def _text(text: str) -> str:
    """As TOML writes it: JSON's strings are TOML's."""
    return msgspec.json.encode(text).decode()
