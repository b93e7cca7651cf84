"""Which tests are long, which may not be skipped where all is installed, and pins for the real board.

What is long plays many rounds of something, and what it finds does not hang on the Python. `scripts/test`
runs it; `scripts/test --all` does so with the first Python alone.
"""

import os
from collections.abc import Generator, Iterator

import pytest
from gpiozero import Device

LONG = {
    "test_alsa_proof.py", "test_audit.py", "test_audit_cloud.py", "test_audit_line.py",
    "test_audit_line_talk.py", "test_audit_line_tls.py", "test_browser.py", "test_canary_memory.py",
    "test_canary_run.py", "test_canary_search.py", "test_controls.py", "test_crawler.py", "test_ears.py",
    "test_enclosure.py", "test_enrol.py", "test_experiment.py",
    "test_faults.py", "test_fingerprint.py",
    "test_fingerprint_own.py", "test_firewall.py", "test_forms.py", "test_flash.py", "test_flash_again.py",
    "test_install.py", "test_install_machine.py", "test_install_ready.py", "test_kit_again.py",
    "test_kit_plugin.py", "test_kit_speaker.py", "test_mic_faults.py", "test_no_remote_ear.py",
    "test_openwakeword.py", "test_outside.py", "test_packaging.py", "test_padded.py",
    "test_pi_children.py", "test_power_cut.py", "test_readme.py", "test_report.py", "test_rogues.py",
    "test_room_render.py", "test_rough_line.py", "test_self_report.py", "test_study_killed.py",
    "test_study_rooms.py", "test_study_run.py", "test_systemd.py", "test_two_processes.py",
}  # fmt: skip

INSTALLED = (
    "ALSA: ", "espeak-ng is not", "libusb is not", "mosquitto is not", "nftables is not", "no chromium",
    "no gcc", "not installed: ", "postgresql is not", "systemd-analyze is not",
)  # fmt: skip
"""How a skip begins whose cause .ci/run installs. There it would hide that the real thing was never tried."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them."""
    for item in items:
        if item.path.name in LONG:
            item.add_marker(pytest.mark.long)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where all is installed, a test that is skipped because something is not has failed."""
    report = yield
    if "OVERHEARD_ALL_INSTALLED" in os.environ and report.skipped and isinstance(report.longrepr, tuple):
        why = report.longrepr[2].removeprefix("Skipped: ")
        if why.startswith(INSTALLED):
            report.outcome, report.longrepr = "failed", f"skipped, though .ci/run installs it: {why}"
    return report


@pytest.fixture
def mock_pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Gpiozero chooses its simulated pins, as on a Pi it chooses the real ones; and forgets them again."""
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    monkeypatch.setenv("GPIOZERO_MOCK_PIN_CLASS", "mockpwmpin")
    yield
    if Device.pin_factory is not None:
        Device.pin_factory.close()
        Device.pin_factory = None
