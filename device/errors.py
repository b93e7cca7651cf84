"""What can go wrong in the firmware, one class for each thing that its caller can do.

    DeviceError            exit code 1, the root: catch this one
    ├── ConfigError        3, mend the settings
    ├── ModelError         3, mend or replace a wake word model
    ├── KeyFileError       5, mend or restore a key
    ├── ProvisionError     7, have the device approved, or find out why it was refused
    ├── UpdateError        8, get another bundle, or pin the key that signed it; nothing was changed
    ├── SandboxError       9, start it in the box that its settings require
    └── StorageError       6, see that this firmware alone may write there
        ├── DiskError      6, make room: what was refused is tried again
        └── DamagedError   6, start again, which sets the damaged file aside

Every message is one line: where, what, and what to do next. `hardware` has its own tree, and
`device.envelope` and `device.ledger` theirs, since the cloud and the laboratory share those.
"""


class DeviceError(Exception):
    """The root of the firmware's errors."""

    exit_code = 1


class ConfigError(DeviceError, ValueError):
    """A setting is missing, unknown or out of range."""

    exit_code = 3


class ModelError(DeviceError, ValueError):
    """A wake word manifest or its model cannot be used."""

    exit_code = 3


class KeyFileError(DeviceError, ValueError):
    """A key file is unreadable, damaged, or open to others."""

    exit_code = 5


class StorageError(DeviceError, OSError):
    """The outbox cannot be read or written."""

    exit_code = 6


class DiskError(StorageError):
    """The disk refuses for now: it is full, or read only, or failing. Nothing that was there is lost."""


class DamagedError(StorageError):
    """A file of ours is damaged: not a byte of it is changed."""


class ProvisionError(DeviceError, ConnectionError):
    """The cloud refused a certificate, has not approved yet, or was not reached."""

    exit_code = 7


class UpdateError(DeviceError, ValueError):
    """A bundle is not a release that this speaker may install."""

    exit_code = 8


class SandboxError(DeviceError, PermissionError):
    """A protection is not in force, and the settings require all of them."""

    exit_code = 9
