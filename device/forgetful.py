"""What this process and its children free is overwritten at once, so that no frame outlives its use.

A frame that nobody holds lies in freed memory until that is used again. In a loop that is the next frame; but
what a backlog or a rejected wake frees may lie there for as long as the process lives. `overheard-lab canary`
found such frames, and finds none since. glibc overwrites what is freed if it is told before a process begins,
but for blocks in its caches of threads, which are therefore off. Blocks of up to 512 bytes are Python's own.
"""

import os
import sys

VARIABLE = "GLIBC_TUNABLES"
TUNABLES = "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0"


def begin_anew() -> None:
    """Begin this process anew with that told, unless it was told. Another C library takes no notice.

    To be called before there is any thread. Raises OSError.
    """
    if TUNABLES in (told := os.environ.get(VARIABLE, "")):
        return
    os.environ[VARIABLE] = f"{told}:{TUNABLES}" if told else TUNABLES
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (as it was begun)
