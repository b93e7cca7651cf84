"""What installs the speaker on a new card: as root, until it has succeeded once. No secret stands in it."""

from __future__ import annotations

from shlex import quote

UNIT = "overheard-first-boot.service"
RUN_ONCE = f"/etc/systemd/system/{UNIT}"
BOOT = "/boot/firmware"
KEPT = "/etc/overheard/claim.key /var/lib/overheard/tls.pem"
"""Where the claim is until there is a certificate, and that."""


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
    return _unpack(sha256) + _install(profile, joins=joins)


def _unpack(sha256: str) -> str:
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
"""


def _install(profile: str, *, joins: bool) -> str:
    words = f'--profile {quote(profile)} --release-key "$card/release.key"'
    words += ' --join "$card/join"' if joins else ""
    return f"""\
ended=0
/usr/bin/python3 scripts/install {words} || ended=$?
case $ended in
    0) ;;
    3) ;;  # installed, and not ready: that is for the owner to look at, and not to be tried for ever
    *) exit "$ended" ;;  # tried again: no network, say, or (4) the broker's name has no address yet
esac
# Here everybody who has the card could read the claim. It goes when the speaker has it, or its certificate.
for kept in {KEPT}; do
    if [ -e "$kept" ]; then rm -f "$card/join/claim.key"; fi
done
systemctl disable {UNIT}
"""
