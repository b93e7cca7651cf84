"""Puts a speaker together from its settings: the one place where parts are made."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from device.aside import open_outbox
from device.bounds import Bounds
from device.capture import Outside, Recorder
from device.certificate import Certificate
from device.config import Config
from device.cover import Cover, Shape
from device.delivery import Delivery
from device.ear import Ear
from device.envelope import Trigger
from device.errors import ConfigError, KeyFileError, SandboxError
from device.hands import Hands
from device.hardware_bond import bind
from device.home_assistant import HomeAssistant
from device.keys import Identity, is_new, load_or_make
from device.ledger import Signer
from device.lighting import Lighting
from device.line import Line, caller
from device.mute import MuteMemory
from device.orders import Orders
from device.parts import Parts
from device.protections import Protections, look
from device.renewal import Renewal
from device.reseal import DataKeys, Resealer
from device.serials import Serials
from device.service import Service
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
    protections = _protections(config)
    state = Path(config.device.state_dir)
    first_run = is_new(state)
    identity = load_or_make(state, config.privacy.reader_suite)
    hardware = bind(state, identity.device, board.serial)
    certificate = _certificate(config, identity, hardware)
    memory = MuteMemory(state, first_run=first_run)
    trust = Trust(
        config.cloud.root, state / "keys.note", Path(config.cloud.keys) if config.cloud.keys else None
    )
    ears, stop_word = configured_ears(config)
    opened = ExitStack()  # until the speaker is whole: what comes after the outbox may refuse its settings
    outbox, notice = open_outbox(state / "egress.db", Signer(identity.device, identity.signing))
    opened.callback(outbox.close)
    boot = random_bytes(8).hex()
    speaker: Speaker | None = None

    def now_tell(kind: str, /, **fields: object) -> None:
        if tell is not None and speaker is not None:
            tell(kind, speaker.sample, **fields)

    with opened:
        me = caller(identity.device, boot)
        uplink = Uplink(config.uplink, me, lambda: outbox.connect(me.will), certificate)
        ask_again_samples = round(config.uplink.ask_again_s * RATE_HZ)
        kept = config.outbox
        bounds = Bounds(kept.max_bytes, kept.max_utterances, kept.max_age_s)
        delivery = Delivery(outbox, uplink, config.uplink.window, ask_again_samples, now_tell, bounds)
        orders = Orders(identity, trust, Serials(state / "serial"))
        line = Line((identity.device, boot), outbox, uplink, delivery, orders, now_tell)
        voice = Voice(board.loudspeaker, config.audio.volume)
        data_keys = DataKeys()
        outside = Outside(now, random_bytes, data_keys.keep)
        after_s = kept.reseal_after_s
        outbox.gone = data_keys.wipe
        delivery.reseal = Resealer(outbox, data_keys, identity.signing, trust, outside, after_s)
        recorder = Recorder(config, identity, boot, outbox, delivery, outside)
        around = Surroundings(outbox, voice, board.panel, now_tell)
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
            home=HomeAssistant(
                config.home_assistant, (identity.device, boot), state, tell_phase=not _hides_speech(config)
            ),
            renewal=Renewal(identity.device, certificate, now),
            turn=Turn(recorder, trust, around, now, config.audio.wake_earcon),
            cover=Cover(config.privacy.cover_per_day, _shape(config), _first_word(config), random_bytes),
            answer_samples=round(config.cloud.answer_s * RATE_HZ),
            lighting=Lighting(config.lights, board.panel, now, now_tell),
            service=Service.of(os.environ),
            protections=protections,
        )
        speaker = Speaker(parts, now_tell, scores=scores)
        opened.pop_all()
    if notice is not None:
        now_tell("damaged", what=notice)
    return speaker


def _protections(config: Config) -> Protections | None:
    """What stands around this process, on a real board or where the owner requires all of it."""
    required = config.device.require_sandbox
    if config.board.name == "sim" and not required:
        return None
    found = look()
    if required and found.missing:
        raise SandboxError(
            f"device.require_sandbox: not in force: {', '.join(found.missing)}; "
            "start it by systemd/overheard-device.service, see docs/units.md"
        )
    return found


def _hides_speech(config: Config) -> bool:
    """Say whether the network is not to see how long somebody spoke, or whether anybody did."""
    return config.privacy.pad_s > 0 or config.privacy.cover_per_day > 0


def _certificate(config: Config, identity: Identity, hardware: str | None) -> Certificate | None:
    """Return the device's certificate, where the line is to be TLS."""
    if not config.uplink.ca:
        return None
    state = Path(config.device.state_dir)
    certificate = Certificate(state, identity, Path(config.uplink.ca), hardware)
    if certificate.certificate is None:
        raise KeyFileError(f"{state}/tls.pem: no certificate yet; run `overheard-device provision`")
    return certificate


def _shape(config: Config) -> Shape:
    """What utterances look like, for the cover among them."""
    privacy = config.privacy
    return Shape(privacy.pad_s, _ms(config.audio.segment_ms), privacy.save + privacy.review)


def _first_word(config: Config) -> Trigger:
    """What cover takes after until something triggers."""
    first = find(config.wakeword.words[0])
    return Trigger("wake_word", first.word[:64], 0.9961, first.sha256)


def _ms(milliseconds: int) -> int:
    return milliseconds * RATE_HZ // 1000


def configured_ears(config: Config) -> tuple[Ears, str | None]:
    """Return the ears for every configured word, and the name of the one among them that stops.

    Raises:
        DeviceError: a word, a model or a head is not usable.
    """
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
