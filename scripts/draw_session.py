#!/usr/bin/env python3
"""Print the Mermaid diagram of the speaker's phases, drawn from the table in device/session.py.

`--check FILE` compares the diagram between `<!-- session -->` and `<!-- /session -->` in a Markdown file with
the table, and exits 1 when they differ; `--write FILE` puts it there. It touches nothing outside those marks.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from device.session import diagram

PLACE = re.compile(r"(?<=<!-- session -->\n).*?(?=<!-- /session -->)", re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what `arguments` say; 0 is done or equal, 1 is not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--check", type=Path, metavar="FILE", help="exit 1 unless FILE shows the table as it is"
    )
    what.add_argument("--write", type=Path, metavar="FILE", help="put the diagram into FILE")
    options = parser.parse_args(arguments)
    page: Path | None = options.check or options.write
    if page is None:
        print(diagram(), end="")
        return 0
    return _in_page(page, write=options.write is not None)


def _in_page(page: Path, *, write: bool) -> int:
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        return _refuse(f"{page}: {error.strerror}; name the page with the diagram")
    block = f"```mermaid\n{diagram()}```\n"
    drawn, places = PLACE.subn(lambda _: block, text)
    if places != 1:
        return _refuse(f"{page}: no <!-- session --> ... <!-- /session -->, or more than one; mark one place")
    if write:
        page.write_text(drawn, encoding="utf-8")
    elif drawn != text:
        return _refuse(f"{page}: not the table of device/session.py; run with --write {page}")
    return 0


def _refuse(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
