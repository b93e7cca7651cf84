"""What is proved, step by step: each returns what it found in a few words, or raises with what is wrong.

Read STEPS first: it is the list. The firmware in the root is the one that `scripts/install` put there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from hardware.board import RATE_HZ
from scripts import arm64_card
from scripts.arm64_opened import PAUSE_S, open_it
from scripts.arm64_proof import CHECKOUT, CURRENT, NOT_COPIED, RECORDING, SOURCE, USER, Proof, StepError
from scripts.arm64_root import RootError, base, last_line
from scripts.arm64_scene import Scene, SceneError
from scripts.arm64_speaker import Speaker
from scripts.arm64_wheels import elf_machine, examine


def make(proof: Proof) -> str:
    cached = (proof.cache / proof.suite).exists()
    base(proof.cache, proof.suite)
    return f"Debian {proof.suite}, {'from the cache' if cached else 'by mmdebstrap'}"


def open_root(proof: Proof) -> str:
    proof.open()
    shutil.copytree(CHECKOUT, proof.root.inside(SOURCE), ignore=NOT_COPIED)
    machine = proof.must("uname", "-m").strip()
    if machine != "aarch64":
        raise StepError(f"programs in the root say that they run on {machine}")
    return f"{proof.must('python3', '--version').strip()}, {machine}, this checkout in {SOURCE}"


def install(proof: Proof) -> str:
    proof.must(f"{SOURCE}/scripts/install", "--no-start")
    return os.readlink(proof.root.inside(CURRENT))


def install_cloud(proof: Proof) -> str:
    """The other end on the same machine, so that every unit finds what it starts."""
    return last_line(proof.must(f"{SOURCE}/scripts/install", "--cloud", "--host", "localhost", "--no-start"))


def install_again(proof: Proof) -> str:
    before = os.readlink(proof.root.inside(CURRENT))
    said = proof.must(f"{SOURCE}/scripts/install", "--no-start")
    if os.readlink(proof.root.inside(CURRENT)) != before:
        raise StepError("the second time it made another release")
    return last_line(said)


def wheels(proof: Proof) -> str:
    found = examine(proof.site())
    if found.wrong or not found.binaries:
        more = f", and {len(found.wrong) - 1} more" if len(found.wrong) > 1 else ""
        raise StepError((found.wrong or ["no binary is installed at all"])[0] + more)
    return f"{found.wheels} wheels, {found.binaries} ELF files, every one for aarch64"


def pyaudio(proof: Proof) -> str:
    built = next(proof.site().glob("pyaudio/_portaudio*.so"), None)
    tag = next((file.read_text() for file in proof.site().glob("[Pp]y[Aa]udio-*.dist-info/WHEEL")), "")
    if built is None or elf_machine(built) != "aarch64" or "-linux_aarch64" not in tag:
        raise StepError(f"{proof.site()}: no PyAudio that was built there")
    asked = "import pyaudio; print(pyaudio.__version__, pyaudio.get_portaudio_version_text())"
    return f"built there, {proof.must(f'{CURRENT}/bin/python', '-c', asked).strip().splitlines()[-1]}"


def units(proof: Proof) -> str:
    names = sorted(path.name for path in (CHECKOUT / "systemd").glob("*.service"))
    installed = [name for name in names if proof.root.inside(f"/etc/systemd/system/{name}").exists()]
    if lacking := [name for name in names if name not in installed]:
        raise StepError(f"not installed: {', '.join(lacking)}")
    complaint = complaints(lambda *command: proof.root.run(*command, log=proof.log), installed)
    if complaint:
        raise StepError(complaint[0])
    return f"systemd-analyze verify is silent: {', '.join(installed)}"


def complaints(
    run: Callable[..., subprocess.CompletedProcess[str]], unit_files: Sequence[str | Path]
) -> list[str]:
    """What systemd has to say about these units, and only about these."""
    done = run("systemd-analyze", "verify", "--man=no", *unit_files)
    names = [Path(unit).name for unit in unit_files]
    about = [line for line in done.stdout.splitlines() if any(name in line for name in names)]
    return about or (
        [f"it ended with {done.returncode}: {last_line(done.stdout)}"] if done.returncode else []
    )


def hear_room(proof: Proof) -> str:
    """The firmware hears a recording in a simulated room."""
    speaker = Speaker(proof, "room", proof.sounded)
    proof.heard = speaker.heard
    pause = f"{speaker.folder}/pause.wav"
    soundfile.write(proof.root.inside(pause), np.zeros(round(PAUSE_S * RATE_HZ), np.int16), RATE_HZ)
    board = {"name": "sim", "room": [pause, f"{SOURCE}/{RECORDING}"], "pace": "realtime"}
    return speaker.listen([f"{CURRENT}/bin/overheard-device"], board)


def hear_card(proof: Proof) -> str:
    """The firmware hears it through PyAudio, PortAudio and ALSA, with pins that are made up."""
    speaker = Speaker(proof, "card", arm64_card.tape(proof.sounded), arm64_card.LATE_SAMPLES)
    proof.heard = speaker.heard
    arm64_card.lay_out(proof.root.inside(speaker.folder), speaker.folder, speaker.heard.sounded)
    proof.must(*arm64_card.compile_command(SOURCE, speaker.folder))
    program = [f"{CURRENT}/bin/python", f"{SOURCE}/scripts/arm64_hands.py"]
    board = {
        "name": "pi",
        "profile": "generic-usb",
        "microphone": arm64_card.NAME,
        "loudspeaker": "desk_loudspeaker",
    }
    return speaker.listen(program, board, {"ALSA_CONFIG_PATH": f"{speaker.folder}/asound.conf"})


def open_here(proof: Proof) -> str:
    if proof.heard is None:
        raise StepError("nothing was heard")
    opened = open_it(proof.heard, proof.key)
    utterance = opened.utterance
    seconds = len(utterance.pcm) / 2 / RATE_HZ
    lost = sum(gap.samples for gap in utterance.gaps) / RATE_HZ
    marked = f" but for {lost:.2f} s that the emulation was too slow for, marked as lost" if lost else ""
    late = f", which began {opened.late_s:.2f} s after its clock" if opened.late_s else ""
    return (
        f"{seconds:.2f} s, every sample as it sounded{late}{marked}; woke with "
        f"{utterance.header.trigger.score}, the ears of this machine with {opened.score_here:.4f}, "
        f"{opened.samples_apart} samples apart"
    )


def doctor(proof: Proof) -> str:
    """The doctor finds no fault with a simulated board, and says what an installed one lacks here."""
    speaker = Speaker(proof, "doctor", proof.sounded)
    board = {"name": "sim", "room": [f"{SOURCE}/{RECORDING}"]}
    with Scene(speaker.heard.scene) as scene:
        settings = speaker.settle(scene, board)
        program = f"{CURRENT}/bin/overheard-device"
        proof.must(program, "doctor", "--config", settings, user=USER)
    installed = proof.root.run(
        program, "doctor", "--config", "/etc/overheard/speaker.toml", user=USER, log=proof.log
    )
    lacking = [line for line in installed.stdout.splitlines() if line.startswith("fail")]
    if installed.returncode != 1 or not lacking:
        raise StepError(
            f"where there is no card it ends with {installed.returncode}: {last_line(installed.stdout)}"
        )
    return f"no fault; of the installed settings, on a machine without a card: {' '.join(lacking[0].split())}"


class Step(NamedTuple):
    """A step; without a `needed` one nothing after it can be tried."""

    name: str
    do: Callable[[Proof], str]
    needed: bool = False


STEPS = (
    Step("a Debian for arm64", make, needed=True),
    Step("opened as new", open_root, needed=True),
    Step("scripts/install --no-start", install, needed=True),
    Step("the wheels are arm64's", wheels),
    Step("PyAudio", pyaudio),
    Step("it hears a room, wakes, seals, is answered", hear_room),
    Step("which opens here", open_here),
    Step("it hears PyAudio over ALSA, wakes, seals, is answered", hear_card),
    Step("which opens here, too", open_here),
    Step("the doctor", doctor),
    Step("installed again", install_again),
    Step("scripts/install --cloud --no-start", install_cloud),
    Step("the units", units),
)

WRONG = (StepError, SceneError, RootError, OSError, ValueError, subprocess.SubprocessError)
"""What a step raises when it fails; anything else is a fault of the proof."""
