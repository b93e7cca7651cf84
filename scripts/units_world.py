"""The world outside of the machine of scripts/prove_units: its addresses answer, on these ports."""

import asyncio
from typing import cast

PORTS = (22, 53, 80, 443, 1883, 8080)
NAMES = ("8.8.8.8", 53)


class Echo(asyncio.DatagramProtocol):
    """Says back what it is told."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the line."""
        self.line = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Say it back."""
        self.line.sendto(data, address)


async def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take a connection, and let it go."""
    writer.close()


async def serve() -> None:
    """Listen until it is stopped."""
    for port in PORTS:
        await asyncio.start_server(take, "0.0.0.0", port)
    await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=NAMES)
    await asyncio.Event().wait()


asyncio.run(serve())
