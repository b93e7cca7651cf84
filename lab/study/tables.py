"""The tables of a study, for whatever others work with: CSV, Parquet, JSON Lines. Rewritten as a whole."""

import csv
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import msgspec

from lab.study.errors import StudyError
from lab.study.places import Places
from lab.study.records import Heard, Item, Study

Row = dict[str, Any]


class _Wake(Heard, frozen=True):
    """A row of wakes: what was heard, and whether it came again."""

    came: int | None = None
    """In how many rounds there was an accepted wake within a second of this one; None if it was rejected."""
    rounds: int | None = None
    """In how many the file was heard."""


def check() -> None:
    """Raises StudyError: what writes Parquet is not installed. Ask before hours of work."""
    if find_spec("pyarrow") is None:
        raise StudyError("pyarrow: not installed, and Parquet needs it; run scripts/setup .venv study")


def write(out: Path, study: Study, places: Places) -> None:
    """Write wakes.csv, wakes.parquet, wakes.jsonl, files.csv and files.parquet. Raises OSError."""
    wakes = [_with_place(wake, places) for wake in study.heard]
    _write_csv(out / "wakes.csv", _Wake, wakes)
    _write_parquet(out / "wakes.parquet", _Wake, wakes)
    (out / "wakes.jsonl").write_bytes(b"".join(msgspec.json.encode(wake) + b"\n" for wake in wakes))
    _write_csv(out / "files.csv", Item, study.items)
    _write_parquet(out / "files.parquet", Item, study.items)


def _with_place(wake: Heard, places: Places) -> _Wake:
    place = places.of(wake)
    came, rounds = (place.came, place.rounds) if place is not None else (None, None)
    return _Wake(**msgspec.structs.asdict(wake), came=came, rounds=rounds)


def _write_csv(path: Path, row: type[msgspec.Struct], rows: Iterable[msgspec.Struct]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(row.__struct_fields__)
        lines.writerows(map(msgspec.structs.astuple, rows))


def _write_parquet(path: Path, row: type[msgspec.Struct], rows: Iterable[msgspec.Struct]) -> None:
    arrow = import_module("pyarrow")
    kinds = {str: arrow.string(), int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_()}
    schema = arrow.schema(
        arrow.field(field.name, kinds[_plain(field.type)], nullable=isinstance(field.type, UnionType))
        for field in msgspec.structs.fields(row)
    )
    table = arrow.Table.from_pylist([msgspec.structs.asdict(each) for each in rows], schema)
    import_module("pyarrow.parquet").write_table(table, path)


def _plain(kind: Any) -> type:
    plain: type = next((each for each in get_args(kind) if each is not type(None)), kind)
    return plain
