"""The library that moves the pins: gpiozero's own choice, and one line where there is none."""

import warnings
from typing import Any

from gpiozero import BadPinFactory, Device, PinFactoryFallback

from hardware.errors import BoardError, NotInstalled

_ELSEWHERE = "on a machine without pins say GPIOZERO_PIN_FACTORY=mock GPIOZERO_MOCK_PIN_CLASS=mockpwmpin"


def pin_factory() -> Any:
    """Gpiozero's pin factory: what GPIOZERO_PIN_FACTORY names, else the first that works. Nobody closes it.

    Raises:
        NotInstalled: there is no library that works.
        BoardError: the one that was named does not.
    """
    with warnings.catch_warnings(record=True) as fallbacks:
        warnings.simplefilter("always", PinFactoryFallback)
        try:
            Device.ensure_pin_factory()
        except BadPinFactory as error:
            tried = [str(fallback.message).removeprefix("Falling back from ") for fallback in fallbacks]
            why = _one_line("; ".join(tried) or str(error))
            raise NotInstalled(f"pins: {why}; install python3-lgpio, or {_ELSEWHERE}") from error
        except Exception as error:  # each library has errors of its own
            raise BoardError(f"pins: {_one_line(str(error))}; see GPIOZERO_PIN_FACTORY and LG_WD") from error
    return Device.pin_factory


def _one_line(text: str) -> str:
    return " ".join(text.split())
