"""What the wheel holds, and that the import rules bite."""

import shutil
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"device", "hardware", "cloud_stub", "lab"}
NOT_SHIPPED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"

ONE_WAY = "Imports run one way"
CIRCLE = "No two modules import each other"
CLOUD = "The cloud shares the envelope and the ledger"
SHARED = "The envelope and the ledger know nothing"
PURE = "The pure core does no I/O"
SOUND = "Sound cards and pins are opened by the Pi's board alone"
UPDATE = "No message of the network reaches an update"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """The wheel of this checkout, built without a network; its backend need not be installed everywhere."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel; scripts/setup installs it")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return ZipFile(next(folder.glob("*.whl")))


def contents(wheel: ZipFile) -> set[str]:
    return {name for name in wheel.namelist() if ".dist-info/" not in name}


def dist_info(wheel: ZipFile, name: str) -> bytes:
    return wheel.read(next(path for path in wheel.namelist() if path.endswith(f".dist-info/{name}")))


def test_the_wheel_has_our_four_packages_and_no_other_top_level_name(wheel: ZipFile) -> None:
    assert {PurePosixPath(name).parts[0] for name in contents(wheel)} == PACKAGES
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == PACKAGES


def test_the_wheel_holds_what_the_checkout_holds(wheel: ZipFile, tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=NOT_SHIPPED)
    there = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert contents(wheel) == there


@pytest.mark.parametrize(
    "name",
    [
        *(f"{package}/py.typed" for package in sorted(PACKAGES)),
        "device/default.toml",
        "cloud_stub/default.toml",
        "cloud_stub/hearing/intents.yaml",
        "cloud_stub/hearing/artists.txt",
        "lab/report/report.html.j2",
        "lab/report/tables.html.j2",
        "lab/report/report.css",
        "lab/report/report.js",
        "lab/scenarios/evening.toml",
        "lab/scenarios/audio/evening.flac",
    ],
)
def test_what_the_code_reads_beside_itself_comes_along(name: str, wheel: ZipFile) -> None:
    assert name in contents(wheel)


def test_no_test_key_database_or_recording_gets_in(wheel: ZipFile) -> None:
    names = [PurePosixPath(name) for name in contents(wheel)]
    kinds = {
        ".py",
        ".toml",
        ".typed",
        ".yaml",
        ".txt",
        ".j2",
        ".css",
        ".js",
        ".md",
        ".flac",
        ".json",
        ".npz",
        ".svg",
    }
    assert {str(name) for name in names if name.suffix not in kinds} == set()
    assert {str(name) for name in names if name.name.startswith(("test_", "conftest"))} == set()
    weights = {str(name.parent) for name in names if name.suffix in {".json", ".npz"}}
    assert weights == {"device/wakeword/heads"}
    assert {str(name.parent) for name in names if name.suffix == ".svg"} == {"hardware/wiring"}
    assert {str(name.parent) for name in names if name.suffix == ".flac"} == {"lab/scenarios/audio"}


def test_the_licence_comes_along_whole(wheel: ZipFile) -> None:
    assert message_from_bytes(dist_info(wheel, "METADATA"))["License-Expression"] == "Apache-2.0"
    licence = dist_info(wheel, "licenses/LICENSE").decode()
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the code and its import rules, to be spoilt."""
    pytest.importorskip("importlinter", reason="import-linter checks the rules; it is in the dev extra")
    for package in PACKAGES:
        leave_out = shutil.ignore_patterns("__pycache__", "audio")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=leave_out)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "-c", LINT, "--no-cache"]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def test_the_code_keeps_the_import_rules(tree: Path) -> None:
    linted = lint(tree)
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize(
    ("module", "line", "rule"),
    [
        ("hardware/board.py", "import device.session", ONE_WAY),
        ("device/mute.py", "import cloud_stub.errors", ONE_WAY),
        ("cloud_stub/vault.py", "import lab.errors", ONE_WAY),
        ("device/vad.py", "import device.speaker", CIRCLE),
        ("cloud_stub/vault.py", "from device import config", CLOUD),
        ("cloud_stub/hearing/mind.py", "import hardware.board", CLOUD),
        ("device/envelope/header.py", "import device.errors", SHARED),
        ("device/ledger/note.py", "import device.envelope.topics", SHARED),
        ("device/ear.py", "import pyaudio", SOUND),
        ("hardware/panel.py", "import lgpio", SOUND),
        ("device/orders.py", "import device.update", UPDATE),
        ("device/certificate.py", "import device.bundle", UPDATE),  # which the line imports
        ("device/session.py", "import time", PURE),
        ("device/envelope/seal.py", "import os", PURE),
        ("device/press.py", "import device.keys", PURE),  # which opens files
        ("device/endpoint.py", "import hardware.world", PURE),  # which knows a clock
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_a_forbidden_import_is_found(module: str, line: str, rule: str, tree: Path) -> None:
    path = tree / module
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    linted = lint(tree)
    assert linted.returncode == 1
    assert any(said.startswith(rule) and " BROKEN" in said for said in linted.stdout.splitlines()), (
        linted.stdout
    )
