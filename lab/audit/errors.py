"""What keeps an audit from reaching a verdict. One line each: where, what, what to do next.

AuditError        2: the audit cannot begin
├── NotGiven      a check has nothing to look at: the promise is not provable from what was given
└── Damaged       evidence that cannot be read: never "kept"
"""

from lab.errors import RunError


class AuditError(RunError):
    """The audit cannot begin: no such folder, no such file, nothing in it to look at."""


class NotGiven(AuditError):  # noqa: N818  # it is no error of anybody's
    """A check has nothing to look at. The message says what would be needed."""


class Damaged(AuditError):  # noqa: N818  # said of evidence
    """Evidence that cannot be read. `where` names the file and the place in it."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
        self.what = what
