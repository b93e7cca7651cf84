"""The world outside of the machine of scripts/prove_units: its addresses answer, on these ports.

python3 units_world.py NAMES PORT ...     the address at which datagrams are answered, too, on port 53
"""

import asyncio
import sys
from typing import cast


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
    names, *ports = sys.argv[1:]
    for port in ports:
        await asyncio.start_server(take, "0.0.0.0", int(port))
    await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=(names, 53))
    await asyncio.Event().wait()


asyncio.run(serve())
