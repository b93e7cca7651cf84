"""Puts a speaker together from its settings: the one place where parts are made."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from device.capture import Outside, Recorder
from device.config import Config
from device.delivery import Delivery
from device.ear import Ear
from device.errors import ConfigError
from device.hands import Hands
from device.keys import load_or_make
from device.ledger import Signer
from device.line import Line, caller
from device.mute import MuteMemory
from device.orders import Orders
from device.outbox import Outbox
from device.parts import Parts
from device.speaker import Speaker
from device.trust import Trust
from device.turn import Surroundings, Turn
from device.uplink import Uplink
from device.voice import Voice
from device.wakeword import Ears, find, open_ears
from device.witness import Witness
from hardware.board import RATE_HZ, Board


def assemble(
    config: Config,
    board: Board,
    tell: Witness | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    random_bytes: Callable[[int], bytes] = os.urandom,
    *,
    scores: bool = False,
) -> Speaker:
    """Make the firmware that `config` describes, on `board`. Nothing listens or connects before
    `Speaker.run`.

    Raises:
        DeviceError: settings, model, keys or outbox are not usable; the message says which, and what to do.
    """
    if not config.cloud.root:
        raise ConfigError("cloud.root: empty; paste the root key that `overheard-cloud keys` prints")
    state = Path(config.device.state_dir)
    first_run = not (state / "identity.key").exists()
    identity = load_or_make(state, config.privacy.reader_suite)
    memory = MuteMemory(state, first_run=first_run)
    trust = Trust(
        config.cloud.root, state / "keys.note", Path(config.cloud.keys) if config.cloud.keys else None
    )
    ears, stop_word = _ears(config)
    opened = ExitStack()  # until the speaker is whole: what comes after the outbox may refuse its settings
    outbox = Outbox(state / "egress.db", Signer(identity.device, identity.signing))
    opened.callback(outbox.close)
    boot = random_bytes(8).hex()
    speaker: Speaker | None = None

    def now_tell(kind: str, /, **fields: object) -> None:
        if tell is not None and speaker is not None:
            tell(kind, speaker.sample, **fields)

    with opened:
        me = caller(identity.device, boot)
        uplink = Uplink(config.uplink, me, lambda: outbox.connect(me.will))
        delivery = Delivery(
            outbox, uplink, config.uplink.window, round(config.uplink.ask_again_s * RATE_HZ), now_tell
        )
        line = Line((identity.device, boot), outbox, uplink, delivery, Orders(identity, trust), now_tell)
        voice = Voice(board.loudspeaker, config.audio.volume)
        recorder = Recorder(config, identity, boot, outbox, delivery, Outside(now, random_bytes))
        parts = Parts(
            device=identity.device,
            board=board,
            ear=Ear(board),
            ears=ears,
            stop_word=stop_word,
            hands=Hands(board.panel, _ms(config.button.debounce_ms), _ms(config.button.hold_ms)),
            voice=voice,
            memory=memory,
            outbox=outbox,
            delivery=delivery,
            line=line,
            turn=Turn(recorder, trust, Surroundings(outbox, voice, now_tell), now, config.audio.wake_earcon),
            answer_samples=round(config.cloud.answer_s * RATE_HZ),
        )
        speaker = Speaker(parts, now_tell, scores=scores)
        opened.pop_all()
    return speaker


def _ms(milliseconds: int) -> int:
    return milliseconds * RATE_HZ // 1000


def _ears(config: Config) -> tuple[Ears, str | None]:
    """Return the ears for every configured word, and the name of the one among them that stops."""
    settings = config.wakeword
    if not settings.words:
        raise ConfigError("wakeword.words: empty; name at least one word")
    stop = find(settings.stop).word if settings.stop else None
    if stop in {find(word).word for word in settings.words}:
        raise ConfigError(f"wakeword.stop: {stop} is a wake word too; choose another word")
    ears = open_ears(
        settings.words,
        settings.sensitivity,
        stop=settings.stop,
        second_ear=settings.second_ear,
        heads=settings.heads,
        refractory_samples=round(settings.refractory_s * RATE_HZ),
    )
    return ears, stop
