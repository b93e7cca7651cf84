"""Which tests are long, and pins for those of the real board.

What is long plays many rounds of something, and what it finds does not hang on the Python. `scripts/test`
runs it; `scripts/test --all` does so with the first Python alone.
"""

from collections.abc import Iterator

import pytest
from gpiozero import Device

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


@pytest.fixture
def mock_pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Gpiozero chooses its simulated pins, as on a Pi it chooses the real ones; and forgets them again."""
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    monkeypatch.setenv("GPIOZERO_MOCK_PIN_CLASS", "mockpwmpin")
    yield
    if Device.pin_factory is not None:
        Device.pin_factory.close()
        Device.pin_factory = None
