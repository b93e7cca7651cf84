"""A card that is written again, otherwise: nothing of before stays, and no file is ever half."""

import resource
import sys
from pathlib import Path

import pytest

from device.bundle import Manifest
from tests.written_card import (
    BEFORE,
    PASSWORD,
    ROOT,
    SSH_KEY,
    STYLES,
    boot_partition,
    bring,
    contents,
    flash,
    words_for,
)

sys.path.insert(0, str(ROOT / "scripts"))

from flash_card import FlashError, put
from flash_wifi import wifi

KEY = wifi('Home: "#1"', PASSWORD, "GB").key.encode()


@pytest.fixture
def boot(tmp_path: Path) -> Path:
    return boot_partition(tmp_path / "bootfs")


@pytest.fixture
def given(tmp_path: Path, boot: Path) -> list[str]:
    return words_for(boot, tmp_path)


def without(words: list[str], option: str) -> list[str]:
    at = words.index(option)
    return words[:at] + words[at + 2 :]


def with_key(boot: Path) -> set[str]:
    return {name for name, content in contents(boot).items() if KEY in content}


@pytest.mark.parametrize("style", STYLES)
def test_a_card_is_written_and_written_again_the_same(boot, given, style):
    before = contents(boot)
    words = [*given, "--style", style, "--hostname", "kitchen"]
    done = flash(words)
    assert done.returncode == 0, done.stderr
    after = contents(boot)
    for name in before:
        assert after[name] == before[name] or after[name + BEFORE] == before[name]
    again = flash(words)
    assert "written" not in again.stdout, again.stdout
    assert contents(boot) == after


def test_what_nobody_asked_for_any_more_goes(boot, given):
    assert flash(given).returncode == 0
    assert (boot / "overheard" / "join" / "claim.key").exists()
    assert flash(without(given, "--join")).returncode == 0
    assert not (boot / "overheard" / "join" / "claim.key").exists()


@pytest.mark.parametrize("style", STYLES)
def test_of_the_other_style_nothing_stays(boot, given, tmp_path, style):
    other = STYLES[1 - STYLES.index(style)]
    fresh = boot_partition(tmp_path / "fresh")
    assert flash([str(fresh), *given[1:], "--style", style]).returncode == 0
    assert flash([*given, "--style", other]).returncode == 0
    places = with_key(boot)
    assert flash([*given, "--style", style]).returncode == 0
    assert places.isdisjoint(with_key(boot))
    ours, theirs = contents(boot), contents(fresh)
    assert {n: c for n, c in ours.items() if not n.endswith(BEFORE)} == {
        n: c for n, c in theirs.items() if not n.endswith(BEFORE)
    }


@pytest.mark.parametrize("style", STYLES)
def test_a_wifi_that_was_changed_or_taken_back_is_nowhere(boot, given, tmp_path, style):
    assert flash([*given, "--style", style]).returncode == 0
    assert with_key(boot)
    (tmp_path / "wifi").write_text(f"Elsewhere\n{PASSWORD}\nGB\n")
    assert flash([*given, "--style", style]).returncode == 0
    assert with_key(boot) == set()
    assert flash([*without(given, "--wifi-file"), "--style", style]).returncode == 0
    assert not any(b"Elsewhere" in content for content in contents(boot).values())


def test_what_the_system_wrote_since_stays(boot, given):
    """Its first boot gives the disk another number, and removes the words that it has obeyed."""
    words = [*given, "--style", "systemd", "--profile", "respeaker-2mic-hat"]
    assert flash(words).returncode == 0
    (boot / "firstrun.sh").unlink()
    (boot / "cmdline.txt").write_text("console=tty1 root=PARTUUID=7-02 rootwait\n")
    with (boot / "config.txt").open("a") as config:
        config.write("dtoverlay=googlevoicehat-soundcard\n")
    assert flash(words).returncode == 0
    cmdline = (boot / "cmdline.txt").read_text()
    assert cmdline.startswith(
        "console=tty1 root=PARTUUID=7-02 rootwait systemd.run=/boot/firmware/firstrun.sh "
    )
    assert cmdline.count("\n") == 1
    assert "dtoverlay=googlevoicehat-soundcard\n" in (boot / "config.txt").read_text()


@pytest.mark.parametrize("style", STYLES)
def test_no_file_is_changed_in_its_place(boot, given, tmp_path, style):
    """Who has the file of before open reads that to its end: the new one came beside it and took its name."""
    words = [*given, "--style", style]
    assert flash(words).returncode == 0
    before = contents(boot)
    opened = {name: (boot / name).open("rb") for name in before}
    bring(Path(given[2]), "another installer:")
    (tmp_path / "id.pub").write_text(SSH_KEY + "-too\n")
    for file in (tmp_path / "for-a-new-speaker").iterdir():
        file.write_bytes(file.read_bytes() + b"\n")
    assert flash([*words, "--hostname", "kitchen"]).returncode == 0
    after = contents(boot)
    changed = {name for name in before if after[name] != before[name]}
    assert {"overheard/release.tar.gz", "overheard/first-boot", "overheard/join/claim.key"} < changed
    for name, file in opened.items():
        with file:
            assert file.read() == before[name], name


def test_a_write_that_fails_half_way_leaves_the_file_of_before(boot, given):
    bundle = Path(given[2])
    manifest = Manifest.of(bundle, "1.0.0")
    before = (boot / "user-data").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(FlashError, match="not finished"):
            put(boot, {"user-data": bytes(200_000)}, bundle, manifest)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (boot / "user-data").read_bytes() == before
    assert flash(given).returncode == 0
    assert [name for name in contents(boot) if "draft" in name] == []


def test_a_draft_that_was_left_goes(boot, given):
    (boot / "overheard" / "join").mkdir(parents=True)
    for name in ("firstrun.sh", "overheard/release.tar.gz", "overheard/join/claim.key"):
        (boot / f"{name}.draft-overheard").write_text("half")
    assert flash(without(given, "--join")).returncode == 0
    assert [name for name in contents(boot) if "draft" in name] == []
