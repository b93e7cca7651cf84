"""What can go wrong with a board, one class for each thing the caller can do about it.

    HardwareError
    ├── BoardError          change the settings
    ├── SoundError          replace the sound
    ├── MicrophoneError     open the microphone first, or find out who holds it
    │   └── MicrophoneLost  close it, rest, open it again
    ├── RoomError           move what is placed in the room, or change the room
    ├── NotInstalled        install what the message names
    └── EndOfInput          stop: a simulated world is over

Every message is one line: where, what, what to do next. `exit_code` is what a command line ends with.
"""

from typing import Literal

Fault = Literal["unplugged", "wedged", "silent", "constant", "humming", "clipped", "overrunning", "held"]
"""What can be wrong with a microphone. Its driver finds the first two, the firmware the others. `held`: it is
open though it was closed.
"""


class HardwareError(Exception):
    """Root of everything this package raises."""

    exit_code = 3


class BoardError(HardwareError, ValueError):
    """The board, one of its pins or one of its settings does not exist or is out of range."""


class SoundError(HardwareError, ValueError):
    """A sound cannot be played: not there, not audio, empty, or broken on the way."""


class MicrophoneError(HardwareError, OSError):
    """The microphone cannot be opened, or was read while closed."""

    exit_code = 4


class MicrophoneLost(MicrophoneError):  # noqa: N818 - it names what happened, as EOFError does not
    """The microphone went away, is not there yet, or gives no frame any more; `fault` says which."""

    def __init__(self, message: str, fault: Fault = "unplugged") -> None:
        super().__init__(message)
        self.fault = fault


class RoomError(HardwareError, ValueError):
    """A room cannot be rendered: a place outside of it, or walls that no such room can have."""


class NotInstalled(HardwareError, ImportError):  # noqa: N818 - it says what is to be done
    """A library that only some of this package needs is not there."""


class EndOfInput(HardwareError, EOFError):  # noqa: N818 - the ordinary end of a simulated world
    """The simulated world has reached its last sample."""

    exit_code = 0
