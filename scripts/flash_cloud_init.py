"""Trixie's card: what cloud-init reads from the boot partition. The Wi-Fi's key stands in network-config.

Strings are written as JSON, which YAML reads: no name breaks out of its place.
"""

from __future__ import annotations

import json
from pathlib import Path

from flash_first_boot import RUN_ONCE, first_boot_unit
from flash_wifi import Wifi
from flash_wishes import Wishes

GROUPS = "users,adm,audio,netdev,plugdev,gpio,spi,i2c,sudo"
META_DATA = """\
# Written by scripts/flash. Another instance-id would have the first boot happen again.
dsmode: local
instance-id: overheard-card
"""


def cloud_init(wishes: Wishes) -> dict[str, str]:
    """The files by their names on the card."""
    return {
        "user-data": user_data(wishes),
        "network-config": network_config(wishes.wifi),
        "meta-data": META_DATA,
    }


def user_data(wishes: Wishes) -> str:
    """The `#cloud-config`."""
    return f"""\
#cloud-config
# Written by scripts/flash. No password is set, and none can be used.
hostname: {json.dumps(wishes.hostname)}
manage_etc_hosts: true
timezone: {json.dumps(wishes.timezone)}
ssh_pwauth: false
disable_root: true
{_user(wishes)}{_commands(wishes)}"""


def _user(wishes: Wishes) -> str:
    user = f"""\
users:
  - name: {json.dumps(wishes.user)}
    groups: {json.dumps(GROUPS)}
    shell: /bin/bash
    lock_passwd: true
"""
    if not wishes.ssh_key:
        return user
    return f"""{user}\
    sudo: "ALL=(ALL) NOPASSWD:ALL"
    ssh_authorized_keys:
      - {json.dumps(wishes.ssh_key, ensure_ascii=False)}
"""


def _commands(wishes: Wishes) -> str:
    unit = "\n".join(f"      {line}".rstrip() for line in first_boot_unit().splitlines())
    ssh = "  - [systemctl, enable, --now, ssh]\n" if wishes.ssh_key else ""
    return f"""\
write_files:
  - path: {RUN_ONCE}
    content: |
{unit}
runcmd:
{ssh}  - [systemctl, daemon-reload]
  - [systemctl, enable, --now, --no-block, {Path(RUN_ONCE).name}]
"""


def network_config(wifi: Wifi | None) -> str:
    """Netplan: the wire by DHCP, and the Wi-Fi, whose key stands there hashed."""
    wire = """\
# Written by scripts/flash.
network:
  version: 2
  ethernets:
    eth0:
      dhcp4: true
      optional: true
"""
    return wire + _wifi(wifi) if wifi else wire


def _wifi(wifi: Wifi) -> str:
    return f"""\
  wifis:
    wlan0:
      dhcp4: true
      optional: true
      regulatory-domain: {json.dumps(wifi.country)}
      access-points:
        {json.dumps(wifi.name, ensure_ascii=False)}:
          password: {json.dumps(wifi.key)}
"""
