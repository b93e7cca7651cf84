"""Both ears: wake word models (microWakeWord) over one front end propose, a second ear agrees or does not.

Words in openWakeWord's format have one ear, always on. Audio goes in frame by frame; a `Wake` comes out, then
an `Opinion` of it, or nothing. What is kept between calls are features and model states, inside the objects
of this package: never audio, but for the last hundredths of a second that a front end's own window needs.
Nothing here writes, sends or logs.
"""

from device.wakeword.detector import Detector, Wake
from device.wakeword.ears import Ears, Opinion
from device.wakeword.head import SENSITIVITIES, Sensitivity
from device.wakeword.manifest import Manifest, find
from device.wakeword.model import Model
from device.wakeword.opening import SECOND_EARS, SecondEarName, open_ears

__all__ = [
    "SECOND_EARS",
    "SENSITIVITIES",
    "Detector",
    "Ears",
    "Manifest",
    "Model",
    "Opinion",
    "SecondEarName",
    "Sensitivity",
    "Wake",
    "find",
    "open_ears",
]
