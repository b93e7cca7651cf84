"""Runs inside a unit's box, from its standard library alone: which of the places given can be reached.

python3 units_reach.py tcp:10.77.0.2:8883 udp:8.8.8.8:53 ...     one line each: `reached`, or why not
"""

import errno
import socket
import sys


def reach(place: str) -> str:
    """`reached` where something answered; else why not."""
    how, host, port = place.split(":")
    kind = socket.SOCK_STREAM if how == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as calling:
        calling.settimeout(3)
        try:
            calling.connect((host, int(port)))
            if how == "udp":
                calling.send(b"?")
                calling.recv(16)
        except OSError as error:
            return errno.errorcode.get(error.errno or 0, str(error))
    return "reached"


for asked in sys.argv[1:]:
    print(asked, reach(asked))
