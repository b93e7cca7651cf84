"""A device alone with one cable: what it sends is captured, counted, decrypted; it reaches nobody else."""

import gc
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from device.speaker import Speaker
from lab.__main__ import app
from lab.audit.capture.survey import Survey, read
from lab.audit.checks import CHECKS
from lab.audit.evidence import Evidence, Given
from lab.audit.line import wire
from lab.audit.run import audit
from lab.audit.verdicts import judge
from lab.enclosure.command import run
from lab.enclosure.enclosure import CAPTURE, KEYS, LINK, Enclosure
from lab.enclosure.errors import EnclosureError
from lab.enclosure.namespace import Namespace, in_thread
from lab.enclosure.pcapng_file import PcapngFile
from lab.enclosure.privilege import missing
from lab.errors import RunError
from lab.scenario import read as read_scenario
from lab.simulate import Around, simulate
from tests.lab.packets import block

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "lab" / "scenarios"
WHY = missing()

pytestmark = pytest.mark.skipif(WHY is not None, reason=WHY or "")


def link(directory: Path) -> tuple[list[int], int]:
    said = json.loads((directory / LINK).read_text())
    kernel = said["kernel"]
    names = ("sent_packets", "sent_bytes", "received_packets", "received_bytes")
    return [kernel[name] for name in names], said["dropped"]


def counted(found: Survey) -> list[int]:
    """As the kernel counts: of the device's frames, and of those to it."""
    sent = [[0, 0], [0, 0]]
    for flow, counts in found.flows.items():
        for way in (0, 1):
            from_device = (flow.first if way == 0 else flow.second).address == "10.77.0.2"
            sent[not from_device][0] += counts.packets[way]
            sent[not from_device][1] += counts.bytes[way]
    return [*sent[0], *sent[1]]


def played(name: str, tmp_path: Path, *, corrupt: object = None) -> Path:
    around = Around(captured=True, corrupt=corrupt)
    return simulate(read_scenario(SCENARIOS / f"{name}.toml"), tmp_path / "run", around=around).directory


@pytest.mark.parametrize("name", ["press", "outage_midway"])
def test_the_capture_has_what_the_kernel_counted_and_nothing_else(name: str, tmp_path: Path) -> None:
    run = played(name, tmp_path)
    found = read(run / CAPTURE)
    assert (counted(found), 0) == link(run)
    assert found.faults == []
    assert {str(flow.second) for flow in found.flows} == {"10.77.0.1:8883"}
    assert (run / KEYS).read_text().startswith(("CLIENT_", "SERVER_", "#"))
    verdicts = {verdict.promise: verdict for verdict in audit(Given(run))}
    assert verdicts[5].state == "kept"
    assert [found for verdict in verdicts.values() for found in verdict.findings] == []


def test_keys_may_lie_in_the_capture_itself(tmp_path: Path) -> None:
    run = played("press", tmp_path)
    keys = (run / KEYS).read_bytes()
    with (run / CAPTURE).open("ab") as file:
        file.write(block(10, struct.pack("<II", 0x544C534B, len(keys)) + keys))
    (run / KEYS).unlink()
    evidence = Evidence(Given(run))
    assert evidence.once(wire.read).log is not None
    assert {verdict.promise: verdict.state for verdict in judge(evidence, CHECKS)}[5] == "kept"


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark, the referee here, is not there")
def test_another_program_decrypts_it(tmp_path: Path) -> None:
    run = played("press", tmp_path)
    words = ["tshark", "-r", str(run / CAPTURE), "-o", f"tls.keylog_file:{run / KEYS}"]
    words += ["-d", "tcp.port==8883,tls", "-Y", "mqtt.msgtype==3 && ip.src==10.77.0.2"]
    words += ["-T", "fields", "-E", "aggregator=,", "-e", "mqtt.topic"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    topics = said.replace(",", "\n").split()
    rows = [json.loads(line) for line in (run / "ledger.jsonl").read_text().splitlines()]
    assert topics == [row["topic"] for row in rows if "topic" in row and row["kind"] != "connect"]


def test_a_datagram_beside_the_line_is_captured_counted_and_found(tmp_path: Path) -> None:
    def leak(_speaker: Speaker) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b"\0\1\1\0\0\1\0\0\0\0\0\0\x04room\x07example\0\0\1\0\1", ("10.77.0.1", 53))

    run = played("press", tmp_path, corrupt=leak)
    found = read(run / CAPTURE)
    assert "DNS query A room.example" in {word for counts in found.flows.values() for word in counts.words}
    assert (counted(found), 0) == link(run)
    broken = {verdict.promise: verdict for verdict in audit(Given(run))}[5]
    assert (broken.state, "DNS query A room.example" in str(broken.findings)) == ("broken", True)


