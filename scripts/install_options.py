"""What may be said to scripts/install."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def parse(description: str, arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line; ends the program where it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="scripts/install",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # what goes on to the installer of an update is taken literally
    )
    _what(parser)
    _settings(parser)
    _how(parser)
    given = parser.parse_args(arguments)
    wrong = _wrong(given)
    if wrong:
        parser.error(wrong)
    return given


def _wrong(given: argparse.Namespace) -> str:
    """What makes no sense of it, or nothing."""
    if given.purge and not given.uninstall:
        return "--purge: goes with --uninstall"
    if given.claim and not given.claim_key:
        return "--claim: goes with --claim-key"
    for path in (given.join, given.wheels):
        if path and not path.is_dir():
            return f"{path}: not a folder"
    for path in (given.ca, given.release_key, given.update, given.claim, given.claim_key):
        if path and not path.is_file():
            return f"{path}: not a file"
    return ""


def _what(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--cloud", action="store_true", help="the cloud and its broker, not a speaker")
    what.add_argument(
        "--speaker", action="store_true", help="a speaker, on a machine that has a cloud already"
    )
    what.add_argument(
        "--update", type=Path, metavar="BUNDLE", help="a signed release; its note lies beside it"
    )
    what.add_argument("--rollback", action="store_true", help="go back to the release before")
    what.add_argument("--uninstall", action="store_true", help="remove all but settings, keys and what waits")
    parser.add_argument("--purge", action="store_true", help="with --uninstall: those, too")
    parser.add_argument("--yes", action="store_true", help="with --purge: do not ask")
    parser.add_argument("--allow-older", action="store_true", help="with --update: even an older release")


def _settings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings of a new speaker, where there are none yet")
    group.add_argument("--profile", help="its microphone array (generic-usb)")
    group.add_argument(
        "--join", type=Path, metavar="FOLDER", help="for-a-new-speaker, from `overheard-cloud broker init`"
    )
    group.add_argument("--broker", metavar="HOST:PORT", help="or each by itself: the broker ...")
    group.add_argument("--ca", type=Path, help="... its CA certificate")
    group.add_argument("--claim", type=Path, help="... the claim certificate")
    group.add_argument("--claim-key", type=Path, help="... its key")
    group.add_argument("--cloud-root", metavar="KEY", help="... the cloud's root key")
    group.add_argument(
        "--release-key", type=Path, help="who may sign updates: the .pub file of scripts/release"
    )
    group.add_argument("--host", action="append", help="with --cloud: a name or address that speakers call")


def _how(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how")
    group.add_argument("--no-start", action="store_true", help="install, and start nothing")
    group.add_argument(
        "--ready-s", type=float, default=150.0, help="how long a service may take to be ready (150)"
    )
    group.add_argument(
        "--wheels", type=Path, help="a folder of wheels, which are taken before what the index has"
    )
    group.add_argument("--offline", action="store_true", help="ask no index and no archive")
    group.add_argument("--root", type=Path, default=Path("/"), help="a folder that stands for the machine")
