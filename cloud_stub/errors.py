"""What can go wrong in the cloud stub, one class for each thing that its caller can do.

    CloudError             exit code 1, the root: catch this one
    ├── ConfigError        3, mend the settings
    ├── BrokerError        3, free the port or name another broker
    ├── KeyFileError       5, mend or restore a key
    ├── StorageError       6, make room, or restore the vault
    │   └── OutOfReach     6, wait for the store that has the sound, or restore it there
    ├── NotKept            6, ask for an utterance that is there
    ├── NoDevice           6, name a device that has asked
    ├── NoTask             6, take a task first
    └── PersonError        6, name somebody who is there, or do what the rules allow

Every message is one line: where, what, and what to do next. What arrives from the network is never
an error: `ingest.Ingest` counts it.
"""


class CloudError(Exception):
    """The root of the cloud's errors."""

    exit_code = 1


class ConfigError(CloudError, ValueError):
    """A setting is missing, unknown or out of range."""

    exit_code = 3


class BrokerError(CloudError, ConnectionError):
    """The broker did not start, or is not installed."""

    exit_code = 3


class KeyFileError(CloudError, ValueError):
    """A key file is unreadable, damaged, or open to others."""

    exit_code = 5


class StorageError(CloudError, OSError):
    """The vault cannot be read or written."""

    exit_code = 6


class OutOfReach(StorageError):  # noqa: N818 (it says what is the case)
    """The sound of a recording stands in blobs, and is not to be had from there now."""


class NotTaken(StorageError):  # noqa: N818 (it says what is the case)
    """A store took nothing of what it was to keep, for certain."""


class NotKept(CloudError, LookupError):  # noqa: N818 (it says what is the case)
    """The vault has no such utterance, or has shredded it."""

    exit_code = 6


class NoDevice(CloudError, LookupError):  # noqa: N818 (it says what is the case)
    """No device of that id has ever asked."""

    exit_code = 6


class NoTask(CloudError, LookupError):  # noqa: N818 (it says what is the case)
    """The task is not there, not this person's, or over: which of these, nobody is told."""

    exit_code = 6


class PersonError(CloudError, ValueError):
    """Nobody of that name, or something that the rules about people do not allow."""

    exit_code = 6
