"""A folder of audio is looked through, whatever is in it, and nothing is left out in silence."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.study.errors import StudyError
from lab.study.files import find, length_s, passed_over_text, suffixes

ALEXA = Path(__file__).parents[1] / "audio" / "wake" / "alexa.flac"


def fill(folder: Path, *files: str) -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return folder


def names(folder: Path) -> list[str]:
    return [sound.file for sound in find(folder).sounds]


def test_nested_folders_are_heard_in_sorted_order(tmp_path: Path) -> None:
    fill(tmp_path, "b/c/2.flac", "b/1.WAV", "a.mp3", "z.ogg", "b/c/d/e/3.Aiff")
    assert names(tmp_path) == ["a.mp3", "b/1.WAV", "b/c/2.flac", "b/c/d/e/3.Aiff", "z.ogg"]


def test_a_group_is_the_first_folder(tmp_path: Path) -> None:
    fill(tmp_path, "series/1/a.wav", "film/b.wav", "c.wav")
    assert {s.file: s.group for s in find(tmp_path).sounds} == {
        "series/1/a.wav": "series", "film/b.wav": "film", "c.wav": "",
    }  # fmt: skip


def test_what_is_no_audio_is_counted_and_told_but_for_transcripts(tmp_path: Path) -> None:
    fill(tmp_path, "a.wav", "a.txt", "a.srt", "b.m4a", "c/d.m4a", "README")
    found = find(tmp_path)
    assert passed_over_text(found) == "2 .m4a, 1 without an ending"


def test_hidden_files_are_none(tmp_path: Path) -> None:
    fill(tmp_path, "a.wav", "._a.wav", ".trash/b.wav")
    assert names(tmp_path) == ["a.wav"]
    assert passed_over_text(find(tmp_path)) == ""


def test_a_pipe_is_no_file_and_a_link_to_nowhere_a_broken_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    (tmp_path / "b.wav").symlink_to(tmp_path / "gone.wav")
    assert names(tmp_path) == ["b.wav"]
    assert passed_over_text(find(tmp_path)) == "1 pipe or device"


def test_links_are_followed_but_not_round_in_circles(tmp_path: Path) -> None:
    fill(tmp_path, "audio/a/1.wav", "elsewhere/2.wav")
    (tmp_path / "audio" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "audio" / "a" / "up").symlink_to(tmp_path / "audio")
    assert names(tmp_path / "audio") == ["a/1.wav", "more/2.wav"]


def test_every_usual_format_is_known() -> None:
    assert {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".w64", ".caf", ".au"} <= suffixes()


@pytest.mark.parametrize("files", [(), ("a.txt", "b.pdf")])
def test_a_folder_without_audio_is_refused(files: Sequence[str], tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"no audio in it.*; name a folder"):
        find(fill(tmp_path, *files))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"none: No such file or directory; name a folder"):
        find(tmp_path / "none")


def manifest(folder: Path, text: str) -> Path:
    (folder / "manifest.csv").write_text(text, encoding="utf-8")
    return folder


def test_a_manifest_says_what_is_heard_and_what_is_in_it(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.wav", "a/2.wav", "3.wav")
    manifest(
        tmp_path,
        '\ufefffile,label,group,licence,transcript\na/2.wav,alexa,said,CC0,"Alexa, stop"\n3.wav,,,CC0\n',
    )
    found = find(tmp_path)
    three, two = found.sounds
    assert (two.file, two.label, two.group, two.transcript) == ("a/2.wav", "alexa", "said", "Alexa, stop")
    assert (three.file, three.label, three.group, three.transcript) == ("3.wav", None, "", "")
    assert passed_over_text(found) == "1 not in manifest.csv"


def test_a_manifest_needs_no_more_than_files(tmp_path: Path) -> None:
    (sound,) = find(manifest(tmp_path, "file\nx/1.wav\n")).sounds
    assert (sound.label, sound.group) == (None, "x")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name,label\na.wav,alexa\n", "no column 'file'; begin it with"),
        ("", "no column 'file'; begin it with"),
        ("file\na.wav\nb.wav\n./a.wav\n", r"line 4: a\.wav is there already; take one out"),
        ("file,label\n,alexa\n", "line 2: no file; fill the column"),
        ("file,label\n", "no audio in it"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=complaint):
        find(manifest(tmp_path, text))


def test_a_manifest_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_bytes(b"file\n\xff.wav\n")
    with pytest.raises(StudyError, match=r"manifest.csv: .*; give a CSV file in UTF-8"):
        find(tmp_path)


def test_a_name_that_is_not_utf_8_is_told_so_that_it_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "al\udce9xa.wav").touch()
    (sound,) = find(tmp_path).sounds
    assert sound.file == "al\\udce9xa.wav"
    assert sound.path.exists()


def test_a_length_is_what_the_file_says_and_nothing_of_a_broken_one(tmp_path: Path) -> None:
    fill(tmp_path, "a.wav")
    (tmp_path / "b.flac").write_bytes(ALEXA.read_bytes())
    assert [length_s(sound) for sound in find(tmp_path).sounds] == [0.0, pytest.approx(3.53, abs=0.01)]
