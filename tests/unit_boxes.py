"""What the box of each unit is made of, line by line, and how exposed it may be by systemd's own count."""

from pathlib import Path
from typing import NamedTuple

SYSTEMD = Path(__file__).parents[1] / "systemd"

_ALL = """
UMask=0077
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelTunables=yes
NoNewPrivileges=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
"""

_OURS = f"""{_ALL}
IPAddressDeny=any
IPAddressAllow=localhost
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
DevicePolicy=closed
PrivateIPC=yes
PrivateMounts=yes
ProtectKernelModules=yes
RemoveIPC=yes
LimitCORE=0
CapabilityBoundingSet=
AmbientCapabilities=
KeyringMode=private
SystemCallErrorNumber=EPERM
StateDirectoryMode=0700
"""

_SPEAKER = f"""{_OURS}
User=overheard
Group=overheard
InaccessiblePaths=-/run/dbus -/run/systemd/resolve/io.systemd.Resolve
LoadCredential=identity.key:overheard.identity.key
LoadCredential=reply.key:overheard.reply.key
MemoryMax=512M
TasksMax=64
"""

_DEVICE = f"""{_SPEAKER}
SupplementaryGroups=audio gpio spi
RestrictAddressFamilies=AF_NETLINK
DeviceAllow=char-alsa rw
DeviceAllow=char-gpiochip rw
DeviceAllow=char-spi rw
DeviceAllow=char-usb_device rw
RuntimeDirectoryMode=0700
LimitDATA=768M
KillMode=mixed
"""

_PROVISION = f"""{_SPEAKER}
PrivateDevices=yes
ExecStopPost=+/bin/sh -c "test ! -e /var/lib/overheard/tls.pem || rm -f /etc/overheard/claim.key"
"""

_CLOUD = f"""{_OURS}
User=overheard-cloud
Group=overheard-cloud
PrivateDevices=yes
PrivateUsers=yes
ProcSubset=pid
MemoryMax=2G
TasksMax=256
"""

_BROKER = f"""{_ALL}
User=overheard-cloud
TemporaryFileSystem=/var/lib/overheard-cloud:mode=0755
BindPaths=/var/lib/overheard-cloud/broker
InaccessiblePaths=-/var/lib/overheard-cloud/broker/for-a-new-speaker
ReadWritePaths=/var/lib/overheard-cloud/broker
PrivateDevices=yes
PrivateUsers=yes
ProcSubset=pid
ProtectKernelModules=yes
CapabilityBoundingSet=
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RemoveIPC=yes
MemoryMax=512M
LimitCORE=0
TasksMax=32
"""

_FIREWALL = f"""{_ALL}
CapabilityBoundingSet=CAP_NET_ADMIN
RestrictAddressFamilies=AF_NETLINK AF_UNIX
IPAddressDeny=any
PrivateDevices=yes
ProcSubset=pid
"""

_CALLS = f"""{_ALL}
ReadWritePaths=/etc/systemd/system /etc/overheard
InaccessiblePaths=-/var/lib/overheard -/var/lib/overheard-cloud
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
CapabilityBoundingSet=
PrivateDevices=yes
PrivateIPC=yes
ProtectKernelModules=yes
MemoryMax=128M
LimitCORE=0
TasksMax=16
SystemCallErrorNumber=EPERM
"""


class Box(NamedTuple):
    """The lines, and the most that systemd may count (0 to 10)."""

    lines: list[str]
    limit: float


def _box(text: str, limit: float) -> Box:
    return Box([line for line in text.splitlines() if line], limit)


BOXES = {
    "overheard-device.service": _box(_DEVICE, 1.4),
    "overheard-cloud.service": _box(_CLOUD, 1.0),
    "overheard-provision.service": _box(_PROVISION, 1.1),
    "overheard-broker.service": _box(_BROKER, 1.3),
    "overheard-firewall.service": _box(_FIREWALL, 1.8),
    "overheard-calls.service": _box(_CALLS, 1.8),
}

OUTSIDE = {
    "Type", "NotifyAccess", "ExecStart", "ExecReload", "WatchdogSec", "TimeoutStartSec", "TimeoutStopSec",
    "Restart", "RestartSec", "RestartPreventExitStatus", "RemainAfterExit", "StateDirectory",
    "RuntimeDirectory", "WorkingDirectory", "Environment",
}  # fmt: skip
"""Keys of [Service] that no wall is made of."""


def lines_of(text: str, section: str = "Service") -> list[str]:
    """The settings of a section of a unit."""
    found = text.partition(f"[{section}]\n")[2].partition("\n[")[0]
    return [line for line in found.splitlines() if line and not line.startswith("#")]


def faults(text: str, box: list[str]) -> set[str]:
    """Lines that the box lacks, and lines that are no part of it but might open it."""
    lines = lines_of(text)
    return {f"-{line}" for line in box if line not in lines} | {
        f"+{line}" for line in lines if line not in box and _opens(line)
    }


def _opens(line: str) -> bool:
    key, _, value = line.partition("=")
    return key not in OUTSIDE or (key.startswith("Exec") and value[:1] in set("+!:@-"))
