"""The pages on a real socket, for a real browser."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from cloud_stub.config import load
from cloud_stub.hearing.artists import read_artists
from cloud_stub.web.parts import make_parts
from cloud_stub.web.serve import Pages
from tests.cloud_stub.web.conftest import Town


@contextmanager
def served(town: Town) -> Iterator[str]:
    """The address of the pages of this town."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = f"http://localhost:{port}"
    house = town.house
    parts = make_parts(house.vault, house.wishes, house.review, town.people, town.clock, site, read_artists())
    pages = Pages(parts, msgspec.structs.replace(load(None).web, port=port))
    pages.start()
    try:
        yield site
    finally:
        pages.stop()
