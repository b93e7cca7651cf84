"""A study that is ended half way, in whatever manner, goes on where it was."""

import os
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from lab.study.run import Wish, run
from lab.study.work import Finished, Key
from tests.lab.study_heads import head

ROOT = Path(__file__).parents[2]
WAKE = ROOT / "tests" / "audio" / "wake"
FILES = 40


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    """Forty links to five files, in four folders, and three minutes that nobody is through with so soon."""
    recordings = sorted(WAKE.glob("*.flac"))
    for number in range(FILES):
        place = tmp_path / "audio" / str(number % 4) / f"{number}.flac"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(recordings[number % len(recordings)])
    with soundfile.SoundFile(tmp_path / "audio" / "last.wav", "w", 16_000, 1, "PCM_16") as last:
        for _ in range(3):
            last.write(np.zeros(60 * 16_000, np.int16))
    return tmp_path / "audio"


def command(audio: Path, out: Path, jobs: int) -> list[str]:
    words = "study", audio, "--out", out, "--word", "alexa", "--word", "okay_nabu", "--jobs", jobs
    heads = "--head", head(audio.parent, "agrees"), "--head", head(audio.parent, "refuses", "okay_nabu")
    return [sys.executable, "-m", "lab", *map(str, (*words, *heads))]


@pytest.fixture(autouse=True)
def _ctrl_c_arrives() -> Iterator[None]:
    """What is started in the background by a shell ignores Ctrl-C, and so would its children: not here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def under_way(audio: Path, out: Path, jobs: int, lines: int) -> "Iterator[subprocess.Popen[str]]":
    """Start a study in a session of its own, and give it when so many lines are written."""
    with subprocess.Popen(
        command(audio, out, jobs), cwd=ROOT, text=True, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as study:  # fmt: skip
        while len(keys(out)) < lines:
            with suppress(subprocess.TimeoutExpired):
                code = study.wait(timeout=0.02)
                raise AssertionError(f"it ended with {code}: {study.communicate()[1]}")
        yield study


def done(out: Path) -> list[Finished]:
    path = out / "results.jsonl"
    whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
    return [msgspec.json.decode(line, type=Finished) for line in whole.splitlines()]


def keys(out: Path) -> list[Key]:
    return [each.key for each in done(out)]


def outlast(session: int) -> list[int]:
    """Wait until every process of a session is gone; return those that are not within a minute."""
    left = []
    for process in _living_in(session):
        with suppress(ProcessLookupError):
            life = os.pidfd_open(process)
            if not select.select([life], [], [], 60)[0]:
                left.append(process)
            os.close(life)
    return left


def _living_in(session: int) -> Iterator[int]:
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _, _, of = status.read_text().rpartition(")")[2].split()[:4]
            if int(of) == session and state != "Z":
                yield int(status.parent.name)


def uninterrupted(audio: Path, out: Path) -> list[Finished]:
    heads = head(audio.parent, "agrees"), head(audio.parent, "refuses", "okay_nabu")
    assert run(audio, out, Wish(["alexa", "okay_nabu"], "balanced", jobs=1, heads=heads)) == 0
    return done(out)


def test_after_kill_9_no_file_is_heard_twice_and_none_is_missed(audio: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for lines in (3, 12):
        with under_way(audio, out, 2, lines) as study:
            study.kill()
    before = done(out)
    assert 12 <= len(before) <= FILES
    subprocess.run(command(audio, out, 2), cwd=ROOT, capture_output=True, check=True)
    after = done(out)
    assert after[: len(before)] == before
    assert set(Counter(keys(out)).values()) == {1}
    whole = uninterrupted(audio, tmp_path / "whole")
    assert sorted(after, key=lambda each: each.key) == sorted(whole, key=lambda each: each.key)
    for table in ("wakes.csv", "files.csv", "wakes.jsonl"):
        assert (out / table).read_bytes() == (tmp_path / "whole" / table).read_bytes()


def test_after_kill_9_nobody_goes_on_hearing(audio: Path, tmp_path: Path) -> None:
    with under_way(audio, tmp_path / "out", 2, 4) as study:
        session = os.getsid(study.pid)
        study.kill()
    assert outlast(session) == []


def test_ctrl_c_is_for_whoever_started_it(audio: Path, tmp_path: Path) -> None:
    with under_way(audio, tmp_path / "out", 2, 4) as study:
        crew = Path(f"/proc/{study.pid}/task/{study.pid}/children").read_text().split()
        deaf = [name for name in crew if _blocks(int(name), signal.SIGINT)]
        study.kill()
    assert len(crew) == 3  # two that hear, and what Python keeps beside them, which ignores it
    assert len(deaf) >= 2


def _blocks(process: int, number: int) -> bool:
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    mask = next(line.split()[1] for line in status if line.startswith("SigBlk:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_says_how_to_go_on(jobs: int, audio: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with under_way(audio, out, jobs, 4) as study:
        session = os.getsid(study.pid)
        os.killpg(study.pid, signal.SIGINT)  # as a terminal does: everybody gets it
        _, err = study.communicate()
    assert study.returncode == 130
    assert "Traceback" not in err
    assert (
        err.splitlines()[-1]
        == f"{out}: interrupted after {len(done(out))} hearings; the same command goes on"
    )
    assert outlast(session) == []
    assert 4 <= len(done(out)) <= FILES
