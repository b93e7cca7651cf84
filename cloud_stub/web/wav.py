"""Sound as a WAV file in memory, whole or a range of it. No file is written."""

import io
import re
import wave

from fastapi.responses import Response

RATE_HZ = 16_000


def wav(pcm: bytes) -> bytes:
    """s16le mono 16 kHz with its header."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE_HZ)
        sound.writeframes(pcm)
    return file.getvalue()


def as_answer(pcm: bytes, asked: str | None) -> Response:
    """The sound, or the range that a browser asked for (Safari plays nothing without)."""
    whole = wav(pcm)
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", asked or "")
    if match is None or int(match[1]) >= len(whole):
        return Response(whole, media_type="audio/wav", headers={"Accept-Ranges": "bytes"})
    first, last = int(match[1]), min(int(match[2] or len(whole) - 1), len(whole) - 1)
    span = {"Content-Range": f"bytes {first}-{last}/{len(whole)}", "Accept-Ranges": "bytes"}
    return Response(whole[first : last + 1], 206, span, media_type="audio/wav")
