"""The board: everything with a wire to it. `open_board` is the only way in; read `board` for what it returns.

Importing this package opens nothing and imports no driver: a board's module is imported when it is asked for.
It will never import the firmware, the cloud or the laboratory.
"""

import importlib
from collections.abc import Callable
from typing import cast

from hardware.board import Board
from hardware.errors import BoardError

BOARDS: dict[str, str] = {"pi": "hardware.pi:PiBoard", "sim": "hardware.sim:SimBoard"}


def open_board(name: str, **settings: object) -> Board:
    """The board called `name`, its pins taken and its microphone still closed.

    `settings` are the keyword arguments of the board's class. Raises BoardError for an unknown board, an
    unknown setting, or hardware that is not there.
    """
    if name not in BOARDS:
        raise BoardError(f"board {name!r}: unknown; choose one of {', '.join(sorted(BOARDS))}")
    import inspect  # which is slow to import, and children of a board that has no need of it import this

    module, _, factory_name = BOARDS[name].partition(":")
    factory = cast("Callable[..., Board]", getattr(importlib.import_module(module), factory_name))
    signature = inspect.signature(factory)
    try:
        signature.bind(**settings)
    except TypeError as error:
        known = ", ".join(signature.parameters)
        raise BoardError(f"board {name!r}: {error}; its settings are {known}") from error
    return factory(**settings)
