"""Plain PyAudio in a process of its own, that may hang in PortAudio and be killed for it.

python -m tests.alsa.hear NAME CHANNELS FRAMES     what the card gives, to standard output, as it comes
python -m tests.alsa.hear NAME CHANNELS play       plays standard input
"""

import os
import sys

import pyaudio

PERIOD = 320


def main(name: str, channels: int, what: str) -> None:
    """Open the card by its name, and hear or play."""
    audio = pyaudio.PyAudio()
    devices = [audio.get_device_info_by_index(n) for n in range(audio.get_device_count())]
    index = next(int(device["index"]) for device in devices if device["name"] == name)
    playing = what == "play"
    stream = audio.open(
        16_000, channels, pyaudio.paInt16, input=not playing, output=playing, frames_per_buffer=PERIOD,
        input_device_index=None if playing else index, output_device_index=index if playing else None,
    )  # fmt: skip
    if playing:
        stream.write(sys.stdin.buffer.read())
        stream.write(bytes(8 * PERIOD * 2 * channels))  # PortAudio cuts what still waits when it stops
        stream.stop_stream()
    else:
        for _ in range(int(what) // PERIOD):
            os.write(1, stream.read(PERIOD, exception_on_overflow=False))
    stream.close()
    audio.terminate()


main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
