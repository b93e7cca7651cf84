"""A signal ends a process wherever it is, even in a wait for the event that says so."""

import signal
import subprocess
import sys

import pytest

CAUGHT_WAITING = """
import signal, threading
from cloud_stub import ending
over = threading.Event()
ending.at_signals(over.set)
with over._cond:  # as within over.wait(), or over.is_set() of another thread
    signal.raise_signal(signal.SIGTERM)
assert over.wait(60)
print("ended", flush=True)
"""

WAITS = """
import threading
from cloud_stub import ending
over = threading.Event()
ending.{how}(over.set)
print("waits", flush=True)
assert over.wait(60)
print("ended", flush=True)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_signal_in_the_middle_of_a_wait_ends_it() -> None:
    """Set in the handler, the event would wait for its own lock."""
    done = subprocess.run(python(CAUGHT_WAITING), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_both_signals_end_it_and_a_second_one_is_no_fault(number: signal.Signals) -> None:
    with subprocess.Popen(python(WAITS.format(how="at_signals")), stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "waits\n"
        child.send_signal(number)
        child.send_signal(number)
        assert child.stdout.readline() == "ended\n"
    assert child.returncode == 0


def test_the_end_of_a_parent_is_the_end_of_its_pipe() -> None:
    waits = python(WAITS.format(how="with_parent"))
    with subprocess.Popen(waits, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "waits\n"
        child.stdin.close()
        assert child.stdout.readline() == "ended\n"
    assert child.returncode == 0
