"""qemu with our plugin inside an arm64 root: runs a program there, says how many instructions it executed.

The emulator of binfmt takes no plugin: the dynamic one goes into the root, with the libraries that it needs.
It measures no time: time under emulation says nothing of a Pi.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from scripts.arm64_root import CPU, Root, RootError, last_line
from scripts.cost_ways import parse

CHECKOUT = Path(__file__).resolve().parents[1]
PLUGIN = CHECKOUT / "scripts" / "count_instructions.c"
SOURCE = "/root/overheard"
VENV = "/opt/cost"
_HERE = "/opt/emulator"
_LOG = f"{_HERE}/counts"
_AS_ON_A_PI = {
    "OPENSSL_armcap": "1",  # its cores have no instructions for AES and SHA, unlike the emulated one
    "OPENBLAS_NUM_THREADS": "1",  # a pool that waits would be counted
    "PYTHONHASHSEED": "0",
}
_PINS = ("pyproject.toml", "constraints.txt")


class Emulator:
    """A root with the emulator, the plugin and an environment in it."""

    def __init__(self, root: Root) -> None:
        self.root = root

    def run_counted(self, command: Sequence[str], sound: bytes) -> dict[int, int]:
        """Run a program of the checkout's with the sound on its stdin. Raises RootError when it fails."""
        loader = f"{_HERE}/{_loader(_libraries(_qemu()))}"
        emulated = [loader, "--library-path", _HERE, f"{_HERE}/qemu-aarch64", "-cpu", CPU]
        counted = [*emulated, "-plugin", f"{_HERE}/count.so", "-d", "plugin", "-D", _LOG]
        program, *rest = command
        whole = [*counted, f"{VENV}/bin/python", f"{SOURCE}/{program}", *rest]
        started = self.root.command(whole, more=_AS_ON_A_PI)
        done = subprocess.run(started, input=sound, capture_output=True, check=False)
        if done.returncode != 0:
            raise RootError(
                f"{program}: ended with {done.returncode}: {last_line(done.stderr.decode())}; run it alone"
            )
        return parse(self.root.inside(_LOG).read_text(encoding="ascii"))

    def prepare(self) -> None:
        """Put everything there, what is there already but for this checkout. Raises RootError."""
        shutil.rmtree(self.root.inside(SOURCE), ignore_errors=True)
        ignored = shutil.ignore_patterns(".*", "out", "__pycache__")
        shutil.copytree(CHECKOUT, self.root.inside(SOURCE), ignore=ignored)
        self._put_emulator()
        mark = self.root.inside(f"{VENV}.mark")
        pins = "".join((CHECKOUT / name).read_text() for name in _PINS)
        if not mark.exists() or mark.read_text() != pins:
            self._install()
            mark.write_text(pins)
        self._must("python3", "-m", "compileall", "-q", SOURCE)  # else the first run compiles, and only that

    def versions(self) -> list[str]:
        """What is counted, by name and version."""
        names = (
            "ai-edge-litert",
            "numpy",
            "pymicro-features",
            "pymicro-wakeword",
            "pyopen-wakeword",
            "cryptography",
        )
        ask = "from importlib.metadata import version as v; import platform as p; "
        ask += f"print('Python', p.python_version(), *(f', {{n}} {{v(n)}}' for n in {names}), sep=' ')"
        return [self._must(f"{VENV}/bin/python", "-c", ask).strip().replace(" ,", ",")]

    def _put_emulator(self) -> None:
        here = self.root.inside(_HERE)
        here.mkdir(parents=True, exist_ok=True)
        for path in (_qemu(), *_libraries(_qemu())):
            shutil.copy(path, here)
        build = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(here / "count.so"), str(PLUGIN)]
        done = subprocess.run(build, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise RootError(f"{PLUGIN.name}: gcc: {last_line(done.stderr)}; see what it says")

    def _install(self) -> None:
        self._must("apt-get", "-qq", "update")
        self._must("apt-get", "-qq", "install", "--no-install-recommends", "python3-venv", "mosquitto")
        self._must("python3", "-m", "venv", "--clear", VENV)
        pip = [
            f"{VENV}/bin/pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--only-binary",
            ":all:",
        ]
        pip += ["--constraint", f"{SOURCE}/constraints.txt"]
        self._must(*pip, "hatchling", "editables")
        self._must(*pip, "--no-build-isolation", f"{SOURCE}[openwakeword]")

    def _must(self, *command: str) -> str:
        done = self.root.run(*command)
        if done.returncode != 0:
            raise RootError(
                f"{command[0]}: ended with {done.returncode}: {last_line(done.stdout)}; is there a network?"
            )
        return done.stdout


def qemu_version() -> str:
    """What the emulator calls itself."""
    said = subprocess.run([_qemu(), "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return said.splitlines()[0]


def _qemu() -> Path:
    found = shutil.which("qemu-aarch64")
    if found is None:
        raise RootError("qemu-aarch64: not here; apt install qemu-user (the static one takes no plugin)")
    return Path(found)


def _libraries(program: Path) -> list[Path]:
    said = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [Path(path) for path in re.findall(r"(/\S+)", said)]


def _loader(libraries: Sequence[Path]) -> str:
    (name,) = (path.name for path in libraries if path.name.startswith("ld-linux"))
    return name
