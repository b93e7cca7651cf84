"""What can go wrong with enrolling; there is one thing a caller can do about it."""

from lab.errors import LabError


class EnrolError(LabError, ValueError):
    """The recordings, the word or what is installed cannot be used: do what the message says."""

    exit_code = 3
