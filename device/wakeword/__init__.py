"""The first ear: streaming wake word models (microWakeWord) over one shared front end.

Audio goes in frame by frame; a `Wake` comes out, or nothing. What is kept between calls are features and
model states, inside the objects of this package: never audio, but for the last hundredths of a second that
the front end's own window needs. Nothing here writes, sends or logs.
"""

from device.wakeword.detector import Detector, Wake
from device.wakeword.manifest import Manifest, find
from device.wakeword.model import Model

__all__ = ["Detector", "Manifest", "Model", "Wake", "find"]
