"""`scripts/setup_audio` builds what it can, and where it cannot it says why in one line and is no failure.

That it builds is seen by whoever runs `scripts/test`; here, on a machine of few tools, that it gives up well.
"""

import os
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts/setup_audio"
TOOLS = ("bash", "cut", "dirname", "env", "mkdir", "rm", "sed", "xargs")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An environment with nothing in it."""
    environment = tmp_path / "bare"
    venv.create(environment, with_pip=False)
    return environment


def set_up(environment: Path, tools: Path) -> subprocess.CompletedProcess[str]:
    tools.mkdir(exist_ok=True)
    for name in TOOLS:
        where = shutil.which(name)
        assert where is not None
        (tools / name).symlink_to(where)
    command = [str(SCRIPT), str(environment)]
    return subprocess.run(
        command, env={"PATH": str(tools)}, capture_output=True, text=True, check=False, timeout=60
    )


def tool(folder: Path, name: str, ends: int) -> None:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/usr/bin/env bash\nexit {ends}\n")
    program.chmod(0o755)


def gave_up(ran: subprocess.CompletedProcess[str], why: str) -> bool:
    said = ran.stderr.splitlines()[-1]
    return ran.returncode == 0 and why in said and "install gcc and portaudio19-dev" in said


def test_without_a_compiler_it_says_so_in_one_line(bare: Path, tmp_path: Path) -> None:
    ran = set_up(bare, tmp_path / "tools")
    assert gave_up(ran, "there is no C compiler")
    assert len(ran.stderr.splitlines()) == 1


def test_without_headers_or_a_way_to_them_it_says_so_in_one_line(bare: Path, tmp_path: Path) -> None:
    tool(tmp_path / "tools", "gcc", 1)  # finds no header
    ran = set_up(bare, tmp_path / "tools")
    assert gave_up(ran, "PortAudio's headers are not there")
    assert len(ran.stderr.splitlines()) == 1


def test_without_a_network_it_says_where_to_read_what_failed(bare: Path, tmp_path: Path) -> None:
    tool(tmp_path / "tools", "gcc", 1)
    tool(tmp_path / "tools", "apt-get", 100)
    ran = set_up(bare, tmp_path / "tools")
    assert gave_up(ran, f"its packages cannot be fetched (see {bare}/portaudio.log)")


def test_what_cannot_be_built_is_no_failure(bare: Path, tmp_path: Path) -> None:
    tool(tmp_path / "tools", "gcc", 0)  # finds everything; there is no pip to build with
    ran = set_up(bare, tmp_path / "tools")
    assert gave_up(ran, f"it cannot be built (see {bare}/portaudio.log)")
    assert "pip" in (bare / "portaudio.log").read_text()


def test_an_environment_that_has_it_is_left_alone(bare: Path, tmp_path: Path) -> None:
    packages = next(bare.glob("lib/python*/site-packages"))
    (packages / "pyaudio.py").touch()
    before = sorted(os.listdir(bare))
    ran = set_up(bare, tmp_path / "tools")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert sorted(os.listdir(bare)) == before
