"""The teacher of our network: Google's speech_embedding, in openWakeWord's conversion, on the audio itself.

Its file is read from the installed package `pyopen-wakeword` (extra `[openwakeword]`), which is not imported,
and nothing of it is kept: our network learns to say of the first ear's features what the teacher says of the
sound. Only for teaching; the firmware knows nothing of it.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from device.wakeword.embedding import SIZE, Floats
from device.wakeword.runtime import open_interpreter
from lab.errors import LabError
from lab.teaching.augment import Int16

_WINDOW, _HOP, _FFT = 400, 160, 512
_BANDS, _LOWEST_HZ, _HIGHEST_HZ = 32, 60.0, 3800.0
_REACH, _STRIDE = 76, 8
_AT_ONCE = 23  # embeddings a call


class Teacher:
    """Says what a stretch of sound is like, 96 numbers every 10 ms."""

    def __init__(self) -> None:
        """Raises LabError: the package is not installed."""
        spec = find_spec("pyopen_wakeword")
        if spec is None or not spec.submodule_search_locations:
            raise LabError(
                "no teacher: run scripts/setup .venv openwakeword (CC BY-NC-SA heads come with it)"
            )
        path = Path(spec.submodule_search_locations[0], "models", "embedding_model.tflite")
        rows = _REACH + _STRIDE * (_AT_ONCE - 1)
        self._network = cast(Any, open_interpreter(path))
        source = self._network.get_input_details()[0]["index"]
        self._network.resize_tensor_input(source, [1, rows, _BANDS, 1])
        self._network.allocate_tensors()
        self._rows = rows
        self._bank = mel_bank()

    def hear(self, pcm: Int16) -> Floats:
        """Return what it says after each 10 ms, shape (rows, 96); NaN before it has heard 76 of them."""
        mel = melspectrogram(pcm, self._bank)
        said = np.full((len(mel), SIZE), np.nan, np.float32)
        for phase in range(_STRIDE):
            for first in range(phase, len(mel) - _REACH + 1, _STRIDE * _AT_ONCE):
                window = mel[first : first + self._rows]
                window = np.pad(window, ((0, self._rows - len(window)), (0, 0)))
                last = np.arange(first + _REACH - 1, len(mel), _STRIDE)[:_AT_ONCE]
                said[last] = self._say(window)[: len(last)]
        return said

    def _say(self, window: Floats) -> Floats:
        source, sink = self._network.get_input_details()[0], self._network.get_output_details()[0]
        self._network.set_tensor(source["index"], np.ascontiguousarray(window[None, :, :, None]))
        self._network.invoke()
        said: Floats = self._network.get_tensor(sink["index"])[0, :, 0, :]
        return said


def melspectrogram(pcm: Int16, bank: Floats) -> Floats:
    """Return openWakeWord's features, shape (rows, 32); row k is of samples 160k to 160k + 512."""
    if len(pcm) < _FFT:
        return np.zeros((0, _BANDS), np.float32)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    window = np.pad(hann, (_FFT - _WINDOW) // 2).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(pcm.astype(np.float32), _FFT)[::_HOP]
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    mel: Floats = (np.log10(np.maximum(power @ bank, 1e-10)) + 2).astype(np.float32)
    return mel


def mel_bank() -> Floats:
    """Return Slaney's mel bank (librosa's default) for these bands, shape (257, 32)."""
    hz = np.fft.rfftfreq(_FFT, 1 / 16_000)
    edges = _to_hz(np.linspace(_to_mel(_LOWEST_HZ), _to_mel(_HIGHEST_HZ), _BANDS + 2))
    rise = (hz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hz[:, None]) / (edges[2:] - edges[1:-1])
    bank: Floats = (np.maximum(0, np.minimum(rise, fall)) * 2 / (edges[2:] - edges[:-2])).astype(np.float32)
    return bank


_LINEAR_HZ, _LOG_FROM_HZ, _LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def _to_mel(hz: float) -> float:
    low = hz / _LINEAR_HZ
    return (
        low if hz < _LOG_FROM_HZ else _LOG_FROM_HZ / _LINEAR_HZ + float(np.log(hz / _LOG_FROM_HZ)) / _LOG_STEP
    )


def _to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    knee = _LOG_FROM_HZ / _LINEAR_HZ
    return np.where(mel < knee, mel * _LINEAR_HZ, _LOG_FROM_HZ * np.exp(_LOG_STEP * (mel - knee)))
