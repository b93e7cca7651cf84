"""What the tests of openWakeWord's format share: audio, models by path, a look at what an object holds."""

import gc
import json
import os
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from zlib import decompress

import pytest
import soundfile

from device.wakeword.files import models_of

ROOT = Path(__file__).parents[2]
WAKE = ROOT / "tests" / "audio" / "wake"
WORDS = ["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"]
FRAME = 640

MODELS = models_of("pyopen_wakeword")
needs_package = pytest.mark.skipif(
    MODELS is None, reason="pyopen-wakeword is not installed; scripts/setup .venv dev,openwakeword"
)

MEAN_OF_EIGHT = decompress(
    b64decode(  # the smallest head that is one: the mean of float32[1, 8, 96], as float32[1, 1]
        "eNpdkTsOwjAQRMcmfCSsECQURZCCMgUdDSegSkHBAaCjQULQQI84DQdIQcGh6MN6vSTGkcaRJ+Pn3U0GYLsul0CMCRIYDMiJaAfaASXJaKAD"
        "pxUp5wRwruvavu0JJXoEnuZsxHklTNPcFNHqvIr0Ir3lzIk0gX1iTCU/lLpy9jEuaFkIF+gxrye1aa8m5Xla+rDclO9uuZnjzrLmDsvsM9Ni"
        "lMdAwFbidaWXO2lDKuT7geYy4N5d9hbUWNH3pGXrX+7izfEZMI7Si9+nm+3ob7YqYO49ppE/Dsn7/KvHt/5Ozsylpw/Vkzp2aniOLadwfvEF"
        "e6Qjpg=="
    )
)


def pcm_of(*names: str) -> bytes:
    return b"".join(soundfile.read(WAKE / f"{name}.flac", dtype="int16")[0].tobytes() for name in names)


def cut(pcm: bytes, size: int = FRAME) -> Iterator[bytes]:
    return (pcm[at : at + size] for at in range(0, len(pcm), size))


def head_of(count: int) -> bytes:
    """A head that takes so many embeddings."""
    model = bytearray(MEAN_OF_EIGHT)
    model[552] = count
    return bytes(model)


def by_path(folder: Path, model: bytes | str, name: str = "computer", /, **changes: object) -> Path:
    """Write a model, or a copy of the package's, and a manifest for it; keys that are None are left out."""
    if isinstance(model, str):
        assert MODELS is not None
        model = (MODELS / f"{model}.tflite").read_bytes()
    (folder / f"{name}.tflite").write_bytes(model)
    manifest = {
        "type": "openWakeWord",
        "wake_word": "Computer",
        "model": f"{name}.tflite",
        "sha256": sha256(model).hexdigest(),
        "trained_languages": ["en"],
    }
    keys = {key: value for key, value in (manifest | changes).items() if value is not None}
    path = folder / f"{name}.json"
    path.write_text(json.dumps(keys))
    return path


def reachable(root: object) -> Iterator[object]:
    """Yield everything that `root` holds, itself included; classes, modules and functions hold no audio."""
    seen, todo = {id(root)}, [root]
    while todo:
        item = todo.pop()
        yield item
        for other in gc.get_referents(item):
            if id(other) not in seen and not isinstance(other, type | type(gc)) and not callable(other):
                seen.add(id(other))
                todo.append(other)


WITHOUT_THE_PACKAGE = """
import sys
class Without:
    def __init__(self, finder): self.finder = finder
    def find_spec(self, name, *where):
        return None if name == "pyopen_wakeword" else self.finder.find_spec(name, *where)
sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""
LISTEN = """
import sys
from device.errors import ModelError
from device.wakeword import open_ears
try:
    open_ears(sys.argv[1:-1], second_ear=sys.argv[-1])
    print("opened")
except ModelError as error:
    print(error)
print("imported" if "pyopen_wakeword" in sys.modules else "not imported")
"""


def run(program: str, *arguments: object, path: Path | None = None) -> str:
    """Run a program in a process of its own, with `path` before everything that is installed."""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(str(p) for p in (path, ROOT) if p)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
