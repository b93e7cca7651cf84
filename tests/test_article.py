"""docs/article.md: every noun of the story lives somewhere, is held by a test that is there, and has a
command.
"""

import ast
import re
from pathlib import Path

import pytest

from tests.test_console_blocks import wrong_with

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "article.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| in the story")
]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_noun_has_its_place_its_test_and_its_command(row: list[str]) -> None:
    _, places, tests, commands = row
    assert named(places)
    assert [each for each in named(places) if not (ROOT / each).exists()] == []
    assert named(tests)
    for each in named(tests):
        file, _, function = each.partition("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        held = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert not function or function in held, each
        assert any(name.startswith("test_") for name in held)
    assert [wrong_with(each) for each in named(commands)] == [""] * len(named(commands))


def test_there_are_enough_of_them() -> None:
    assert len(ROWS) > 25
