"""The twin's half of the table in docs/microphone-faults.md, played. `scripts/mic_faults` plays all of it."""

from pathlib import Path

import pytest

from device.mic_fault import MicFault
from scripts import mic_faults_page
from scripts.mic_faults_beds import MISSING, OVERRUN, Bed, TwinBed, twin
from scripts.mic_faults_play import BEDS, FAULTS, Cell, play, run


@pytest.mark.parametrize("fault", FAULTS)
def test_what_becomes_of_a_fault_is_what_the_page_says(tmp_path: Path, fault: str) -> None:
    cell = run(fault, "twin", tmp_path / "bed")
    assert cell.problems == ()
    assert cell.words == mic_faults_page.read()[fault, "twin"]


def test_every_fault_stands_on_the_page_for_every_place_and_none_failed() -> None:
    page = mic_faults_page.read()
    assert set(page) == {(fault, where) for fault in FAULTS for where in BEDS}
    for (fault, _), words in page.items():
        assert "" not in words
        assert words[1] == ("listening, as before" if fault == OVERRUN else "error, then idle")
        assert words[-1] == "no"


# -- the check can fail ------------------------------------------------------------------------------


class Blind(MicFault):
    """A judge who never finds anything."""

    def judge(self, look: object) -> None:
        """Nothing is ever wrong."""


def sabotaged(directory: Path, fault: str, judge: MicFault) -> Cell:
    with twin(directory, fault) as bed:
        assert isinstance(bed, TwinBed)
        bed.firmware.parts.ear._judge = judge
        return play(bed, fault)


@pytest.mark.parametrize("fault", ["silent", "humming"])
def test_a_judge_that_never_finds_is_found(tmp_path: Path, fault: str) -> None:
    (problem,) = sabotaged(tmp_path, fault, Blind(digital_silence=False)).problems
    assert problem == f"{fault}: told did not come within 6 s"


def test_a_judge_that_is_never_satisfied_is_found(tmp_path: Path) -> None:
    class Strict(MicFault):
        def judge(self, look):
            verdict = super().judge(look)
            return None if verdict == "well" else verdict

    (problem,) = sabotaged(tmp_path, "unplugged", Strict(digital_silence=False)).problems
    assert problem == "unplugged: well again did not come within 33 s"


def test_a_light_that_lies_and_a_row_that_is_missing_are_found(tmp_path: Path) -> None:
    class Quiet:
        """A bed seen by somebody who is blind, and whose ledger has lost its rows."""

        def __init__(self, bed: Bed) -> None:
            self._bed = bed
            self.light, self.ledger = "idle", []

        def __getattr__(self, name: str) -> object:
            return getattr(self._bed, name)

    with twin(tmp_path, MISSING) as bed:
        problems = play(Quiet(bed), MISSING).problems
    assert [each.partition(":")[0] for each in problems] == ["light", "ledger", "restarted"]


# -- the page ----------------------------------------------------------------------------------------


def test_a_table_that_was_written_reads_back(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- faults -->\nold\n<!-- /faults -->\nafter\n")
    cells = {(fault, on): Cell(*f"{fault} {on} c d e f g".split()[-7:]) for fault in FAULTS for on in BEDS}
    mic_faults_page.write(cells, page)
    assert mic_faults_page.read(page) == {name: cell.words for name, cell in cells.items()}
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("after\n")


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(ValueError, match="no table"):
        mic_faults_page.read(page)
    with pytest.raises(ValueError, match="put them"):
        mic_faults_page.write({(fault, on): Cell() for fault in FAULTS for on in BEDS}, page)
