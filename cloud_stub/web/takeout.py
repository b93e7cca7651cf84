"""Everything of an owner, with what proves it, as one ZIP. Made in memory."""

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime

import msgspec

from cloud_stub.errors import NotKept
from cloud_stub.held import Held
from cloud_stub.vault import Vault
from cloud_stub.web.wav import wav

README = """What the cloud keeps of your speakers.

recordings/DEVICE/UTTERANCE/
    sound.wav       what was captured
    words.json      what was heard, meant and answered, and what people said of it
    begin.bin, segment-N.bin, end.bin
                    the messages as your speaker sealed and signed them: docs/wire-format.md says how to
                    check them
access.jsonl        who heard, read or deleted what, or learned whose it is; and when, and why: each row
as it stands in
                    the cloud's access ledger, with its proof of inclusion (RFC 6962)
access.head         the size and the root of that ledger when this was made
"""


def takeout(vault: Vault, devices: Sequence[str], who: str, now: datetime) -> bytes:
    """The ZIP. who: for the access ledger, in which every opening for it is written."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("README.txt", README)
        for device in devices:
            for held in vault.utterances(device):
                if held.header is not None:
                    _add(bundle, vault, held, who, now)
        proved = [each for device in devices for each in vault.proved_accesses(device)]
        bundle.writestr("access.jsonl", b"".join(msgspec.json.encode(each) + b"\n" for each in proved))
        head = vault.access_head()
        bundle.writestr("access.head", f"{head.origin}\n{head.size}\n{head.root.hex()}\n")
    return file.getvalue()


def _add(bundle: zipfile.ZipFile, vault: Vault, held: Held, who: str, now: datetime) -> None:
    folder = f"recordings/{held.whose.device}/{held.whose.utterance}"
    try:
        begin, segments, end = vault.messages(held.whose)
        recording = vault.open(held.whose, who, "download", now)
        said = vault.read(held.whose, who, "download", now)
    except NotKept:
        return  # deleted meanwhile
    bundle.writestr(f"{folder}/sound.wav", wav(recording.pcm))
    words = {"words": said.words, "notes": said.notes}
    bundle.writestr(f"{folder}/words.json", msgspec.json.format(msgspec.json.encode(words)))
    bundle.writestr(f"{folder}/begin.bin", begin)
    for index, message in segments.items():
        bundle.writestr(f"{folder}/segment-{index}.bin", message)
    if end is not None:
        bundle.writestr(f"{folder}/end.bin", end)