def test_from_inside_there_is_the_broker_and_nobody_else(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as here:
        enclosure = Enclosure(tmp_path, here.getsockname()[1], "x25519")
        enclosure.open()

        def reach(address: tuple[str, int]) -> None:
            with enclosure.entered(), socket.create_connection(address, 5):
                pass

        in_thread(lambda: reach(("10.77.0.1", 8883)))
        for address in (here.getsockname(), ("192.0.2.1", 443), ("10.77.0.1", 22)):
            with pytest.raises(OSError, match=r"refused|unreachable"):
                in_thread(lambda address=address: reach(address))
        enclosure.shut()
        with pytest.raises(OSError, match="refused"):
            in_thread(lambda: reach(("10.77.0.1", 8883)))
        enclosure.close()
    with socket.create_server(("127.0.0.1", 0)) as again:  # this thread is where it was
        socket.create_connection(again.getsockname()).close()


@pytest.mark.parametrize("greeting", [b"", b"\x16\x03\x01"], ids=["nothing", "a part of a greeting"])
def test_who_called_and_did_not_greet_is_hung_up_on(greeting: bytes, tmp_path: Path) -> None:
    enclosure = Enclosure(tmp_path, 1, "x25519")
    enclosure.open()

    def call() -> socket.socket:
        with enclosure.entered():
            return socket.create_connection(("10.77.0.1", 8883), 5)

    caller = in_thread(call)
    caller.sendall(greeting)
    enclosure.close()
    gc.collect()  # what was left open would be found now
    caller.close()


def test_what_a_thread_does_inside_comes_out_as_it_is() -> None:
    namespace = Namespace()
    with pytest.raises(ZeroDivisionError):
        namespace.run(lambda: 1 / 0)
    assert namespace.run(socket.if_nameindex) == [(1, "lo")]
    namespace.close()


# -- the command -------------------------------------------------------------------------------------

CALL = """
import socket, sys
assert open(sys.argv[1]).read().count('host = "10.77.0.1"') == 1
socket.create_connection(("10.77.0.1", 8883)).close()
socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("10.77.0.1", 9))
"""


def test_any_program_is_captured_and_judged(tmp_path: Path) -> None:
    words = [sys.executable, "-c", CALL, "{config}"]
    assert run(tmp_path / "out", words, None, Console(quiet=True)) == 3  # it keeps no ledger
    found = read(tmp_path / "out" / CAPTURE)
    assert (counted(found), 0) == link(tmp_path / "out")
    assert {"tcp 10.77.0.1:8883", "udp 10.77.0.1:9"} <= {
        f"{flow.protocol} {flow.second}" for flow in found.flows
    }
    assert run(tmp_path / "out", ["true"], None, Console(quiet=True)) == 3  # said nothing, showed nothing
    assert read(tmp_path / "out" / CAPTURE).packets == 0


def test_one_that_does_not_end_is_ended(tmp_path: Path) -> None:
    assert run(tmp_path / "out", ["sleep", "1000"], 0.0, Console(quiet=True)) == 3


def test_what_cannot_be_started_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EnclosureError, match="no-such-firmware: No such file"):
        run(tmp_path / "out", ["no-such-firmware"], None, Console(quiet=True))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    with pytest.raises(RunError, match="not empty"):
        run(tmp_path / "mine", ["true"], None, Console(quiet=True))
    assert "{config}" in CliRunner().invoke(app, ["capture", "--help"], env={"COLUMNS": "200"}).output


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="no rights to take")
def test_who_may_not_is_told_in_one_line(tmp_path: Path) -> None:
    less = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    less += [sys.executable, "-m", "lab", "capture", "--out"]
    done = subprocess.run(
        [*less, str(tmp_path / "out")], capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "OVERHEARD_LAB_ENCLOSED": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "run it as root, or where user namespaces are allowed" in done.stderr


def test_the_file_is_what_another_reader_takes_for_a_pcapng(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    file = PcapngFile(path, "net")
    file.write(bytes(61), 1_700_000_000_123_456_789, outbound=True, length=61)
    file.write(bytes(60), 1_700_000_000_123_456_790, outbound=False, length=1500)
    file.close(2, 0, 1_700_000_000_123_456_790)
    found = read(path)
    assert (found.packets, found.bytes, found.faults) == (2, 1561, [])
    assert next(iter(found.flows.values())).at_last.time_ns == 1_700_000_000_123_456_790
