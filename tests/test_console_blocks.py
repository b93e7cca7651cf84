"""What a page tells somebody to type can be typed: programs, commands, options, and as whom.

Read are the lines after `$ ` in console blocks, and commands that stand in a sentence, also in what our
programs and the installer print.
"""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "hardware" / "wiring" / "README.md",
]
MODULES = {"overheard-device": "device", "overheard-cloud": "cloud_stub", "overheard-lab": "lab"}
SOURCES = [
    *sorted(ROOT.glob("scripts/install*")),
    *(ROOT / "device").rglob("*.py"),
    *(ROOT / "cloud_stub").rglob("*.py"),
]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
IN_A_SENTENCE = re.compile(
    r"`((?:sudo [^`]*)?(?:(?:[\w./]+/)?overheard-(?:device|cloud|lab)|scripts/[\w-]+) [^`]+)`"
)
SUDO = re.compile(r"sudo (?:-u (\S+) )?")
USERS = {"overheard-device": "overheard", "overheard-cloud": "overheard-cloud"}
"""Who may read a program's settings where it is installed, and whose the files are that it writes."""
INSTALLED = "/etc/overheard/"

PLACES = {"{SETTINGS}": "/etc/overheard/speaker.toml", "{settings}": "/etc/overheard/speaker.toml"}

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def typed(text: str) -> Iterator[str]:
    """Each line that a reader would type into a terminal, by itself; `$ ` begins what is a block's."""
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                yield from re.sub(r" (?:\||&&|;) ", "\n$ ", line).splitlines()
    yield from IN_A_SENTENCE.findall(text)


def wrong_with(line: str) -> str:
    """Why that line cannot be typed; empty if it can, or if it calls none of our programs."""
    typed_there, line = line.startswith("$ "), line.removeprefix("$ ")
    by_sudo = SUDO.match(line)
    user = (by_sudo[1] or "root") if by_sudo else ""
    words = shlex.split(line[by_sudo.end() if by_sudo else 0 :], comments=True)
    program = Path(words[0]).name if words else ""
    if program in MODULES:
        installed = typed_there and words[0] == program
        return wrong_program(program, words[1:]) or wrong_user(words, user, installed=installed)
    if words and words[0].startswith("scripts/"):
        return wrong_script(words[0], words[1:])
    return ""


def wrong_program(program: str, words: list[str]) -> str:
    command = get_command(import_module(f"{MODULES[program]}.__main__").app)
    while isinstance(command, TyperGroup):
        name = words.pop(0) if words else ""
        if name not in command.commands:
            return f"{program} has no command {name!r}"
        command = command.commands[name]
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    if command.context_settings.get("ignore_unknown_options"):  # they go on to the installer
        known |= options_in("scripts/install")
    return unknown_option(f"{program} {command.name}", words, known)


def wrong_script(script: str, words: list[str]) -> str:
    path = ROOT / script
    if not path.is_file() or not path.stat().st_mode & 0o111:
        return f"{script} cannot be run"
    return unknown_option(script, words, options_in(script))


def wrong_user(words: list[str], user: str, *, installed: bool) -> str:
    """An installed speaker's program finds its settings by itself, so it reads those when none are named."""
    program = Path(words[0]).name
    owner = USERS.get(program, "")
    by_itself = installed and program == "overheard-device" and words[1] not in ("update", "microphones")
    reads = any(INSTALLED in word for word in words) or (by_itself and "--config" not in words)
    if owner != user and (reads or user not in ("", "root")):
        return f"{program} is run as {user or 'anybody'}; say: sudo -u {owner}"
    return ""


def unknown_option(what: str, words: list[str], known: set[str]) -> str:
    unknown = {word.partition("=")[0] for word in words if re.match("--?[a-z]", word)} - known
    return f"{what} has no {', '.join(sorted(unknown))}" if unknown else ""


@cache
def options_in(script: str) -> set[str]:
    """Every option that stands in a script, or in a module of its own: not all are written in Python."""
    name = Path(script).name.replace("-", "_")
    files = [ROOT / script, *(ROOT / "scripts").glob(f"{name}_*.py")]
    return set(re.findall(r"--[a-z][a-z-]*", "".join(file.read_text(encoding="utf-8") for file in files)))


@pages
def test_what_a_page_says_can_be_typed(page: Path) -> None:
    wrong = [
        f"{line}: {why}" for line in typed(page.read_text(encoding="utf-8")) if (why := wrong_with(line))
    ]
    assert wrong == []


def printed(source: str) -> Iterator[str]:
    """The commands in the texts of a program, put together where they go over more than one line."""
    whole = re.sub(r'"\n\s*f?"', "", source)
    for name, path in PLACES.items():
        whole = whole.replace(name, path)
    yield from IN_A_SENTENCE.findall(whole)


def test_what_is_typed_without_settings_reads_those_of_the_installed_speaker() -> None:
    assert wrong_with("$ overheard-device doctor").startswith("overheard-device is run as anybody")
    for well in ("$ sudo -u overheard overheard-device doctor", "$ .venv/bin/overheard-device doctor"):
        assert wrong_with(well) == ""
    assert wrong_with("overheard-device doctor") == "", "a sentence only names it"


def test_what_the_programs_say_can_be_typed() -> None:
    lines = {line for source in SOURCES for line in printed(source.read_text(encoding="utf-8"))}
    assert {"overheard-cloud broker init", "overheard-device provision"} < lines
    assert [f"{line}: {why}" for line in sorted(lines) if (why := wrong_with(line))] == []


def test_the_pages_of_a_newcomer_are_read() -> None:
    """Nothing is checked on a page whose lines are not seen."""
    lines = [line for page in PAGES for line in typed(page.read_text(encoding="utf-8"))]
    for begins in ("$ sudo scripts/install", "$ sudo -u overheard overheard-device", "$ scripts/flash"):
        assert any(line.startswith(begins) for line in lines), begins


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("overheard-device rum --config x", "overheard-device has no command 'rum'"),
        (".venv/bin/overheard-lab study d --wurd alexa", "overheard-lab study has no --wurd"),
        (
            "sudo -u overheard-cloud overheard-cloud devices aprove x",
            "overheard-cloud has no command 'aprove'",
        ),
        ("overheard-cloud devices", "overheard-cloud has no command ''"),
        ("overheard-device doctor --config=/x --interaktive", "overheard-device doctor has no --interaktive"),
        ("sudo scripts/install --cloud --hots localhost", "scripts/install has no --hots"),
        ("scripts/flush /media/you/bootfs", "scripts/flush cannot be run"),
        (
            "overheard-device doctor --config /etc/overheard/speaker.toml",
            "overheard-device is run as anybody; say: sudo -u overheard",
        ),
        (
            "sudo overheard-device doctor --config /etc/overheard/speaker.toml",
            "overheard-device is run as root; say: sudo -u overheard",
        ),
        (
            "sudo -u overheard overheard-cloud devices list --config /etc/overheard/cloud.toml",
            "overheard-cloud is run as overheard; say: sudo -u overheard-cloud",
        ),
    ],
)
def test_a_line_that_cannot_be_typed_is_seen(line: str, why: str) -> None:
    in_a_block, in_a_sentence = f"```console\n$ true && {line}   # so\n```\n", f"Type `{line}` now."
    assert [wrong_with(each) for each in typed(in_a_block)] == ["", why]
    if "overheard-" in line:
        assert [wrong_with(each) for each in typed(in_a_sentence)] == [why]
