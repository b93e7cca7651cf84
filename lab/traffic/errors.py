"""What can go wrong with traffic."""

from lab.errors import LabError


class TrafficError(LabError):
    """There is nothing to be told from it."""

    exit_code = 2
