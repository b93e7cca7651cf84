"""What can go wrong with an enclosure."""

from lab.errors import LabError


class EnclosureError(LabError):
    """A device can't be enclosed here, or its line not be captured."""
