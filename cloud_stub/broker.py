"""The broker: mosquitto as a child process, or amqtt in a thread where mosquitto is not installed.

The embedded one listens on loopback alone, and for that reason alone lets everybody in; it never keeps a
message on disk. Any other is started with the configuration that `broker init` wrote.
"""

import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from cloud_stub.broker_files import listener
from cloud_stub.errors import BrokerError
from cloud_stub.loopback import HOST, START_S, accepts, free_port, require_free

# No `user` line: root drops to mosquitto (or nobody) after reading this, others stay who they are (2.0.11).
MOSQUITTO = """\
listener {port} {host}
allow_anonymous true
persistence false
set_tcp_nodelay true
sys_interval 0
max_inflight_messages 100
max_queued_messages 20000
message_size_limit 4194304
connection_messages false
log_dest stderr
log_type error
log_type warning
"""

# The shell becomes the broker; what it leaves behind reads a pipe that only the starting process writes to,
# and kills the broker when that process is gone without a word, be it by SIGKILL. (Linux's own signal
# for a parent's death is lost when root drops its privileges.)
OUTLIVED_BY_NOBODY = """\
exec 3<&0 </dev/null
{ read -r word <&3 || kill -9 $$; } &
exec 3<&- "$0" "$@"
"""


class Broker(Protocol):
    """A broker on 127.0.0.1 that can be stopped, killed, and started again on the same port."""

    kind: str
    port: int

    def start(self) -> None:
        """Return when it accepts connections. Raises BrokerError when it does not, saying why."""

    def stop(self) -> None:
        """End it in an orderly way; sessions and retained messages are forgotten. Twice is harmless."""

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL for a child, dropped connections for a thread."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Mosquitto:
    """mosquitto as a child process that ends with its parent, however that ends. Speaks MQTT 5 and 3.1.1.

    directory: for its configuration and its log. own: the configuration is there already, as `broker init`
    wrote it.
    """

    kind = "mosquitto"

    def __init__(self, program: str, port: int, directory: Path, *, own: bool = False) -> None:
        self.port = port
        self._program = program
        self._own = own
        self._settings = directory / ("mosquitto.conf" if own else "embedded.conf")
        self._log = directory / "mosquitto.log"
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the child and wait until it accepts a connection."""
        require_free(self.port)
        try:
            self._child = self._spawn()
        except OSError as error:
            where = error.filename or self._program
            raise BrokerError(f"{where}: {error.strerror}; name a directory that can be written") from error
        for _ in range(round(START_S / 0.02)):
            if self._ended(0.02):
                raise BrokerError(f"{self._program}: {self._last_words()}; see {self._settings}")
            if accepts(self.port):
                return
        self.kill()
        raise BrokerError(f"{self._program}: no connection within {START_S:.0f} s; see {self._log}")

    def stop(self) -> None:
        """Terminate the child; kill it if it will not go."""
        self._signal(signal.SIGTERM)
        if not self._ended(START_S):
            self.kill()

    def kill(self) -> None:
        """SIGKILL the child."""
        self._signal(signal.SIGKILL)
        self._ended(START_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(self) -> subprocess.Popen[bytes]:
        if not self._own:
            self._settings.parent.mkdir(parents=True, exist_ok=True)
            self._settings.write_text(MOSQUITTO.format(port=self.port, host=HOST), encoding="utf-8")
        with self._log.open("wb") as log:
            command = ["/bin/sh", "-c", OUTLIVED_BY_NOBODY, self._program, "-c", str(self._settings)]
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            self._child.send_signal(number)

    def _ended(self, within_s: float) -> bool:
        if self._child is None:
            return True
        try:
            self._child.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        _dismiss_watcher(self._child)
        self._child = None
        return True

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = [line.partition(": ")[2] for line in lines]
        errors = [line for line in said if line.startswith("Error")]
        return (errors or said or ["it ended without a word"])[-1]


def _dismiss_watcher(child: subprocess.Popen[bytes]) -> None:
    """Say the word, so that it kills nobody: the number of a child that has ended may be another's by now."""
    assert child.stdin is not None  # noqa: S101 (for the type checker: it is a pipe)
    with suppress(BrokenPipeError), child.stdin as pipe:
        pipe.write(b"over\n")


def open_broker(kind: Literal["auto", "mosquitto", "amqtt"], port: int, directory: Path) -> Broker:
    """Make a broker, not yet started; `with` starts and stops it.

    Args:
        kind: "auto" takes mosquitto where it is installed, else amqtt.
        port: on 127.0.0.1; 0 chooses a free one.
        directory: for mosquitto's configuration and log; made when it starts.

    Raises:
        BrokerError: the broker named is not installed.
    """
    program = find_mosquitto() if kind != "amqtt" else None
    if kind == "mosquitto" and program is None:
        raise BrokerError("mosquitto: not installed; install it, or set [broker] kind to amqtt")
    port = port or free_port()
    if program is not None:
        return Mosquitto(program, port, directory)
    from cloud_stub.embedded import Amqtt

    return Amqtt(port)


def open_own_broker(port: int, directory: Path) -> Mosquitto:
    """The broker whose files `broker init` wrote into `directory`, not yet started; `port` is its first
    listener's.

    Raises:
        BrokerError: mosquitto is not installed.
        KeyFileError: there are no such files.
    """
    own = listener(directory)[1]
    if own != port:
        raise BrokerError(f"{directory}/mosquitto.conf: listens on {own}; set [broker] port = {own}")
    program = find_mosquitto()
    if program is None:
        raise BrokerError("mosquitto: not installed; install it (apt install mosquitto)")
    return Mosquitto(program, port, directory, own=True)


def find_mosquitto() -> str | None:
    """Where mosquitto is, or None. Debian keeps it in /usr/sbin, which is on few people's path."""
    return shutil.which("mosquitto") or shutil.which(
        "mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
    )
