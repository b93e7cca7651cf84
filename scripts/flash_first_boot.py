"""What runs on a new card: once, as root, until it has succeeded. No secret stands in any of it."""

from __future__ import annotations

from shlex import quote

from flash_wifi import Wifi

UNIT = "overheard-first-boot.service"
RUN_ONCE = f"/etc/systemd/system/{UNIT}"
BOOT = "/boot/firmware"


def first_boot_unit() -> str:
    """The unit that installs, again after every failure: a network may come late."""
    return f"""\
[Unit]
Description=Overheard is installed
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart=/bin/bash {BOOT}/overheard/first-boot
Restart=on-failure
RestartSec=60

[Install]
WantedBy=multi-user.target
"""


def first_boot(profile: str, sha256: str, *, joins: bool) -> str:
    """The script that the unit runs: the release is what scripts/flash verified, or nothing happens."""
    joining = f" --join {BOOT}/overheard/join" if joins else ""
    return f"""\
#!/bin/bash
# Written by scripts/flash. Installs the release that lies beside it; then it never runs again.
set -euo pipefail
card={BOOT}/overheard
work=$(mktemp -d /var/tmp/overheard.XXXXXX)
trap 'rm -rf "$work"' EXIT
cp "$card/release.tar.gz" "$work/"
cd "$work"
echo "{sha256}  release.tar.gz" | sha256sum --check --quiet
tar -xzf release.tar.gz --no-same-owner
/usr/bin/python3 scripts/install --profile {quote(profile)} --release-key "$card/release.key"{joining} || {{
    # Installed, but not ready yet: that is for the owner to look at, and not to be tried for ever.
    [ -L /opt/overheard/current ] || exit 1
}}
# The claim is in /etc/overheard until there is a certificate; here everybody who has the card could read it.
rm -f "$card/join/claim.key"
systemctl disable {UNIT}
"""


def first_run(hostname: str, user: str, ssh_key: str, timezone: str, wifi: Wifi | None) -> str:
    """Bookworm's script: it runs before there is a network, and the system boots again after it."""
    custom = "/usr/lib/raspberrypi-sys-mods/imager_custom"
    lines = [
        "#!/bin/bash",
        "# Written by scripts/flash. No password is set: '*' is the hash of none.",
        "set +e",
        f"{custom} set_hostname {quote(hostname)}",
        f"/usr/lib/userconf-pi/userconf {quote(user)} '*'",
        f"{custom} set_timezone {quote(timezone)}",
    ]
    if ssh_key:
        lines += [
            f"{custom} enable_ssh -k {quote(ssh_key)}",
            f"echo {quote(user + ' ALL=(ALL) NOPASSWD: ALL')} > /etc/sudoers.d/010_overheard",
            "chmod 0440 /etc/sudoers.d/010_overheard",
        ]
    if wifi:
        lines += [f"{custom} set_wlan {quote(wifi.name)} {wifi.key} {wifi.country}"]
    lines += [f"cat > {RUN_ONCE} <<'UNIT'", *first_boot_unit().splitlines(), "UNIT"]
    lines += [
        f"ln -sf {RUN_ONCE} /etc/systemd/system/multi-user.target.wants/",
        f"rm -f {BOOT}/firstrun.sh",
        f"sed -i 's| systemd.run.*||' {BOOT}/cmdline.txt",
        "exit 0",
    ]
    return "\n".join(lines) + "\n"
