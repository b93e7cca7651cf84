"""The firmware in a process that writes down every socket, name, file and program that Python opens in it.

    python -B -m tests.audited_firmware LOG COMMAND DEVICE_TOML [PORT_OF_A_STRANGER]

With a fourth argument it also calls somebody it has no business with, so that the check can be seen to fail.
What libraries open by themselves in C is not seen here.
"""

import json
import os
import socket
import sys
from typing import Any, TextIO

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def watch(log: TextIO) -> None:
    """Write down what happens from now on."""
    own: list[socket.socket] = []  # bound here: the pair of sockets through which a client wakes itself

    def say(what: str, detail: object) -> None:
        log.write(json.dumps([what, detail]) + "\n")
        log.flush()

    def hook(event: str, given: tuple[Any, ...]) -> None:
        match event:
            case "socket.bind":
                own.append(given[0])
                say("bind", list(given[1]))
            case "socket.connect":
                ours = any(each.fileno() >= 0 and each.getsockname() == given[1] for each in own)
                say("pair" if ours else "connect", list(given[1]))
            case "socket.getaddrinfo":
                say("name", given[0])
            case (
                "socket.sendto" | "socket.sendmsg" | "subprocess.Popen" | "os.exec" | "os.system" | "os.fork"
            ):
                say(event, str(given))
            case "sqlite3.connect" | "open" | "os.rename" if _writes(event, given):
                say("write", str(given[1 if event == "os.rename" else 0]))

    sys.addaudithook(hook)


def _writes(event: str, given: tuple[Any, ...]) -> bool:
    """Whether a file may be changed: SQLite's is taken for it, as is a new name. A number is an open file."""
    if event != "open":
        return True
    return not isinstance(given[0], int) and isinstance(given[2], int) and bool(given[2] & WRITES)


def main() -> None:
    with open(sys.argv[1], "a", encoding="utf-8") as log:
        watch(log)
        for port in sys.argv[4:]:
            socket.create_connection(("127.0.0.1", int(port))).close()
        from device.__main__ import main as firmware

        sys.argv = ["overheard-device", sys.argv[2], "--config", sys.argv[3]]
        firmware()


if __name__ == "__main__":
    main()
