"""Home Assistant's own MQTT integration at a broker, without the rest of a home. Run by an interpreter that
has the package `homeassistant`, whose pins do not go with ours:

    python -m venv ha && ha/bin/pip install homeassistant paho-mqtt
    OVERHEARD_HOME_ASSISTANT=ha/bin/python pytest tests/test_home_assistant.py

It prints one JSON line a change of an entity, from the port that is its argument, until its input ends.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from homeassistant import bootstrap, config_entries, core, loader
from homeassistant.const import __version__
from homeassistant.helpers import entity_registry
from homeassistant.setup import async_setup_component

_ENTRY = {
    "created_at": "2026-01-01T00:00:00+00:00", "modified_at": "2026-01-01T00:00:00+00:00",
    "disabled_by": None, "discovery_keys": {}, "domain": "mqtt", "entry_id": "overheard", "minor_version": 2,
    "options": {}, "pref_disable_new_entities": False, "pref_disable_polling": False, "source": "user",
    "subentries": [], "title": "broker", "unique_id": None, "version": 1,
}  # fmt: skip


def _say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


async def _watch(directory: Path, port: int) -> None:
    entry = _ENTRY | {"data": {"broker": "127.0.0.1", "port": port}}
    stored = {"version": 1, "minor_version": 5, "key": "core.config_entries", "data": {"entries": [entry]}}
    (directory / ".storage").mkdir()
    (directory / ".storage" / "core.config_entries").write_text(json.dumps(stored))
    (directory / "configuration.yaml").write_text("")
    hass = core.HomeAssistant(str(directory))
    hass.config.skip_pip = True
    loader.async_setup(hass)
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    await bootstrap.async_load_base_functionality(hass)
    hass.config.components |= {"http", "file_upload"}  # what it depends on, and does not need for this
    registry = entity_registry.async_get(hass)

    @core.callback  # in the loop, so in order
    def changed(event: core.Event) -> None:
        name, state = event.data["entity_id"], event.data["new_state"]
        known = registry.async_get(name)
        _say(entity=name, state=state and state.state, unique_id=known and known.unique_id)

    hass.bus.async_listen("state_changed", changed)
    started = await async_setup_component(hass, "mqtt", {})
    hass.set_state(core.CoreState.running)
    await hass.async_block_till_done()
    _say(version=__version__, started=started)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await hass.async_stop(force=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_watch(Path(folder), int(sys.argv[1])))
