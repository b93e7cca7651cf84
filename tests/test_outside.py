"""Somebody else's project installs the wheel, and tests an ingest of its own with our fixtures."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.kit.broker import MockBroker
from lab.kit.cloud import StubCloud
from lab.kit.home import Home
from lab.kit.keys import IngestKeys
from lab.kit.speaker import SimSpeaker

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "for-testers.md").read_text(encoding="utf-8")
PROJECT = ROOT / "tests" / "outside_project" / "tests"
NOT_FOR_TESTS = {
    "aims_at",
    "changed",
    "hand_on",
    "passed",
    "tick",
    "turn_with",
    "told",
}  # the door's, the world's


def outside(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "scripts" / "outside"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_outside_project_tests_its_ingest_with_the_installed_wheel() -> None:
    pytest.importorskip("hatchling", reason="hatchling builds the wheel; scripts/setup installs it")
    done = outside(sys.executable)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = int(done.stdout.rpartition(" passed")[0].split()[-1])
    cases = (
        (ROOT / "tests/outside_project/tests/test_ingest.py").read_text(encoding="utf-8").count("\ndef test_")
    )
    assert passed >= cases > 10
    assert "skipped" not in done.stdout


def test_a_wrong_interpreter_gets_one_line() -> None:
    done = outside("/no/such/python")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "scripts/outside: /no/such/python: no such interpreter; run scripts/setup, or name one"
    ]


def test_an_environment_without_pytest_gets_one_line(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path)], check=True)
    python = tmp_path / "bin" / "python"
    done = outside(str(python))
    assert done.returncode == 2
    what = f"scripts/outside: {python}: no pytest or hatchling in it"
    assert done.stderr.splitlines() == [f"{what}; run scripts/setup .venv dev, or say --fresh"]


@pytest.mark.parametrize(
    "example", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[:2], ids=["test", "fixture"]
)
def test_the_examples_on_the_page_are_those_that_run(example: str) -> None:
    files = " ".join(path.read_text(encoding="utf-8") for path in sorted(PROJECT.glob("*.py")))
    without_docstrings = re.sub(r'    """.*?"""\n', "", files)
    for part in example.strip().split("\n\n"):
        assert part in without_docstrings


def test_every_fault_of_the_broker_is_on_the_page_and_no_other() -> None:
    table = PAGE.split("| fault | does | until |")[1].split("\n\n")[0]
    named = set(re.findall(r"`(?:with )?(\w+)\(", table))
    looks = {"retain"}
    there = {
        name for name in vars(MockBroker) if not name.startswith("_") and callable(getattr(MockBroker, name))
    }
    assert named == there - looks - NOT_FOR_TESTS


@pytest.mark.parametrize(
    ("fixture", "kind", "else_than"),
    [
        ("home", Home, set()),
        ("speaker", SimSpeaker, {"close", "until", "now"}),
        ("ingest_keys", IngestKeys, {"topic"}),
        ("cloud", StubCloud, {"meet", "root", "note"}),
    ],
)
def test_every_verb_of_a_fixture_is_on_the_page(fixture: str, kind: type, else_than: set[str]) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{fixture}` "))
    there = {name for name in vars(kind) if not name.startswith("_")}
    assert {name for name in there - else_than if not re.search(rf"`(?:with )?{name}\b", row)} == set()
