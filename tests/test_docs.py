"""The pages say what the code is: each module, verb, expectation, scenario, and no file that is not there."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from device.envelope import REASONS
from hardware.lights import CUES
from lab.scenario import VERBS, Expect, Light, Order, Scenario, Step

ROOT = Path(__file__).resolve().parents[1]
ARCHITECTURE, SCENARIOS, THREATS = (
    ROOT / "docs" / f"{name}.md" for name in ("architecture", "scenarios", "threat-model")
)
PACKAGES = ("device", "hardware", "cloud_stub", "lab")

FOLDERS = (*PACKAGES, "docs", "scripts", "tests")
FILE = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+|pyproject\.toml)(?:::(\w+))?`")
LINK = re.compile(r"\]\(([\w./-]+)(?:#[\w-]*)?\)")
NAMES = re.compile(r"  ((?:[\w/.]+, )*[\w/.]+) +\S")

pages = pytest.mark.parametrize("page", [ARCHITECTURE, SCENARIOS, THREATS], ids=lambda page: page.stem)
packages = pytest.mark.parametrize("package", PACKAGES)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def code_map() -> dict[str, set[str]]:
    """The names that the code map has for each package."""
    block = re.search(r"^## Code map\n.*?^```\n(.*?)^```", read(ARCHITECTURE), re.DOTALL | re.MULTILINE)
    assert block
    found: dict[str, set[str]] = {}
    package = ""
    for line in block[1].splitlines():
        names = NAMES.match(line)
        if names:
            found[package].update(name.rstrip("/") for name in names[1].split(", "))
        else:
            package = line.split("/")[0]
            found[package] = set()
    return found


def modules(package: str) -> set[str]:
    """The modules of a package and the folders that hold more of them, but for what only Python needs."""
    here = ROOT / package
    files = {path.stem for path in here.glob("*.py")}
    folders = {path.parent.name for path in here.glob("*/*.py")}
    return (files | folders) - {"__init__"}


def rows(header: str) -> dict[str, list[str]]:
    """The table of scenarios.md under that header: the cells of each row, by the word in its first."""
    lines = read(SCENARIOS).splitlines()
    at = lines.index(header) + 2  # below the rule
    table: dict[str, list[str]] = {}
    for line in lines[at:]:
        if not line.startswith("| "):
            break
        cells = line.strip("| ").split(" | ")
        word = re.match(r"`\[?([\w/]+(?:\.toml)?)", cells[0])
        table[word[1] if word else cells[0]] = cells[1:]
    return table


@packages
def test_every_module_is_in_the_code_map(package: str) -> None:
    assert modules(package) - code_map()[package] == set()


@packages
def test_the_code_map_names_nothing_that_is_not_there(package: str) -> None:
    here = ROOT / package
    gone = {
        name
        for name in code_map()[package]
        if not (here / name).exists() and not (here / f"{name}.py").exists()
    }
    assert gone == set()


@pages
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = {ROOT / name for name, _ in FILE.findall(read(page))}
    named |= {page.parent / name for name in LINK.findall(read(page))}
    assert len(named) > 5
    assert {str(path) for path in named if not path.exists()} == set()


@pytest.mark.parametrize("page", [ARCHITECTURE, THREATS], ids=lambda page: page.stem)
def test_every_test_that_a_page_calls_as_evidence_exists(page: Path) -> None:
    called = {(name, test) for name, test in FILE.findall(read(page)) if test}
    assert len(called) > 5
    assert {
        f"{n}::{t}" for n, t in called if f"\ndef {t}(" not in (ROOT / n).read_text(encoding="utf-8")
    } == set()


def test_every_verb_is_explained_and_no_other() -> None:
    assert set(rows("| verb | value | what happens | time goes on |")) == set(VERBS)


@pytest.mark.parametrize(
    ("header", "struct", "elsewhere"),
    [
        ("| key | means | default |", Scenario, {"path"}),
        ("| key | holds when | default |", Expect, set()),
        ("| key of a light | means | default |", Light, set()),
        ("| key of `command` | means | default |", Order, set()),
        ("| beside a verb | means | default |", Step, set(VERBS)),
    ],
    ids=["scenario", "expect", "light", "command", "step"],
)
def test_every_key_is_explained_and_no_other(
    header: str, struct: type[msgspec.Struct], elsewhere: set[str]
) -> None:
    assert set(rows(header)) == set(struct.__struct_fields__) - elsewhere


@pytest.mark.parametrize("key", ["noise_floor", "echo_db", "seed"])
def test_the_defaults_written_are_the_defaults(key: str) -> None:
    written = float(rows("| key | means | default |")[key][-1])
    assert written == getattr(Scenario("", ()), key)


def test_every_end_reason_and_every_cue_is_named() -> None:
    page = read(SCENARIOS)
    reasons = rows("| key | holds when | default |")["end_reason"][0]
    assert set(re.findall(r"`(\w+)`", reasons)) == set(REASONS)
    assert {cue for cue in CUES if f"`{cue}`" not in page} == set()


def test_every_scenario_is_listed_with_its_promises() -> None:
    listed = {
        name: [int(n) for n in cells[0].split(", ")]
        for name, cells in rows("| scenario | promises | shows |").items()
    }
    there = {
        str(path.relative_to(ROOT)): tomllib.loads(path.read_text(encoding="utf-8"))["promises"]
        for path in (ROOT / "lab" / "scenarios").glob("*.toml")
    }
    assert listed == there


def test_the_example_is_the_file_it_says_it_is() -> None:
    example = re.search(
        r"`(lab/scenarios/\w+\.toml)`, whole:\n\n```toml\n(.*?)```", read(SCENARIOS), re.DOTALL
    )
    assert example
    assert example[2] == (ROOT / example[1]).read_text(encoding="utf-8")


def test_the_promises_listed_are_those_that_are_judged() -> None:
    judged = (ROOT / "lab" / "promises.py").read_text(encoding="utf-8")
    listed = rows("| promise | from |")
    assert len(listed) == judged.count("    yield _")
    assert {promise for promise in listed if f'"{promise}"' not in judged} == set()
