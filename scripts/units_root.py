"""The root of the machine in which the units are booted: Debian bookworm, the firmware from its own wheel in
a release of its own, units, users and firewall where they belong, and a microphone that is a file.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from hardware.sound import FileSound
from tests.alsa.build import plug_in

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "systemd-sysv,dbus,python3,python3-venv,procps,iproute2,nftables,mosquitto,libportaudio2,libasound2,"
    "ca-certificates,libusb-1.0-0,espeak-ng"
)
PROOF = "/proof"
RATE = 16_000
LEAD_S, TAPE_S = 12, 900


PINS = """\
from gpiozero.pins.mock import MockPWMPin


class ProofPin(MockPWMPin):
    # The mute switch is closed, whatever pulls its pin up: not muted.
    def drive_high(self):
        if self.info.name != "GPIO27":
            super().drive_high()
"""


def make(cache: Path) -> Path:
    """A fresh root in `cache`; what does not change is made once."""
    base, root = cache / "bookworm", cache / "machine"
    if not (base / "usr").is_dir():
        _run("mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(base))
    shutil.rmtree(root, ignore_errors=True)
    _run("cp", "-a", "--reflink=auto", str(base), str(root))
    return root


def wheels(cache: Path) -> Path:
    """A folder of wheels: ours, made now, and what it needs."""
    folder = cache / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("overheard-*.whl"):
        old.unlink()
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder)]
    _run(*pip, "--no-build-isolation", "--no-deps", str(ROOT))
    _run(*pip, "--constraint", str(ROOT / "constraints.txt"), "--find-links", str(folder), "overheard[pi]")
    return folder


def units() -> list[Path]:
    """What systemd reads."""
    return [path for path in (ROOT / "systemd").iterdir() if path.suffix in {".service", ".timer"}]


def install(root: Path, made: Path) -> None:
    """Install the release, and everything around it."""
    shutil.copytree(made, root / "opt/wheels")
    release = "/opt/overheard/releases/proof"
    _run("chroot", str(root), "python3", "-m", "venv", release)
    pip = [f"{release}/bin/pip", "install", "--quiet", "--no-index", "--find-links", "/opt/wheels"]
    _run("chroot", str(root), *pip, "overheard[pi]")
    (root / "opt/overheard/current").symlink_to("releases/proof")
    for unit in units():
        shutil.copy(unit, root / "etc/systemd/system")
    (root / "etc/overheard").mkdir(exist_ok=True)
    shutil.copy(ROOT / "systemd/overheard.nft", root / "etc/overheard")
    for folder in ("etc/udev/rules.d", "etc/sysusers.d"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "systemd/60-overheard.rules", root / "etc/udev/rules.d")
    shutil.copy(ROOT / "systemd/overheard.sysusers.conf", root / "etc/sysusers.d/overheard.conf")
    _run("chroot", str(root), "systemd-sysusers")


def microphone(root: Path, heard: Path) -> None:
    """A sound card that is a file: quiet, then `heard`, then quiet, and noise below all of it."""
    proof = root / PROOF.strip("/")
    proof.mkdir()
    shutil.copy(plug_in(), proof / "card.so")
    sound = np.random.default_rng(1).integers(-4, 5, TAPE_S * RATE, dtype=np.int16)
    said = FileSound(heard)
    at = LEAD_S * RATE
    sound[at : at + said.samples] += np.concatenate(list(said.pieces())).astype(np.int16)
    (proof / "microphone.s16").write_bytes(sound.astype("<i2").tobytes())
    (proof / "loudspeaker.s16").touch()
    for card in ("microphone", "loudspeaker"):
        (proof / f"{card}.page").write_bytes(bytes(64))
    cards = "".join(
        f'pcm.proof_{role} {{ type overheard page "{PROOF}/{role}.page" tape "{PROOF}/{role}.s16" '
        f'role "{role}" channels 1 speed 1.0 patient 0 }}\n'
        for role in ("microphone", "loudspeaker")
    )
    lines = f'pcm_type.overheard {{ lib "{PROOF}/card.so" }}\npcm.!default {{ type null }}\n{cards}'
    (proof / "asound.conf").write_text(lines, encoding="utf-8")
    _pins(proof)
    _run("chroot", str(root), "chown", "-R", "overheard:overheard", PROOF)


def _pins(proof: Path) -> None:
    """Simulated pins, one of them held low, as gpiozero finds them: by the entry point of a distribution."""
    (proof / "proof_pins.py").write_text(PINS, encoding="utf-8")
    about = proof / "proof_pins-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: proof_pins\nVersion: 1\n", encoding="utf-8")
    entry = "[gpiozero_mock_pin_classes]\nproofpin = proof_pins:ProofPin\n"
    (about / "entry_points.txt").write_text(entry, encoding="utf-8")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr[-2000:]}")
