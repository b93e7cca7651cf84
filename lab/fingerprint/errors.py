"""What can go wrong with fingerprinting; there is one thing a caller can do about it."""

from lab.errors import LabError


class FingerprintError(LabError, ValueError):
    """The traces, or what is needed to judge them, cannot be used: do what the message says."""

    exit_code = 3
