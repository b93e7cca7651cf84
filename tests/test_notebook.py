"""docs/audit.ipynb runs, cell after cell in a fresh process, as a Jupyter kernel would, and keeps no outputs.

A kernel of its own would bring some thirty packages: what the file says of format 4.5 and runs as is enough.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.enclosure.privilege import missing

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "docs" / "audit.ipynb"

pytestmark = pytest.mark.xdist_group("notebook")  # it is run once

KERNEL = """
import ast, json, sys
space = {"__name__": "__main__"}
for number, cell in enumerate(json.load(sys.stdin), 1):
    print(f"[{number}]")
    tree = ast.parse(cell, f"cell {number}")
    shown = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, f"cell {number}", "exec"), space)
    value = eval(compile(ast.Expression(shown.value), f"cell {number}", "eval"), space) if shown else None
    if value is not None:
        print(value._repr_html_() if hasattr(value, "_repr_html_") else repr(value))
"""


def cells() -> list[dict[str, Any]]:
    book = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    found: list[dict[str, Any]] = book["cells"]
    return found


def run(sources: list[str], where: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", "-c", KERNEL]
    text = json.dumps(sources)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(where)}
    return subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, cwd=where, env=env, timeout=120
    )


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each code cell prints."""
    sources = ["".join(cell["source"]) for cell in cells() if cell["cell_type"] == "code"]
    done = run(sources, tmp_path_factory.mktemp("notebook"))
    assert done.returncode == 0, done.stderr
    return re.split(r"^\[\d+\]\n", done.stdout, flags=re.MULTILINE)[1:]


def test_it_keeps_no_outputs_and_each_cell_has_a_name() -> None:
    for cell in cells():
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    names = [cell["id"] for cell in cells()]
    assert len(set(names)) == len(names)


def test_no_promise_of_an_honest_run_is_broken(said: list[str]) -> None:
    states = re.findall(r"^(\d) .*: (kept|broken|not provable)$", said[1], re.MULTILINE)
    assert [promise for promise, _ in states] == list("123456789")
    assert "broken" not in {state for _, state in states}
    assert {state for promise, state in states if promise in "279"} == {"kept"}


def test_every_message_has_its_row(said: list[str]) -> None:
    assert re.search(r"^segment +\d", said[3], re.MULTILINE)
    assert said[3].endswith("messages, 0 of them without a row\n")


def test_the_seconds_that_left_are_told(said: list[str]) -> None:
    assert re.findall(r"woken by (\w+)", said[4]) == ["hey_jarvis", "alexa"]
    assert re.search(r"^\d+\.\d\d of \d+\.\d\d s left the room$", said[4], re.MULTILINE)


@pytest.mark.skipif(missing() is not None, reason=missing() or "")
def test_capture_and_kernel_agree(said: list[str]) -> None:
    counted = re.search(r"captured ([\d,]+) bytes; counted ([\d,]+)", said[5])
    assert counted
    assert counted[1] == counted[2]


def test_the_picture_is_drawn(said: list[str]) -> None:
    assert "<svg" in said[6]
    assert 'class="kept"' in said[6]
    assert "lies" not in said[6].partition("<svg")[2]


def test_the_lie_is_found(said: list[str]) -> None:
    assert "5 Written down before it leaves is broken" in said[7]


def test_a_cell_that_fails_fails(tmp_path: Path) -> None:
    assert run(["1 / 0"], tmp_path).returncode != 0
