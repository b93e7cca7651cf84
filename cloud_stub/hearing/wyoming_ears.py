"""Better ears than ours, at an address: any server of the Wyoming protocol, as Home Assistant's ears
speak it.

Sound goes there in the clear: to this machine alone, unless `[hearing] may_leave` says otherwise. A server
that is away, slow, wrong or hostile is ears that heard nothing.
"""

import asyncio
import ipaddress
import logging
from urllib.parse import urlparse

from wyoming.asr import Transcribe, Transcript
from wyoming.client import AsyncClient
from wyoming.event import Event

from cloud_stub.errors import ConfigError
from cloud_stub.hearing.artists import plain

_LOG = logging.getLogger(__name__)
FORM = {"rate": 16_000, "width": 2, "channels": 1}
CHUNK_BYTES = 3200
"""0.1 s."""

# Not by wyoming.audio, which imports a module that Python 3.13 no longer has.
LIMIT_S = 15.0
"""From the first byte to the transcript."""

MOST_EVENTS, LONGEST = 100, 1000


class WyomingEars:
    """address: tcp://host:port. may_leave: it may be another machine. limit_s: how long a transcript may
    take.

    Raises ConfigError for an address that is none, or that is elsewhere.
    """

    def __init__(self, address: str, *, may_leave: bool, limit_s: float = LIMIT_S) -> None:
        parts = urlparse(address)
        try:
            whole = parts.scheme == "tcp" and parts.hostname and parts.port
        except ValueError:
            whole = False
        if not whole:
            raise ConfigError(f'[hearing] ears: {address!r}; write "pocketsphinx" or "tcp://127.0.0.1:10300"')
        if not may_leave and not _is_here(parts.hostname or ""):
            raise ConfigError(
                f"[hearing] ears: {address} is another machine, and sound would go there in the clear;"
                " set may_leave = true if you trust it and the way"
            )
        self._address = address
        self._limit_s = limit_s

    def hear(self, pcm: bytes) -> str:
        """The words in one utterance (s16le mono 16 kHz), in plain lower case; "" when there are none, or
        no ears.
        """
        try:
            return plain(asyncio.run(self._ask(pcm))[:LONGEST])
        except (OSError, TimeoutError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
            _LOG.warning("hearing: %s: %s; nothing was heard", self._address, type(error).__name__)
            return ""

    async def _ask(self, pcm: bytes) -> str:
        async with asyncio.timeout(self._limit_s), AsyncClient.from_uri(self._address) as server:
            await server.write_event(Transcribe().event())
            await server.write_event(Event("audio-start", FORM))
            for at in range(0, len(pcm), CHUNK_BYTES):
                await server.write_event(Event("audio-chunk", FORM, pcm[at : at + CHUNK_BYTES]))
            await server.write_event(Event("audio-stop"))
            for _ in range(MOST_EVENTS):
                event = await server.read_event()
                if event is None:
                    raise EOFError
                if Transcript.is_type(event.type):
                    return str(Transcript.from_event(event).text)
        raise ValueError


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
