"""Runs inside a unit's box, from its standard library alone: which of the places given can be reached.

python3 units_reach.py tcp:10.77.0.2:8883 udp:192.0.2.53:53 unix:/run/a/socket file:/var/lib/a ...
One line each: `reached`, or why not.
"""

import errno
import os
import socket
import sys


def reach(place: str) -> str:
    """`reached` where something answered, or can be looked into; else why not."""
    how, _, where = place.partition(":")
    try:
        if how == "file":
            os.listdir(where)
        else:
            call(how, where)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "reached"


def call(how: str, where: str) -> None:
    """Connect, and of what knows no connections have an answer. Raises OSError."""
    family = socket.AF_UNIX if how == "unix" else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if how == "udp" else socket.SOCK_STREAM) as calling:
        calling.settimeout(3)
        host, _, port = where.partition(":")
        calling.connect((host, int(port)) if port else where)
        if how == "udp":
            calling.send(b"?")
            calling.recv(16)


for asked in sys.argv[1:]:
    print(asked, reach(asked))
