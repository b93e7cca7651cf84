"""The installed firmware, as its user starts it, in front of a scene on this machine: until it was answered.

It never reaches into it: what is known is what it says on its terminal.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from scripts.arm64_opened import Heard
from scripts.arm64_proof import STATE, USER, Proof
from scripts.arm64_scene import Scene, SceneError

PATIENCE_S = 300.0


class Speaker:
    """A speaker that is new: its folder inside, its scene here, what sounds, and how late that may begin."""

    def __init__(self, proof: Proof, name: str, sounded: bytes, late_samples: int = 0) -> None:
        self._proof = proof
        self.folder = f"{STATE}-{name}"
        self.heard = Heard(proof.cache / f"{proof.suite}.scene" / name, sounded, late_samples)
        shutil.rmtree(self.heard.scene, ignore_errors=True)
        proof.root.inside(self.folder).mkdir()

    def listen(
        self, program: Sequence[str], board: Mapping[str, object], more: Mapping[str, str] | None = None
    ) -> str:
        """Let it run until it was answered. Raises SceneError."""
        proof = self._proof
        with Scene(self.heard.scene) as scene:
            settings = self.settle(scene, board)
            command = [*program, "run", "--config", settings]
            said = until_answered(proof.root.command(command, user=USER, more=more), proof.log)
            if not scene.answered.is_set():
                raise SceneError("the speaker was answered, but not by this cloud")
            words = scene.words
        woke, kept = (next((line.strip() for line in said if word in line), "") for word in ("woke", "kept"))
        return f"{woke}; {kept}; the cloud heard “{words}”, and answered"

    def settle(self, scene: Scene, board: Mapping[str, object]) -> str:
        """Write its settings, and give it its folder; return their name inside."""
        note, settings = f"{self.folder}/keys.note", f"{self.folder}/speaker.toml"
        inside = self._proof.root.inside
        inside(note).write_text(scene.note(), encoding="utf-8")
        owner = self._proof.key.public.encode()
        inside(settings).write_text(
            scene.settings(f"{self.folder}/state", note, board, owner), encoding="utf-8"
        )
        self._proof.must("chown", "-R", f"{USER}:{USER}", self.folder)
        return settings


def until_answered(command: Sequence[str], log: Path, patience_s: float = PATIENCE_S) -> list[str]:
    """Run a speaker until it says that it was answered, then end it with SIGTERM; return what it said.

    Raises:
        SceneError: it was not answered in time, ended by itself, or not with 0.
    """
    said: list[str] = []
    answered = threading.Event()
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as it:
        assert it.stdout is not None

        def follow(lines: Iterable[str]) -> None:
            for line in lines:
                said.append(line.rstrip())
                if "answered" in line:
                    answered.set()
            answered.set()  # or it has ended

        reader = threading.Thread(target=follow, args=(it.stdout,))
        reader.start()
        try:
            in_time = answered.wait(patience_s)
            it.terminate()
            code = it.wait(patience_s)
        finally:
            it.kill()
            reader.join()
            with log.open("a", encoding="utf-8") as file:
                file.write("\n".join([f"$ {' '.join(command)}", *said, ""]))
    if not in_time or code != 0 or not any("answered" in line for line in said):
        last = said[-1] if said else "nothing"
        raise SceneError(
            f"it was not answered within {patience_s:.0f} s, exit code {code}; it said last: {last}"
        )
    return said
