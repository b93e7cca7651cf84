"""The announcement of a speaker to Home Assistant, as its MQTT device discovery reads it. Pure.

It names five entities to look at. It will never hold a topic for commands, an address, or a MAC.
"""

from typing import Any, get_args

from device.envelope import topics
from device.session import Phase
from device.status import NOT_TOLD
from hardware.errors import Fault

_THERE = "{{ 'online' if value_json.state == 'online' else 'offline' }}"
"""Home Assistant ignores what is neither, and a last will says `lost`."""


def topic(prefix: str, device: str) -> str:
    """Where a device is announced: by its id alone, so that a broker's rules can hold it to that."""
    return f"{prefix}/device/{device}/config"


def announcement(device: str, version: str) -> dict[str, Any]:
    """Return the announcement of `device`, for Home Assistant 2024.11 and later."""
    return {
        "device": {"identifiers": [device], "name": f"Overheard {device[-4:]}", "sw_version": version},
        "origin": {"name": "overheard", "sw_version": version},
        "availability": [{"topic": topics.status(device), "value_template": _THERE}],
        "state_topic": topics.state(device),
        "components": {
            "phase": _sensor(
                device, "Phase", "{{ value_json.phase }}",
                device_class="enum", options=[*(phase.value for phase in Phase), NOT_TOLD],
            ),
            "muted": _binary_sensor(device, "Muted", "value_json.muted", icon="mdi:microphone-off"),
            "microphone": _binary_sensor(
                device, "Microphone", "value_json.fault",
                device_class="problem", entity_category="diagnostic",
            ),
            "fault": _sensor(
                device, "Fault", "{{ value_json.fault or 'none' }}",
                device_class="enum", options=["none", *get_args(Fault)], entity_category="diagnostic",
            ),
            "waiting": _sensor(
                device, "Waiting", "{{ value_json.waiting }}",
                state_class="measurement", entity_category="diagnostic",
            ),
        },
    }  # fmt: skip


def _sensor(device: str, name: str, template: str, **more: object) -> dict[str, object]:
    return _entity(device, "sensor", name) | {"value_template": template} | more


def _binary_sensor(device: str, name: str, condition: str, **more: object) -> dict[str, object]:
    template = "{{ 'ON' if " + condition + " else 'OFF' }}"
    return _entity(device, "binary_sensor", name) | {"value_template": template} | more


def _entity(device: str, platform: str, name: str) -> dict[str, object]:
    return {"platform": platform, "unique_id": f"{device}_{name.lower()}", "name": name}
