"""The README can fail the build: its demo block is what the demo prints, and what it names exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def mask(text: str) -> str:
    """Numbers, the time of day and the widths that follow from them differ from run to run."""
    text = re.sub(r"[AP]M", "xM", re.sub(r"\d+", "#", text))
    return re.sub(r"[ ─━]+", " ", text)


def test_the_demo_block_is_what_the_demo_prints(tmp_path: Path) -> None:
    block = README.split("<!-- demo -->")[1].split("<!-- /demo -->")[0]
    shown = block.split("$ scripts/demo\n")[1].removesuffix("```\n")
    words = ["simulate", "lab/scenarios/evening.toml", "--out", str(tmp_path / "evening")]
    command = [sys.executable, "-m", "lab", *words]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    printed = "\n".join(line.rstrip() for line in ran.stdout.splitlines()) + "\n"
    # Sorted, because the cloud tells what it heard from a thread of its own.
    assert sorted(mask(shown.replace("out/evening", "DIR")).splitlines()) == sorted(
        mask(printed.replace(str(tmp_path / "evening"), "DIR")).splitlines()
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_to_exists(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_every_script_that_the_readme_names_can_be_run() -> None:
    for script in set(re.findall(r"`(scripts/[\w-]+)", README)):
        assert (ROOT / script).stat().st_mode & 0o111, script
