"""Which tests are long: they play many rounds of something, and what they find does not hang on the Python.

`scripts/test` runs them; `scripts/test --all` does so with the first Python alone.
"""

import pytest

LONG = {
    "test_alsa_proof.py", "test_faults.py", "test_fingerprint_own.py", "test_kit_again.py",
    "test_no_remote_ear.py", "test_power_cut.py", "test_rough_line.py", "test_study_killed.py",
    "test_two_processes.py",
}  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them."""
    for item in items:
        if item.path.name in LONG:
            item.add_marker(pytest.mark.long)
