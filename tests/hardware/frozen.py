"""A process that no signal ends, as one that a sound driver holds fast: it is frozen by the kernel's first
freezer, where this machine has one and lets us.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.secure_home import until

_FREEZER = Path("/sys/fs/cgroup/freezer")

needs_freezer = pytest.mark.skipif(
    not os.access(_FREEZER, os.W_OK), reason="no freezer here that holds a process against SIGKILL"
)


@contextmanager
def frozen(process: int) -> Iterator[None]:
    """Hold `process` fast, all its threads; let go at the end."""
    group = _FREEZER / f"overheard-test-{process}"
    group.mkdir()
    try:
        (group / "cgroup.procs").write_text(str(process))
        (group / "freezer.state").write_text("FROZEN")
        until(lambda: (group / "freezer.state").read_text() == "FROZEN\n", "it does not freeze")
        yield
    finally:
        (group / "freezer.state").write_text("THAWED")
        until(lambda: not (group / "cgroup.procs").read_text(), "it lives on")
        group.rmdir()
