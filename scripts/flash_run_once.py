"""Bookworm's card: a script that runs once, and the kernel's command line that names it.

The Wi-Fi's key stands in the script, which removes itself when it has run.
"""

from __future__ import annotations

from shlex import quote

from flash_first_boot import BOOT, RUN_ONCE, first_boot_unit
from flash_wishes import Wishes

CUSTOM = "/usr/lib/raspberrypi-sys-mods/imager_custom"
RUN = (
    f"systemd.run={BOOT}/firstrun.sh",
    "systemd.run_success_action=reboot",
    "systemd.unit=kernel-command-line.target",
)


def run_once(wishes: Wishes, cmdline: str) -> dict[str, str]:
    """The files by their names on the card. The script comes first, and then what names it."""
    words = [*without_run(cmdline).split(), *RUN]
    return {"firstrun.sh": first_run(wishes), "cmdline.txt": " ".join(words) + "\n"}


def without_run(cmdline: str) -> str:
    """The command line as the system has it now, which is not as it came: the first boot renames the disk."""
    words = cmdline.split()
    if not any(word.startswith("systemd.run=") for word in words):
        return cmdline
    return " ".join(w for w in words if not w.startswith(("systemd.run", RUN[-1]))) + "\n"


def first_run(wishes: Wishes) -> str:
    """The script: it runs before there is a network, and the system boots again after it."""
    wifi = wishes.wifi
    wlan = f"{CUSTOM} set_wlan {quote(wifi.name)} {wifi.key} {wifi.country}\n" if wifi else ""
    return f"""\
#!/bin/bash
# Written by scripts/flash. No password is set: '*' is the hash of none.
set +e
{CUSTOM} set_hostname {quote(wishes.hostname)}
/usr/lib/userconf-pi/userconf {quote(wishes.user)} '*'
{CUSTOM} set_timezone {quote(wishes.timezone)}
{_ssh(wishes)}{wlan}cat > {RUN_ONCE} <<'UNIT'
{first_boot_unit()}UNIT
ln -sf {RUN_ONCE} /etc/systemd/system/multi-user.target.wants/
rm -f {BOOT}/firstrun.sh
sed -i 's| systemd.run.*||' {BOOT}/cmdline.txt
exit 0
"""


def _ssh(wishes: Wishes) -> str:
    if not wishes.ssh_key:
        return ""
    return f"""\
{CUSTOM} enable_ssh -k {quote(wishes.ssh_key)}
echo {quote(wishes.user + " ALL=(ALL) NOPASSWD: ALL")} > /etc/sudoers.d/010_overheard
chmod 0440 /etc/sudoers.d/010_overheard
"""
