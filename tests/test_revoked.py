"""A certificate that is revoked, in each phase: the connection is cut, nothing is lost, nothing crashes, and
what was said arrives once the speaker is let in again.
"""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cloud_stub import revocation
from cloud_stub.devices import Devices
from cloud_stub.vault import Vault
from device.assemble import assemble
from device.provision import provision
from device.session import Phase
from hardware.sim import SimBoard
from tests.secure_home import PATIENCE_S, SecureHome, needs_mosquitto
from tests.test_provisioning import ask, new_speaker, settled

pytestmark = [needs_mosquitto, pytest.mark.xdist_group("revoked")]


class Played:
    """A speaker whose time the test lets pass, twenty times as fast as in a room."""

    def __init__(self, config) -> None:
        self.board = SimBoard(pace=20.0, noise_floor=300)
        self.speaker = assemble(config, self.board)
        self.speaker.start()

    def until(self, true: Callable[[], object], what: str, within_s: float = 300.0) -> None:
        for _ in range(round(within_s * 50)):
            if true():
                return
            self.speaker.pass_frame()
        raise AssertionError(f"never: {what}")

    def until_phase(self, phase: Phase) -> None:
        self.until(lambda: self.speaker.phase is phase, phase.value)

    def hold(self, seconds: float) -> None:
        self.board.press()
        self.until_phase(Phase.LISTENING)
        self.pass_time(seconds)
        self.board.release()

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            self.speaker.pass_frame()

    def close(self) -> None:
        self.speaker.finish()


def listening(played: Played) -> None:
    played.board.press()
    played.until_phase(Phase.LISTENING)
    played.pass_time(0.5)


def processing(played: Played) -> None:
    played.hold(0.5)
    played.until_phase(Phase.PROCESSING)


def muted(played: Played) -> None:
    played.board.mute_on()
    played.until_phase(Phase.MUTED)
    played.pass_time(0.2)  # a position that was not held is not a hand's, and would not unmute


PHASES = {"idle": lambda _: None, "listening": listening, "processing": processing, "muted": muted}


@pytest.mark.parametrize("phase", PHASES)
def test_a_certificate_that_is_revoked_costs_nothing_that_was_said(tmp_path: Path, phase: str) -> None:
    home = settled(SecureHome(tmp_path, devices='approve = "claimed"'))
    config = new_speaker(home, tmp_path)
    devices = Devices(home.config.storage.devices)
    with home.cloud() as cloud:
        ask(config, None)
        with closing(Played(config)) as played:
            device = played.speaker.parts.device
            played.until(lambda: played.speaker.parts.line.up, "connected")
            PHASES[phase](played)
            before = played.speaker.phase
            revocation.throw_out(devices, device, home.files, home.files.listens)
            played.until(lambda: not played.speaker.parts.line.up, "cut off")
            assert before is Phase.PROCESSING or played.speaker.phase is before
            played.board.release()
            played.board.mute_off()
            played.until_phase(Phase.IDLE)
            played.hold(0.5)  # said while it is out: kept, sealed
            played.until_phase(Phase.IDLE)
            waiting = played.speaker.parts.delivery.unacknowledged
        assert waiting >= 1
        revocation.approve(devices, device)
        provision(config, None, lambda _: None, wait_s=PATIENCE_S, again=True)
        with closing(Played(config)) as played:
            played.until(lambda: played.speaker.parts.line.up, "let in again")
            played.until(lambda: not played.speaker.parts.delivery.unacknowledged, "acknowledged")
        assert cloud.settled.wait(PATIENCE_S), "forgotten, which comes after the acknowledgement"
    with closing(Vault(home.config.storage.vault)) as vault:
        kept = [held.state for held in vault.utterances()]
    said = 2 if phase in ("listening", "processing") else 1
    assert kept == ["forgotten"] * said, "each was complete, and is not to be kept"
