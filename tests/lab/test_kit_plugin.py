"""The pytest plugin in a foreign project: fixtures, marker, and what it costs those who do not use it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STRICT = "[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n"


def run(folder: Path, *arguments: str, **files: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on a project of these files, with the plugin as if it were installed."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    (folder / "pytest.ini").write_text(STRICT, encoding="utf-8")
    plugin = ("-p", "no:overheard", "-p", "lab.pytest_plugin", "-p", "no:cacheprovider")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", *plugin, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_foreign_test_gets_a_speaker_with_the_settings_of_its_marker(tmp_path: Path) -> None:
    test = """
import pytest

pytestmark = pytest.mark.overheard(speaker={"audio": {"segment_ms": 240}}, noise_floor=0)

@pytest.mark.overheard(speaker={"audio": {"segment_ms": 160}})
def test_one(speaker, home, broker, ingest_keys):
    home.until("online")
    speaker.hold(1.0)
    assert {row.samples for row in speaker.ledger if row.kind == "segment"} >= {2560}
    assert len(broker.published("+/+/+/up/utterance/+/segment")) > 3

def test_two(speaker, home, cloud):
    home.until("online")
    speaker.hold(1.0)
    assert {row.samples for row in speaker.ledger if row.kind == "segment"} >= {3840}
"""
    done = run(tmp_path, test_foreign=test)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("marker", "arguments", "why"),
    [
        (
            "overheard(loudness=3)",
            "broker",
            "takes only answers, broker, cloud, noise_floor, patience_s, speaker",
        ),
        ("overheard('amqtt')", "broker", "takes only answers"),
        ("overheard(broker='emqx')", "broker", "'emqx': no such broker; one of auto, mosquitto, amqtt"),
        ("overheard(speaker={'audio': {'segment_ms': 81}})", "speaker", "Invalid enum value 81"),
        ("overheard(speaker={'audio': {'colour': 'red'}})", "speaker", "unknown field `colour`"),
        (
            "overheard(broker='amqtt')",
            "speaker, cloud, ingest_keys",
            "a speaker believes one root; choose one",
        ),
    ],
)
def test_a_wrong_wish_gets_one_line(tmp_path: Path, marker: str, arguments: str, why: str) -> None:
    test = f"import pytest\n\n@pytest.mark.{marker}\ndef test_it({arguments}):\n    pass\n"
    done = run(tmp_path, "--tb=short", test_foreign=test)
    assert done.returncode == 1
    said = [line for line in done.stdout.splitlines() if why in " ".join(line.split())]
    assert said, done.stdout


def test_the_marker_explains_itself(tmp_path: Path) -> None:
    assert "overheard(speaker={section: {key: value}}" in run(tmp_path, "--markers").stdout


def test_what_a_test_waits_for_in_vain_fails_it_with_one_line(tmp_path: Path) -> None:
    test = "def test_it(home):\n    home.until('responding', within_s=0.5)\n"
    done = run(tmp_path, test_foreign=test)
    assert "home: responding did not come within 0.5 s; the speaker is idle, o" in done.stdout
    assert "1 failed" in done.stdout


def test_a_project_that_does_not_use_it_imports_nothing_of_it(tmp_path: Path) -> None:
    test = """
import sys

def test_it():
    roots = {"device", "hardware", "cloud_stub", "lab"}
    ours = {name for name in sys.modules if name.partition(".")[0] in roots}
    assert ours == {"lab", "lab.pytest_plugin"}
    assert not {"numpy", "paho", "cryptography", "msgspec"} & set(sys.modules)
"""
    done = run(tmp_path, test_foreign=test)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
