"""What listeners may hear, for Label Studio: a ZIP of bleeped sound and masked words under names that say
nothing.
"""

import io
import zipfile
from datetime import datetime
from typing import Any

import msgspec

from cloud_stub.errors import NotKept
from cloud_stub.review.label_studio import LABELLING, as_task
from cloud_stub.review.opening import Review
from cloud_stub.review.prepared import from_bytes
from cloud_stub.vault import Vault
from cloud_stub.web.wav import wav


def bundle(review: Review, vault: Vault, who: str, grant: str, now: datetime) -> bytes:
    """The ZIP, made in memory. Every opening for it is written down; what may not be served is left out."""
    file = io.BytesIO()
    tasks: list[dict[str, Any]] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for task in review.drawing.open_tasks():
            if not review.drawing.may_serve(task.whose):
                continue
            try:
                content = vault.open_prepared(task.whose, who, f"export {grant}", now)
            except NotKept:
                continue
            prepared = from_bytes(content)
            made.writestr(f"sound/{task.id}.wav", wav(prepared.pcm))
            tasks.append(as_task(task.id, prepared))
        made.writestr("tasks.json", msgspec.json.format(msgspec.json.encode(tasks)))
        made.writestr("labelling.xml", LABELLING)
    return file.getvalue()
