"""A new device asks for its certificate, once, under a claim that many devices share. Its keys never leave
it; what leaves is written down in its ledger first.
"""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from ssl import SSLContext
from time import monotonic

import msgspec

from device.aside import open_outbox
from device.certificate import Certificate, tls_context
from device.config import Config
from device.credentials import find_secret
from device.envelope import topics
from device.errors import ConfigError, ProvisionError
from device.hardware_bond import bind
from device.keys import Identity, is_new, load_or_make
from device.ledger import Signer
from device.mute import MuteMemory
from device.orders import Granted, Keys, Orders
from device.outbox import Outbox
from device.serials import Serials
from device.trust import Trust
from device.uplink import Caller, Kind, News, Uplink

ASK_EVERY_S = 5.0
"""How often it asks again while its approval is awaited."""


class _Claim:
    """The claim, as the uplink takes it."""

    def __init__(self, config: Config) -> None:
        if not (config.uplink.ca and config.provision.claim and config.provision.claim_key):
            raise ConfigError(
                "provision.claim, claim_key, uplink.ca: not all given; "
                "take them from the folder that `overheard-cloud broker init` made"
            )
        self._ca = Path(config.uplink.ca)
        self._claim = Path(config.provision.claim)
        self._key = find_secret(Path(config.provision.claim_key))
        self.context()

    def context(self) -> SSLContext:
        return tls_context(self._ca, self._claim, self._key)

    def settle(self) -> None:
        pass


def provision(
    config: Config, serial: str | None, say: Callable[[str], None], *, wait_s: float, again: bool
) -> None:
    """Get the device of these settings, on the board of that serial number, a certificate; `say` tells how
    far it is.

    Returns at once where there is one that is not due, unless `again`. Waits `wait_s` for an approval.

    Raises:
        ProvisionError: refused, not approved in time, or nobody answered.
        DeviceError: settings, keys or storage are not usable.
    """
    state = Path(config.device.state_dir)
    first_run = is_new(state)
    identity = load_or_make(state, config.privacy.reader_suite)
    MuteMemory(state, first_run=first_run)  # from now on a missing one means muted
    claim = _Claim(config)
    certificate = Certificate(state, identity, Path(config.uplink.ca), bind(state, identity.device, serial))
    if not (again or certificate.due(datetime.now(UTC))):
        say(f"{identity.device}: has a certificate; nothing to do")
        return
    trust = Trust(config.cloud.root, state / "keys.note")
    outbox, notice = open_outbox(state / "egress.db", Signer(identity.device, identity.signing))
    if notice:
        say(notice)
    with closing(outbox):
        settings = msgspec.structs.replace(config.uplink, port=config.provision.port)
        caller = Caller(identity.device, "", b"", (topics.KEYS, topics.certificate(identity.device)))
        uplink = Uplink(settings, caller, lambda: outbox.connect(None), claim)
        asking = _Asking(identity, certificate, outbox, uplink, say)
        uplink.start()
        try:
            asking.until_answered(Orders(identity, trust, Serials(state / "serial")), monotonic() + wait_s)
        finally:
            uplink.stop()


class _Asking:
    """Asks, and takes what comes."""

    def __init__(
        self,
        identity: Identity,
        certificate: Certificate,
        outbox: Outbox,
        uplink: Uplink,
        say: Callable[[str], None],
    ) -> None:
        self._device = identity.device
        self._certificate = certificate
        self._outbox = outbox
        self._uplink = uplink
        self._say = say
        self._greeted = False
        self._said = ""

    def until_answered(self, orders: Orders, deadline: float) -> None:
        """Return once there is a certificate. Raises ProvisionError."""
        due = monotonic()
        while (now := monotonic()) < deadline:
            if self._greeted and now >= due:
                due = now + ASK_EVERY_S
                self._ask()
            self._uplink.arrived.wait(min(due, deadline) - now if self._greeted else deadline - now)
            self._uplink.arrived.clear()
            while self._uplink.inbox:
                if self._take(orders, self._uplink.take()):
                    return
        said = self._said.removesuffix("; trying on") or "no answer"
        raise ProvisionError(f"{self._device}: {said}; run this again at any time")

    def _ask(self) -> None:
        topic = topics.request(self._device)
        self._uplink.publish(self._outbox.leave("request", topic, self._certificate.request(), "live"))

    def _take(self, orders: Orders, news: News) -> bool:
        if news.fault is not None:
            raise news.fault
        if news.kind is Kind.FAILED:
            self._tell(f"no connection: {news.why}; trying on")
        if news.kind is Kind.REFUSED:
            self._tell(f"the broker refuses to pass the request on: {news.why}; see its access rules")
        if news.kind is Kind.DOWN:
            self._greeted = False
        if news.kind is not Kind.ARRIVED:
            return False
        order = orders.take(news.topic, news.payload, news.retained)
        if isinstance(order, Keys):
            self._greeted = True
        return isinstance(order, Granted) and self._granted(order)

    def _granted(self, granted: Granted) -> bool:
        if granted.state == "refused":
            raise ProvisionError(
                f"{self._device}: the cloud refuses it; it was revoked, or its keys came from another board"
            )
        if granted.state == "waiting":
            self._tell(f"waits for approval: overheard-cloud devices approve {self._device}")
            return False
        if not self._certificate.take(granted.certificate):
            raise ProvisionError(f"{self._device}: a certificate came that is not for it; check uplink.ca")
        mine = self._certificate.certificate
        until = f" until {mine.not_valid_after_utc:%Y-%m-%d}" if mine is not None else ""
        self._say(f"{self._device}: has a certificate{until}")
        return True

    def _tell(self, what: str) -> None:
        if what != self._said:
            self._said = what
            self._say(what)
