"""Commands of ours in what people are told to do, made whole, so that they can be pasted."""

import re
import shlex
from pathlib import Path

from device.config import INSTALLED


def pasted(text: str, settings: Path) -> str:
    """The text, its commands with these settings in them; for a speaker that is installed as the user who may
    read them, since it and its cloud find their settings by themselves.
    """
    if settings == INSTALLED:
        text = re.sub(r"\boverheard-device [a-z]", r"sudo -u overheard \g<0>", text)
        return re.sub(r"\boverheard-cloud [a-z]", r"sudo -u overheard-cloud \g<0>", text)
    named = shlex.quote(str(settings))
    return re.sub(r"overheard-device [a-z-]+", lambda found: f"{found[0]} --config {named}", text)
