"""Every file that goes onto a card: the same wishes give the same card.

No password, no key of a speaker: only the owner's SSH key lets anybody in, and the first boot makes keys.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from flash_card import FOLDER, FlashError
from flash_cloud_init import cloud_init
from flash_first_boot import first_boot
from flash_run_once import run_once, without_run
from flash_wishes import Wishes

HERE = Path(__file__).resolve().parents[1]
JOINED = ("ca.crt", "claim.crt", "claim.key", "speaker.toml")
CLAIM = f"{FOLDER}/join/claim.key"
"""The one private key that a card may have: it opens nothing, it may ask for a certificate."""


def card_files(wishes: Wishes, boot: Path, release_key: Path, join: Path | None) -> dict[str, bytes]:
    """The files by their names on the card, in the order to write them. Raises FlashError."""
    wishes.check()
    files = {
        f"{FOLDER}/first-boot": first_boot(wishes.profile, wishes.sha256, joins=join is not None).encode(),
        f"{FOLDER}/release.key": _read(release_key),
    }
    for name in JOINED if join else ():
        files[f"{FOLDER}/join/{name}"] = _read(Path(str(join)) / name)
    for name, content in files.items():
        if b"PRIVATE KEY" in content and name != CLAIM:
            raise FlashError(f"{name}: would be a private key; nothing was written, name the right file")
    # The system's own files are the last: a card that was not finished has none that call the others.
    files |= {
        name: text.encode(errors="surrogateescape") for name, text in system_files(wishes, boot).items()
    }
    return files


def system_files(wishes: Wishes, boot: Path) -> dict[str, str]:
    """What makes the system run ours: files of its own that are written anew or changed."""
    cmdline, config = _text(boot / "cmdline.txt"), _text(boot / "config.txt")
    texts = {"config.txt": with_spi(config)} if needs_spi(wishes.profile) else {}
    if wishes.style == "systemd":
        return texts | run_once(wishes, cmdline)
    if without_run(cmdline) != cmdline:  # the card was one of the other style
        texts["cmdline.txt"] = without_run(cmdline)
    return texts | cloud_init(wishes)


def needs_spi(profile: str) -> bool:
    """Whether the lights of that profile hang on the SPI bus. Raises FlashError for an unknown one."""
    path = HERE / "hardware" / "profiles" / f"{profile}.toml"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in path.parent.glob("*.toml")))
        raise FlashError(f"--profile {profile}: unknown; choose one of {known}")
    return bool(tomllib.loads(path.read_text(encoding="utf-8"))["lights"]["kind"] == "apa102")


def with_spi(config: str) -> str:
    """The config.txt with the SPI bus on."""
    line = "dtparam=spi=on"
    if line in config.splitlines():
        return config
    return config.rstrip("\n") + f"\n\n# for the lights of the microphone array\n[all]\n{line}\n"


def _text(path: Path) -> str:
    return _read(path).decode("utf-8", errors="surrogateescape")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FlashError(f"{path}: {error.strerror}; nothing was written") from error
