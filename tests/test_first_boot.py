"""The script of a card's first boot: what it installs, when it tries again, and when the claim goes.

It is run as it is, but for its places, with a systemctl that only says what it was told.
"""

import os
import subprocess
from pathlib import Path

import pytest

from tests.written_card import boot_partition, flash, pack, words_for

CERTIFICATE, CLAIM = "var/lib/overheard/tls.pem", "etc/overheard/claim.key"
DISABLED = "systemctl disable overheard-first-boot.service"


class FirstBoot:
    """A card in a machine that is a folder."""

    def __init__(self, room: Path) -> None:
        boot = boot_partition(room / "bootfs")
        assert flash(words_for(boot, room)).returncode == 0
        self.card, self.machine = boot / "overheard", room / "machine"
        self.claim = self.card / "join" / "claim.key"
        script = (self.card / "first-boot").read_text().replace("/boot/firmware", str(boot))
        for folder in ("/etc/overheard", "/var/lib/overheard"):
            script = script.replace(f"{folder}/", f"{self.machine}{folder}/")
        self._script = script

    def has(self, name: str) -> None:
        """What an installer would have written."""
        (self.machine / name).parent.mkdir(parents=True)
        (self.machine / name).touch()

    def run(self, installer_ends: int = 0) -> tuple[int, list[str]]:
        told = {
            "PATH": os.environ["PATH"],
            "BASH_FUNC_systemctl%%": "() { echo systemctl $@; }",
            "INSTALLER_ENDS": str(installer_ends),
        }
        done = subprocess.run(
            ["bash", "-c", self._script], capture_output=True, text=True, check=False, env=told, timeout=60
        )
        return done.returncode, done.stdout.splitlines()


@pytest.fixture
def first_boot(tmp_path: Path) -> FirstBoot:
    return FirstBoot(tmp_path)


def test_the_first_boot_installs_the_release_that_was_verified_or_nothing(first_boot):
    card = first_boot.card
    good = (card / "release.tar.gz").read_bytes()
    pack(card / "release.tar.gz", "another installer:")
    first_boot.has(CLAIM)
    code, said = first_boot.run()
    assert code != 0
    assert said == ["release.tar.gz: FAILED"]
    assert first_boot.claim.exists()
    (card / "release.tar.gz").write_bytes(good)
    words = f"--profile generic-usb --release-key {card}/release.key --join {card}/join"
    assert first_boot.run() == (0, [f"the installer: {words}", DISABLED])
    assert not first_boot.claim.exists()


@pytest.mark.parametrize("ends", [1, 2, 4, 137], ids=["failed", "usage", "no address yet", "killed"])
def test_what_did_not_end_well_is_tried_again_and_the_claim_stays_for_it(first_boot, ends):
    """Even with a release in place: an installer that was cut short has put one there, and no more."""
    first_boot.has(CLAIM)
    first_boot.has("opt/overheard/current")
    code, said = first_boot.run(ends)
    assert (code, DISABLED in said) == (ends, False)
    assert first_boot.claim.exists()


@pytest.mark.parametrize("ends", [0, 3], ids=["ready", "installed, not ready"])
@pytest.mark.parametrize("kept", [CLAIM, CERTIFICATE])
def test_what_is_installed_is_left_alone_and_the_claim_goes(first_boot, ends, kept):
    first_boot.has(kept)
    code, said = first_boot.run(ends)
    assert (code, said[-1]) == (0, DISABLED)
    assert not first_boot.claim.exists()


def test_a_claim_that_nothing_has_taken_over_is_not_destroyed(first_boot):
    assert first_boot.run()[0] == 0
    assert first_boot.claim.exists()
