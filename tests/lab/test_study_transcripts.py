"""What was being said is what somebody wrote down beside the audio, and no word is invented."""

from pathlib import Path

import pytest

from lab.study.files import Sound
from lab.study.transcripts import Transcript, read

SRT = """\ufeff1
00:00:01,500 --> 00:00:03,000
<i>Alexa</i>, turn it off!
- No.

2
00:01:00,000 --> 00:01:02,250
[door slams] ♪ La la ♪

"""
VTT = """WEBVTT

NOTE not said

00:01.500 --> 00:03.000 align:start
You &amp; me

intro
1:00:00.000 --> 1:00:01.000
An hour later
"""


def transcript(path: Path, text: str | None = None) -> Transcript:
    found = read(Sound(path.name, path, transcript=text))
    assert found is not None
    return found


def test_without_a_transcript_there_are_no_words(tmp_path: Path) -> None:
    assert read(Sound("a.wav", tmp_path / "a.wav")) is None


def test_a_text_beside_a_file_is_all_said_all_the_time(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One two - it's\nthree.\n")
    found = transcript(tmp_path / "a.flac")
    assert found.words == 4
    assert found.near(0) == found.near(1000) == "One two - it's three."


def test_a_long_text_is_shortened(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("word " * 1000)
    assert len(transcript(tmp_path / "a.wav").near(3)) <= 240


def test_subtitles_say_what_is_said_when(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text(SRT, encoding="utf-8")
    found = transcript(tmp_path / "a.wav")
    assert found.words == 7
    assert found.near(0) == found.near(8) == "Alexa, turn it off! - No."
    assert found.near(8.1) == ""
    assert found.near(55) == "La la"


def test_web_subtitles_too(tmp_path: Path) -> None:
    (tmp_path / "a.vtt").write_text(VTT, encoding="utf-8")
    found = transcript(tmp_path / "a.wav")
    assert found.words == 5
    assert found.near(4) == "You & me"
    assert found.near(3601) == "An hour later"


def test_subtitles_of_an_old_film_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_bytes("1\r\n00:00:01,000 --> 00:00:02,000\r\nÇa va?\r\n".encode("cp1252"))
    assert transcript(tmp_path / "a.wav").near(1) == "Ça va?"


def test_librispeech_has_one_list_a_chapter(tmp_path: Path) -> None:
    (tmp_path / "84-121123.trans.txt").write_text("84-121123-0000 GO DO YOU HEAR\n84-121123-0001 BUT\n")
    assert transcript(tmp_path / "84-121123-0000.flac").near(1) == "GO DO YOU HEAR"
    assert transcript(tmp_path / "84-121123-0001.flac").words == 1
    assert read(Sound("x", tmp_path / "84-121123-0002.flac")) is None


def test_the_manifest_outweighs_subtitles_and_these_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text(SRT, encoding="utf-8")
    (tmp_path / "a.txt").write_text("a text")
    assert transcript(tmp_path / "a.wav").words == 7
    assert transcript(tmp_path / "a.wav", "by hand").near(0) == "by hand"


def test_a_transcript_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to(tmp_path / "a.txt" / "b")
    assert read(Sound("a.wav", tmp_path / "a.wav")) is None  # a link to nowhere is no text
    (tmp_path / "b.txt").write_text("b")
    (tmp_path / "b.txt").chmod(0)
    if not _may_read(tmp_path / "b.txt"):  # root may
        with pytest.raises(PermissionError):
            read(Sound("b.wav", tmp_path / "b.wav"))


def _may_read(path: Path) -> bool:
    try:
        path.read_text()
    except PermissionError:
        return False
    return True
