"""A device that is revoked is out: refused by the broker at once, and cut off if it is connected.

The broker reads its list of revoked certificates at SIGHUP, some time after, and looks at it only when
somebody connects. So a certificate that is made for this alone, and revoked with the others, knocks until it
is refused; then the standing connection is ended by MQTT's own rule: whoever connects under a client id takes
it over.
"""

import os
import signal
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cloud_stub.authority import keep_key, read_certificate
from cloud_stub.broker_files import BrokerFiles
from cloud_stub.devices import Devices
from cloud_stub.errors import BrokerError, NoDevice
from cloud_stub.private_files import write_public

ANSWER_S = 5.0
"""How long the broker may take to answer, or to read its list."""

KNOCKS = 50


def approve(devices: Devices, device: str) -> None:
    """Let a device have a certificate when it asks next. Raises NoDevice, StorageError."""
    with devices.changing():
        devices.put(msgspec.structs.replace(devices.get(device), state="approved", other_board=None))


def forget(devices: Devices, device: str) -> None:
    """Take a device that waits off the list. Raises NoDevice for any other, StorageError."""
    with devices.changing():
        if devices.get(device).state != "waiting":
            raise NoDevice(f"{device}: does not wait; what is approved or revoked stays on the list")
        devices.remove(device)


def listed(devices: Devices, now: datetime) -> list[int]:
    """The serials of all revoked certificates that would still be good."""
    living = (each for d in devices.all() for each in d.certificates if each.not_after > now)
    return [int(each.serial) for each in living if each.revoked]


def revoke(devices: Devices, device: str, files: BrokerFiles, also: int | None = None) -> None:
    """Remember that a device is out, and list its certificates for the broker (and the serial `also`).

    Raises NoDevice, StorageError, KeyFileError.
    """
    with devices.changing():
        known = devices.get(device)
        gone = tuple(msgspec.structs.replace(each, revoked=True) for each in known.certificates)
        devices.put(msgspec.structs.replace(known, state="revoked", certificates=gone))
        files.revoke([*listed(devices, files.now), *([] if also is None else [also])])


def throw_out(devices: Devices, device: str, files: BrokerFiles, address: tuple[str, int]) -> None:
    """Revoke a device, have the broker at `address` know it, and end the device's connection.

    Raises:
        BrokerError: it is revoked, but no broker runs here, or it could not be reached.
        NoDevice, StorageError, KeyFileError: nothing was done.
    """
    devices.get(device)
    with _pass(files, device) as (knocking, serial), _pass(files, device) as (taking, _):
        revoke(devices, device, files, also=serial)
        if not reload(files):
            gone = files.directory / "revoked.pem"
            raise BrokerError(f"{device}: revoked, but no broker runs here; take {gone} to it, send SIGHUP")
        try:
            refused = any(not _let_in(device, address, knocking) for _ in range(KNOCKS))
            _let_in(device, address, taking)
        except BrokerError as error:
            raise BrokerError(f"{device}: revoked, but perhaps still connected: {error}") from error
        if not refused:
            raise BrokerError(f"{device}: revoked, but the broker does not read its list; start it again")


def reload(files: BrokerFiles) -> bool:
    """Have the broker read its list again, soon; say whether one runs here that could be told."""
    try:
        pid = int((files.directory / "mosquitto.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if str(files.configuration.resolve()).encode() not in command:
            return False  # the number of a broker that was killed is somebody else's by now
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError):
        return False
    return True


@contextmanager
def _pass(files: BrokerFiles, device: str) -> Iterator[tuple[ssl.SSLContext, int]]:
    """A certificate of an hour in the name of a device, and its serial; its key is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=files.keys) as scratch:
        key, certificate = Path(scratch) / "pass.key", Path(scratch) / "pass.crt"
        until = files.now + timedelta(hours=1)
        write_public(certificate, files.authority.issue_client(keep_key(key), device, until, files.now))
        context = ssl.create_default_context(cafile=files.authority.path)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(certificate, key)
        yield context, read_certificate(certificate).serial_number


def _let_in(device: str, address: tuple[str, int], context: ssl.SSLContext) -> bool:
    """Connect once as `device`, which ends its connection if it has one; say whether the broker let it in."""
    over = threading.Event()
    connected = threading.Event()
    client = paho.Client(
        CallbackAPIVersion.VERSION2, device, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
    )

    def on_connect(*_: object) -> None:
        connected.set()
        over.set()

    client.on_connect = on_connect
    client.on_disconnect = lambda *_: over.set()
    client.tls_set_context(context)
    try:
        client.connect(*address, clean_start=True)
    except OSError as error:
        raise BrokerError(f"{address[0]}:{address[1]}: {error}; is the broker running?") from error
    client.loop_start()
    try:
        if not over.wait(ANSWER_S):
            raise BrokerError(f"{address[0]}:{address[1]}: no answer; is it the broker of `broker init`?")
    finally:
        client.disconnect()
        client.loop_stop()
    return connected.is_set()
