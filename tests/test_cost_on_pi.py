"""What scripts/cost_on_pi counts, and what it makes of that: the plugin, the differences, the shares."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hardware import board
from scripts.cost_ways import ALWAYS_ON, BOARDS, LISTENING, Board, Way, a_second, chosen, parse, rows, share

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))
from firmware import Microphone

PLUGIN = ROOT / "scripts" / "count_instructions.c"
EMULATOR = shutil.which(f"qemu-{platform.machine()}")

# The second thread, if it is asked for, does twice as much as the first.
LOOP = r"""
#include <pthread.h>
#include <stdlib.h>

static void *loop(void *times)
{
    unsigned long left = (unsigned long)times;
#ifdef __x86_64__
    __asm__ volatile("1: dec %0\n jnz 1b" : "+r"(left) : : "cc");
#else
    __asm__ volatile("1: subs %0, %0, #1\n b.ne 1b" : "+r"(left) : : "cc");
#endif
    return NULL;
}

int main(int count, char **arguments)
{
    unsigned long times = strtoul(arguments[1], NULL, 10);
    pthread_t other;

    loop((void *)times);
    if (count > 2) {
        pthread_create(&other, NULL, loop, (void *)(2 * times));
        pthread_join(other, NULL);
    }
    return 0;
}
"""
A_TURN = 2  # instructions


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plugin and the loop, compiled."""
    if EMULATOR is None or shutil.which("gcc") is None:
        pytest.skip("no qemu-user with plugins (the package qemu-user), or no gcc")
    made = tmp_path_factory.mktemp("count")
    (made / "loop.c").write_text(LOOP)
    for command in (
        ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", "count.so", str(PLUGIN)],
        ["gcc", "-O2", "-static", "-pthread", "-o", "loop", "loop.c"],
    ):
        subprocess.run(command, cwd=made, check=True)
    return made


def counted(folder: Path, *arguments: str) -> dict[int, int]:
    assert EMULATOR is not None
    command = [EMULATOR, "-plugin", "./count.so", "-d", "plugin", "-D", "log", "./loop", *arguments]
    subprocess.run(command, cwd=folder, check=True)
    return parse((folder / "log").read_text())


def test_the_plugin_counts_what_a_loop_executes(folder: Path) -> None:
    shorter, longer = (counted(folder, times) for times in ("1000000", "4000000"))
    assert longer[0] - shorter[0] == 3_000_000 * A_TURN


def test_the_plugin_counts_each_thread_apart(folder: Path) -> None:
    shorter, longer = (counted(folder, times, "both") for times in ("1000000", "4000000"))
    assert shorter.keys() == {0, 1}
    assert longer[0] - shorter[0] == pytest.approx(3_000_000 * A_TURN, abs=1_000)  # it waits for the other
    assert longer[1] - shorter[1] == 6_000_000 * A_TURN


# -- what follows from the counts --------------------------------------------------------------------

SHORTER, LONGER = {0: 1_000, 1: 50, 2: 5}, {0: 7_000, 1: 110, 2: 5}
WAY = Way("a way", ("program",), (10, 70))


def test_a_second_costs_the_difference_of_two_runs_of_the_threads_that_matter() -> None:
    found = {
        each: a_second(SHORTER, LONGER, WAY._replace(threads=each)) for each in ("all", "first", "others")
    }
    assert found == {"all": 101, "first": 100, "others": 1}
    assert chosen(LONGER, "others") == 115


@pytest.mark.parametrize("way", [WAY, WAY._replace(times=(70, 10))])
def test_a_longer_run_that_costs_no_more_is_no_count(way: Way) -> None:
    with pytest.raises(ValueError, match=r"a way: .* count again"):
        a_second(LONGER, SHORTER, way)


def test_the_plugins_log_is_read_and_one_without_the_first_thread_refused() -> None:
    assert parse("thread 0: 12\nsomething else\nthread 11: 345\n") == {0: 12, 11: 345}
    for nothing in ("", "thread 1: 5\n", "thread 0: \n"):
        with pytest.raises(ValueError, match="counted nothing"):
            parse(nothing)


def test_a_share_of_a_core_is_instructions_times_cycles_over_the_clock() -> None:
    assert share(10e6, Board("made up", 1e9, (1.5, 2.0))) == pytest.approx((1.5, 2.0))


def test_a_row_says_the_mean_how_far_apart_the_rounds_were_and_a_range_for_each_board() -> None:
    ((name, millions, spread, *shares),) = rows({"a way": [9.9e6, 10.1e6]})
    assert (name, millions, spread) == ("a way", "10.00", "2.0 %")
    assert len(shares) == len(BOARDS)
    low, high = (10e6 * cpi / BOARDS[0].hz * 100 for cpi in BOARDS[0].cpi)
    assert shares[0] == f"{low:.1f} to {high:.1f} %"


def test_a_share_keeps_the_digits_that_mean_something() -> None:
    ((_, _, _, small, _), (_, _, _, large, _)) = rows({"small": [2e5], "large": [3e8]})
    assert small == "0.03 to 0.05 %"
    assert large == "39 to 75 %"


def test_every_program_that_is_counted_is_there() -> None:
    assert {
        way.command[0] for way in (*ALWAYS_ON, *LISTENING) if not (ROOT / way.command[0]).exists()
    } == set()


def test_the_microphone_of_the_benchmarks_has_all_that_the_firmware_may_ask_one_for() -> None:
    promised = {name for name in vars(board.Microphone) if not name.startswith("_")}
    assert {"read", "is_open"} < promised
    assert {name for name in promised if not hasattr(Microphone([]), name)} == set()
