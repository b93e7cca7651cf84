"""What a speaker is made of, and what its light says of them. `assemble` puts the parts together."""

from dataclasses import dataclass

from device.cover import Cover
from device.delivery import Delivery
from device.ear import Ear
from device.hands import Hands
from device.home_assistant import HomeAssistant, Now
from device.lighting import Lighting
from device.line import Line
from device.mute import MuteMemory
from device.outbox import Outbox
from device.protections import Protections
from device.renewal import Renewal
from device.service import Service
from device.session import Phase
from device.status import Microphone
from device.turn import Turn
from device.voice import Voice
from device.wakeword import Ears
from hardware.board import Board


@dataclass(frozen=True)
class Parts:
    """The parts of one speaker; `answer_samples` is how long it waits for an answer, `protections` what was
    found of the box that it runs in, where somebody looked.
    """

    device: str
    board: Board
    ear: Ear
    ears: Ears
    stop_word: str | None
    hands: Hands
    voice: Voice
    memory: MuteMemory
    outbox: Outbox
    delivery: Delivery
    line: Line
    home: HomeAssistant
    renewal: Renewal
    turn: Turn
    cover: Cover
    answer_samples: int
    lighting: Lighting
    service: Service
    protections: Protections | None

    def tend_home(self, phase: Phase, now: int) -> None:
        """Let a home's automation know how it is, by the microphone's own word."""
        heard: Microphone = "open" if self.board.microphone.is_open else "closed"
        microphone = "lost" if self.ear.lost else heard
        fault = self.ear.fault or ""
        self.home.tend(self.line, now, Now(phase, microphone, fault, self.delivery.unacknowledged))

    def cue(self, phase: Phase, now: int) -> str:
        """What the light must show: mute outranks everything, but for a microphone that is open all the same;
        then what is wrong, then the conversation.
        """
        since = self.turn.capturing_since
        if phase is Phase.MUTED and self.ear.fault != "held":
            return "muted" if self.hands.switch else "muted_soft"
        if self.ear.fault is not None and since is None:
            return "error"
        if since is not None and now < since:
            return "idle"  # the chime before a capture
        return self._cue_of_idle() if phase is Phase.IDLE else str(phase.value)

    def _cue_of_idle(self) -> str:
        if self.ear.starting:
            return "booting"  # nothing is heard yet
        if self.outbox.trouble is not None:
            return "error"
        return "idle" if self.line.up else "offline"
