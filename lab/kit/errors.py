"""What can go wrong in a test that uses the kit. One line each: where, what, what to do next."""

from lab.errors import LabError


class KitError(LabError, ValueError):
    """The kit is asked for what it does not have, such as a sound that is not there."""

    exit_code = 2


class NotSeen(LabError, AssertionError):  # noqa: N818 (it is what a test asserts)
    """What a test waited for did not come: the test fails by it."""
