"""How a speaker gets into each phase in which a fault may hit it: the columns of the table of faults.

The first is a speaker that has just been started, the last one without a broker, whose outbox is full.
"""

from __future__ import annotations

from collections.abc import Callable

from scripts.faults_stage import Stage

OFFLINE = "offline, outbox full"


def _connecting(stage: Stage) -> None:
    stage.home.until("online")
    stage.speaker.restart()


def _idle(stage: Stage) -> None:
    stage.home.until("online")


def _verifying(stage: Stage) -> None:
    stage.home.until("online")
    stage.say("alexa_time.flac")
    stage.home.until("verifying")


def _listening(stage: Stage) -> None:
    stage.home.until("online")
    stage.speaker.tap()
    stage.say("time.flac")
    stage.home.quiet(0.5)


def _processing(stage: Stage) -> None:
    stage.home.until("online")
    stage.speaker.tap()
    stage.say("time.flac")
    stage.home.until("processing")


def _responding(stage: Stage) -> None:
    _processing(stage)
    stage.home.until("responding")


def _muted(stage: Stage) -> None:
    stage.home.until("online")
    stage.speaker.mute()


def _offline(stage: Stage) -> None:
    stage.home.until("online")
    stage.broker.down()
    stage.home.until("offline")
    for _ in range(3):  # one more than the outbox may hold: the oldest goes
        stage.ask()
        stage.home.until("idle")


PHASES: dict[str, Callable[[Stage], None]] = {
    "connecting": _connecting,
    "idle": _idle,
    "verifying": _verifying,
    "listening": _listening,
    "processing": _processing,
    "responding": _responding,
    "muted": _muted,
    OFFLINE: _offline,
}
