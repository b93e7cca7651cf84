"""The library that moves the pins: gpiozero's own choice, and one line where there is none.

It leaves no file behind and this process where it was, which lgpio by itself does not.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from gpiozero import BadPinFactory, Device, PinFactoryFallback

from hardware.errors import BoardError, NotInstalled

PIPE_FOLDER = "LG_WD"
"""The variable that lgpio reads when it is imported: there it makes a pipe, and goes there."""

_ELSEWHERE = (
    "on a machine without pins put GPIOZERO_PIN_FACTORY=mock GPIOZERO_MOCK_PIN_CLASS=mockpwmpin before the "
    "command, or into Environment= of its unit"
)


def pin_factory() -> Any:
    """Gpiozero's pin factory: what GPIOZERO_PIN_FACTORY names, else the first that works. Nobody closes it.

    Raises:
        NotInstalled: there is no library that works.
        BoardError: the one that was named does not.
    """
    with warnings.catch_warnings(record=True) as fallbacks:
        warnings.simplefilter("always", PinFactoryFallback)
        try:
            with _folder_for_a_pipe():
                Device.ensure_pin_factory()
        except BadPinFactory as error:
            tried = [str(fallback.message).removeprefix("Falling back from ") for fallback in fallbacks]
            why = _one_line("; ".join(tried) or str(error))
            raise NotInstalled(f"pins: {why}; {_remedy(tried)}, or {_ELSEWHERE}") from error
        except Exception as error:  # each library has errors of its own
            why = _one_line(f"{error}")
            raise BoardError(f"pins: {why}; see GPIOZERO_PIN_FACTORY and {PIPE_FOLDER}") from error
    return Device.pin_factory


def _remedy(tried: list[str]) -> str:
    """What helps where lgpio, which is tried first, did not work for that reason."""
    if not tried or "No module" in tried[0]:
        return "install python3-lgpio"
    folder = os.environ.get(PIPE_FOLDER) or gettempdir()
    return f"see that this user is in the group gpio and may write to {folder}"


@contextmanager
def _folder_for_a_pipe() -> Iterator[None]:
    """Where lgpio may make its pipe: LG_WD, else a folder of ours that is gone afterwards, as a pipe that is
    open needs no name. By hand the current folder may be somebody's home, where it may not.
    """
    with ExitStack() as undo:
        if PIPE_FOLDER not in os.environ:
            os.environ[PIPE_FOLDER] = undo.enter_context(TemporaryDirectory(prefix="overheard-"))
            undo.callback(os.environ.pop, PIPE_FOLDER)
        undo.callback(_go_back, os.getcwd())
        yield


def _go_back(here: str) -> None:
    """Paths of the settings may be relative to where it was started. Where that is closed to us none is."""
    try:
        os.chdir(here)
    except OSError:
        os.chdir("/")


def _one_line(text: str) -> str:
    return " ".join(text.split())
