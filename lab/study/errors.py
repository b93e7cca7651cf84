"""What can go wrong with a study; there is one thing a caller can do about it."""

from lab.errors import LabError


class StudyError(LabError, ValueError):
    """The audio, the folder of the study or what it needs cannot be used: do what the message says."""

    exit_code = 3


def readable(text: str) -> str:
    r"""Return `text` as UTF-8 can hold it: a file's name may have bytes in it that are not (`\udce9`)."""
    return text.encode(errors="backslashreplace").decode()
