"""What can go wrong while a report is written; there is one thing a caller can do about it."""


class ReportError(ValueError):
    """The folder of a run lacks a file, or holds a line that cannot be read: run the scenario again."""

    exit_code = 6
