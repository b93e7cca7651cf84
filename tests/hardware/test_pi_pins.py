"""The library that moves the pins, which makes a pipe where it is imported: no file of it stays, and this
process stays where it was. With the real lgpio where that is installed, and with one that does as it does.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import gpiozero
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534

DOES_AS_LGPIO = """
import os
folder = os.environ.get("LG_WD") or os.getcwd()
os.mkfifo(os.path.join(folder, ".lgd-nfy0"))
os.chdir(folder)
_pipe = os.open(".lgd-nfy0", os.O_RDWR)
def gpiochip_open(number):
    raise OSError("can not open gpiochip")
"""
TRY = """
import os, sys
sys.path[:0] = {path!r}
from hardware.errors import HardwareError
from hardware.pi.pins import pin_factory
try:
    pin_factory()
except HardwareError as error:
    print(error)
came_in = hasattr(sys.modules.get("lgpio"), "gpiochip_open")
print(came_in, os.getcwd(), "LG_WD" in os.environ)
"""


@pytest.fixture(params=["real", "like it"])
def library(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder from which `lgpio` can be imported by anybody."""
    if request.param == "real":
        spec = importlib.util.find_spec("lgpio")
        if spec is None or spec.origin is None:
            pytest.skip("lgpio is not installed: it is in the extra `pi`, and has no wheel for Python 3.13")
        return Path(spec.origin).parent
    (tmp_path / "lgpio.py").write_text(DOES_AS_LGPIO)
    return tmp_path


def tried(library: Path, where: Path, temporary: Path, user: int | None = None, **more: str) -> list[str]:
    """What asking for pins says in `where`: its error, if there is one; whether lgpio came in, and where."""
    code = TRY.format(path=[str(ROOT), str(library), str(Path(gpiozero.__file__).parents[1])])
    hidden = ("GPIOZERO_PIN_FACTORY", "LG_WD")
    clean = {key: value for key, value in os.environ.items() if key not in hidden}
    ran = subprocess.run(
        [python_of(user), "-c", code], cwd=where, env=clean | {"TMPDIR": str(temporary)} | more,
        capture_output=True, text=True, check=True, user=user, group=user, extra_groups=[] if user else None,
    )  # fmt: skip
    return ran.stdout.splitlines()


def python_of(user: int | None) -> str:
    """Ours, or for somebody else the system's of the same version: ours may be in a home."""
    if user is None:
        return sys.executable
    system = shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin")
    if system is None or ROOT.stat().st_mode & 0o005 != 0o005:
        pytest.skip("nobody else can run this Python, or read this checkout")
    return system


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


@pytest.mark.skipif(Path("/dev/gpiochip0").exists(), reason="this machine has pins")
def test_no_pipe_stays_and_the_process_is_where_it_was(library: Path, own: Path, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    *_, last = tried(library, own, tmp_path / "tmp")
    assert last == f"True {own} False"
    assert list(own.iterdir()) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_folder_that_was_named_is_the_pipes(library: Path, own: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    *_, last = tried(library, own, tmp_path, LG_WD=str(run))
    assert last == f"True {own} True"
    assert [path.name for path in run.iterdir()] == [".lgd-nfy0"]


@pytest.fixture
def public(library: Path) -> Iterator[Path]:
    """A folder that everybody may enter, with the library in it."""
    with TemporaryDirectory(dir="/tmp") as folder:
        for path in (found for pattern in ("lgpio*", "_lgpio*") for found in library.glob(pattern)):
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, Path(folder) / path.name)
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="to be somebody else takes root")
def test_in_somebodys_home_it_comes_in_all_the_same(public: Path) -> None:
    home = public / "home"
    home.mkdir(mode=0o755)
    assert tried(public, home, Path("/tmp"), user=NOBODY)[-1] == f"True {home} False"
    home.chmod(0o700)
    assert tried(public, home, Path("/tmp"), user=NOBODY)[-1] == "True / False"


def test_a_library_that_fails_is_not_said_to_be_missing(own: Path, tmp_path: Path) -> None:
    (tmp_path / "lgpio.py").write_text(
        "raise FileNotFoundError(2, 'No such file or directory', '.lgd-nfy-3')"
    )
    said, _ = tried(tmp_path, own, tmp_path)
    assert "lgpio: [Errno 2]" in said
    assert "in the group gpio and may write to" in said
    assert "install" not in said
    assert "before the command, or into Environment= of its unit" in said
