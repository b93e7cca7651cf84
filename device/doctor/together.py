"""Pressing, sliding, speaking and seeing, one step after the other: what only a person can try.

It says what to do, waits so long as a person may take, and goes on. What is said to it goes to the ears,
frame by frame, and is dropped; nothing is kept and nothing is sent. A muted microphone stays closed, here
too.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from device.assemble import configured_ears
from device.config import Config, load
from device.doctor.finding import Finding, fail, failed, ok, warn
from device.doctor.subject import Subject
from device.errors import DeviceError
from device.hands import Hands
from device.session import Event
from device.wakeword import Opinion
from hardware.board import FRAME_SAMPLES, RATE_HZ, Board, Frame
from hardware.earcons import earcon
from hardware.errors import HardwareError

PATIENCE_S = 20
"""So long a person may take for one step."""

_SHOWN = {"listening": "blue", "responding": "green", "muted": "red"}
"""Cues, and the colours that they have where there are colours."""


class Person(NamedTuple):
    """Whoever is beside the board: is told something, and answers yes or no."""

    say: Callable[[str], None]
    agrees: Callable[[str], bool]


class _Bench(NamedTuple):
    board: Board
    hands: Hands
    person: Person
    config: Config
    remembers_mute: bool


def together(
    path: Path | None, now: datetime, open_board: Callable[[Config], Board], person: Person
) -> Iterator[Finding]:
    """Yield what came of each step, with the board that the settings at `path` name."""
    try:
        config = load(path)
        subject = Subject(config, now, open_board)
        if subject.firmware_runs:
            yield fail(
                "board", "the firmware runs and has it", "stop it first: systemctl stop overheard-device"
            )
            return
        board = open_board(config)
    except (DeviceError, HardwareError) as error:
        yield failed("board", error)
        return
    with closing(board):
        samples = [ms * RATE_HZ // 1000 for ms in (config.button.debounce_ms, config.button.hold_ms)]
        bench = _Bench(board, Hands(board.panel, *samples), person, config, subject.remembers_mute)
        for step in (_tap, _hold, _slide, _lights, _chime, _word):
            yield step(bench)


def _waits_for(bench: _Bench, *wanted: Event) -> bool:
    """Wait until hands have done all that is wanted, in this order; False if they never did."""
    left = list(wanted)
    for _ in range(PATIENCE_S * RATE_HZ // FRAME_SAMPLES):
        for event in bench.hands.feel(bench.board.rest()):
            if left and event is left[0]:
                left.pop(0)
        if not left:
            return True
    return False


def _tap(bench: _Bench) -> Finding:
    bench.person.say(f"Press the button, shortly (you have {PATIENCE_S} s).")
    if _waits_for(bench, Event.BUTTON_TAP):
        return ok("tap", "was felt")
    return fail(
        "tap", "nothing was felt", "look at the two wires of the button, and at its pin in the profile"
    )


def _hold(bench: _Bench) -> Finding:
    bench.person.say("Press the button, hold it for a second, and let go.")
    if _waits_for(bench, Event.BUTTON_HOLD, Event.BUTTON_RELEASED):
        return ok("hold", "was felt, and its end")
    return fail("hold", "no press that lasts was felt", "hold it longer; if it stays so, the contact is bad")


def _slide(bench: _Bench) -> Finding:
    if bench.hands.switch:
        bench.person.say("The mute switch stands at muted: slide it to live.")
    else:
        bench.person.say("Slide the mute switch to muted, wait a moment, and slide it back.")
        if not _waits_for(bench, Event.MUTE_ON):
            return fail(
                "mute switch", "never said muted", "it must open when muted: look for a short to ground"
            )
    if _waits_for(bench, Event.MUTE_OFF):
        return ok("mute switch", "was felt both ways")
    return fail(
        "mute switch", "stays muted", "it must close to ground when live: look for a wire that is loose"
    )


def _lights(bench: _Bench) -> Finding:
    unseen = []
    for cue, colour in _SHOWN.items():
        bench.board.panel.show(cue, bench.board.rest())
        if not bench.person.agrees(
            f"Does the light show {cue.replace('_', ' ')} ({colour}, if it has colours)?"
        ):
            unseen.append(cue)
    bench.board.panel.show("idle", bench.board.rest())
    if unseen:
        return fail(
            "lights", f"not seen: {', '.join(unseen)}", "look at the light's wires and the profile's [lights]"
        )
    return ok("lights", "were seen")


def _chime(bench: _Bench) -> Finding:
    bench.board.loudspeaker.volume = bench.config.audio.volume
    bench.board.loudspeaker.play(earcon("wake"))
    for _ in range(RATE_HZ // FRAME_SAMPLES):
        bench.board.rest()
    if bench.person.agrees("Did you hear two tones?"):
        return ok("loudspeaker", "was heard")
    return warn("loudspeaker", "was not heard", "look at [board] loudspeaker, and at its volume: alsamixer")


def _word(bench: _Bench) -> Finding:
    words = " or ".join(f'"{Path(word).stem}"' for word in bench.config.wakeword.words)
    if bench.hands.switch:
        return warn("wake word", "muted, so the microphone was not opened", "slide the switch to live")
    if bench.remembers_mute:
        return warn(
            "wake word",
            "muted from afar, so the microphone was not opened",
            "start the firmware, slide the switch to muted and back, and ask again",
        )
    bench.person.say(f"Step back two metres and say {words}, as you would.")
    try:
        return _hear(bench, words)
    except (DeviceError, HardwareError) as error:
        return failed("wake word", error)


def _hear(bench: _Bench, words: str) -> Finding:
    ears, _ = configured_ears(bench.config)
    microphone = bench.board.microphone
    doubt = ""
    microphone.open()
    bench.board.panel.show("listening", bench.board.rest())
    try:
        for index, pcm in _frames(bench):
            heard = ears.hear(pcm, index + FRAME_SAMPLES)
            if isinstance(heard, Opinion) and not heard.accepted:
                doubt = f", though something like it scored {heard.score:.2f}"
            elif isinstance(heard, Opinion) or (heard is not None and heard.stands):
                return ok("wake word", f"was heard, score {heard.score:.2f}")
    finally:
        microphone.close()
        bench.board.panel.show("idle", bench.board.rest())
    if bench.hands.switch:
        return warn("wake word", "muted meanwhile, so the microphone was closed", "slide the switch to live")
    return fail(
        "wake word",
        f"{words} was not heard{doubt}",
        "come closer; ask the doctor without --interactive for the level",
    )


def _frames(bench: _Bench) -> Iterator[Frame]:
    """What is heard until patience ends, or somebody mutes: what was heard just then is not told."""
    microphone = bench.board.microphone
    for _ in range(PATIENCE_S * RATE_HZ // FRAME_SAMPLES):
        frame = microphone.read() if microphone.ready() else None
        bench.hands.feel(frame.index + FRAME_SAMPLES if frame is not None else bench.board.rest())
        if bench.hands.switch:
            return
        if frame is not None:
            yield frame
