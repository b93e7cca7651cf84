"""A device asks for a certificate and is answered: its first under a claim, the next ones because it holds
its identity key. It approves nobody by itself unless the settings say that a claim is enough.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cloud_stub.acks import Outgoing
from cloud_stub.authority import Authority
from cloud_stub.config import DevicesSection
from cloud_stub.devices import Device, Devices, Issued, State
from device.envelope import EnvelopeError, downlink, topics
from device.envelope.request import Request, open_request

LIVING = 10
"""Certificates of one device that may be good at once: a key that was made anew needs a new one."""


LOOK_AGAIN = timedelta(seconds=10)
"""A list of waiting devices that was full is not counted again for so long."""


class Enrolment:
    """Answers requests; `authority` signs certificates, `signer` the messages that carry them.

    `refused` counts what was not answered: `not_in_order`, `other_device`, `too_many`.
    """

    def __init__(
        self, devices: Devices, authority: Authority, signer: Ed25519PrivateKey, settings: DevicesSection
    ) -> None:
        self._devices = devices
        self._authority = authority
        self._signer = signer
        self._settings = settings
        self._full_until = datetime.min.replace(tzinfo=UTC)
        self.refused: Counter[str] = Counter()

    def take(self, sender: str, payload: bytes, now: datetime) -> list[Outgoing]:
        """Take a request that came on the topic of `sender`; return the answer, if it deserves one.

        Raises StorageError when what is decided cannot be remembered.
        """
        try:
            request, key = open_request(payload)
        except EnvelopeError:
            self.refused["not_in_order"] += 1
            return []
        if request.device != sender:
            self.refused["other_device"] += 1
            return []
        with self._devices.changing():
            return self._answer(request, key, now)

    def _answer(self, request: Request, key: Ed25519PublicKey, now: datetime) -> list[Outgoing]:
        known = self._devices.find(request.device)
        if known is None:
            known = self._first(request, now)
            if known is None:
                self.refused["too_many"] += 1
                return []
            self._devices.put(known)
        elif known.hardware != request.hardware:
            self._note(known, known.other_board, now, other_board=now)
            return [self._say(request.device, "refused")]
        if known.state != "approved":
            self._note(known, known.last_asked, now, last_asked=now)
            return [self._say(request.device, "waiting" if known.state == "waiting" else "refused")]
        return [self._issue(known, key, now)]

    def _first(self, request: Request, now: datetime) -> Device | None:
        claimed = self._settings.approve == "claimed"
        if not claimed and self._is_full(now):
            return None
        state: State = "approved" if claimed else "waiting"
        return Device(request.device, state, request.hardware, now, now)

    def _is_full(self, now: datetime) -> bool:
        """Whether enough devices wait; who fills the list is not to keep the cloud busy counting, too."""
        if now < self._full_until:
            return True
        most = self._settings.waiting
        full = (
            self._devices.count() >= most and sum(d.state == "waiting" for d in self._devices.all()) >= most
        )
        if full:
            self._full_until = now + LOOK_AGAIN
        return full

    def _note(self, known: Device, before: datetime | None, now: datetime, **when: datetime) -> None:
        """Remember when a device asked, to the minute: asking is cheap, and a write to the disk is not."""
        if before is None or abs(now - before) >= timedelta(minutes=1):
            self._devices.put(msgspec.structs.replace(known, **when))

    def _issue(self, known: Device, key: Ed25519PublicKey, now: datetime) -> Outgoing:
        """The certificate for `key`: the same one again if it was issued before, as requests come twice."""
        name = key.public_bytes_raw().hex()
        living = tuple(each for each in known.certificates if each.not_after > now)
        fit = next((each for each in living if each.key == name and not each.revoked), None)
        if fit is None:
            if sum(not each.revoked for each in living) >= LIVING:
                return self._say(known.device, "refused")
            not_after = now + timedelta(seconds=self._settings.certificate_s)
            pem = self._authority.issue_client(key, known.device, not_after, now)
            serial = x509.load_pem_x509_certificate(pem).serial_number
            fit = Issued(str(serial), name, not_after, pem.decode("ascii"))
            living += (fit,)
        self._devices.put(msgspec.structs.replace(known, last_asked=now, certificates=living))
        return self._say(known.device, "issued", fit.pem)

    def _say(self, device: str, state: str, certificate: str = "") -> Outgoing:
        body = {"v": 1, "device": device, "state": state, "certificate": certificate}
        return Outgoing(topics.certificate(device), downlink.sign("certificate", body, self._signer))
