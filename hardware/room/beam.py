"""Four microphones to one channel: one of them as it is, or all, delayed and added. Pure; numpy alone.

Neither is what the real array hands over. The ReSpeaker's channel 0 is "processed audio for ASR": its XMOS
chip follows the talker, cancels what the loudspeaker plays, and takes noise and reverberation away with
adaptive filters that are not published (XVF-3000; README of github.com/respeaker/usb_4_mic_array). What is
measured here is what its raw channels 1 to 4 are good for without that chip.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hardware.board import RATE_HZ
from hardware.room.geometry import RESPEAKER_M, SPEED_OF_SOUND_M_S
from hardware.room.levels import Samples

Geometry = Sequence[tuple[float, float, float]]
Spectra = npt.NDArray[np.complex128]

LOOKS = 12  # one every 30 degrees: the main lobe of 64 mm is wider than that all over the speech band
BAND_HZ = (300.0, 3400.0)  # below, an array this small hears every direction alike; above lies little speech
LOUD_DB = 4.0
_FRAME_SAMPLES = 1024  # 64 ms
_FRAMES = 400
_EDGE_SAMPLES = 64  # more than any delay: what leaves at one end must not come in at the other


def first_channel(channels: Samples) -> Samples:
    """The first microphone alone, as it is: what there is without any beamforming."""
    first: Samples = channels[0]
    return first


def delay_and_sum(
    channels: Samples, angle_deg: float | None = None, microphones_m: Geometry = RESPEAKER_M
) -> Samples:
    """The mean of the channels, delayed so that what comes from `angle_deg` adds up in step.

    `channels` is (microphones, samples), the result as long and as loud. Far field: the sound is taken for
    a plane wave in the plane of the array, which is as good as exact from 1 m. Delays are fractions of a
    sample, made in the frequency domain, relative to the array's centre. With None it looks where
    `loudest_look` says: a speaker does not know where its talker is.
    """
    if angle_deg is None:
        angle_deg = loudest_look(channels, microphones_m)
    length = channels.shape[1]
    padded = -(-(length + _EDGE_SAMPLES) // 1024) * 1024  # quick to transform
    spectra = np.fft.rfft(channels, padded, axis=1)
    added = np.fft.irfft(_in_step(spectra, angle_deg, microphones_m).mean(axis=0), padded)
    return added[:length].astype(np.float32)


def loudest_look(channels: Samples, microphones_m: Geometry = RESPEAKER_M) -> float:
    """The one of 12 angles from which most power comes, in degrees; 0 of silence.

    Only the speech band counts, and of the sound only frames within 4 dB of the loudest, 25 s of them at
    most: noise goes on, a talker is loud for a moment. Measured on 63 renders in babble it is within 30
    degrees of the talker in 84 % at 10 and at 5 dB, with a phase transform (SRP-PHAT) in 40 % and 27 %; at
    0 dB the noise mostly wins. It hears all of the sound before it decides, which a live speaker can't.
    """
    frames = _loud_frames(channels)
    hz = np.fft.rfftfreq(_FRAME_SAMPLES, 1 / RATE_HZ)
    band = (hz >= BAND_HZ[0]) & (hz <= BAND_HZ[1])
    spectra = np.fft.rfft(frames * np.hanning(_FRAME_SAMPLES), axis=2)
    spectra[..., ~band] = 0
    angles_deg = [look * 360 / LOOKS for look in range(LOOKS)]
    added = [_in_step(spectra, angle, microphones_m).mean(axis=0) for angle in angles_deg]
    return angles_deg[int(np.argmax([np.vdot(look, look).real for look in added]))]


def _loud_frames(channels: Samples) -> Samples:
    """Shape (microphones, frames, samples)."""
    whole = max(-(-channels.shape[1] // _FRAME_SAMPLES), 1) * _FRAME_SAMPLES
    padded = np.pad(channels, ((0, 0), (0, whole - channels.shape[1])))
    frames = padded.reshape(len(channels), -1, _FRAME_SAMPLES)
    power = np.square(frames).sum(axis=(0, 2))
    loud = np.argsort(-power, kind="stable")[:_FRAMES]
    loud = loud[power[loud] >= power.max() * 10 ** (-LOUD_DB / 10)]
    return np.asarray(frames[:, loud])


def _in_step(spectra: Spectra, angle_deg: float, microphones_m: Geometry) -> Spectra:
    """Delay every microphone's spectrum, (microphones, ..., bins from 0 to the Nyquist rate)."""
    angle = np.radians(angle_deg)
    nearer_m = np.asarray(microphones_m) @ np.array([np.cos(angle), np.sin(angle), 0.0])
    delays_s = nearer_m / SPEED_OF_SOUND_M_S  # who is nearer hears first, and waits for the others
    hz = np.linspace(0, RATE_HZ / 2, spectra.shape[-1])
    turns = np.exp(-2j * np.pi * np.outer(delays_s, hz))
    return np.asarray(spectra * turns.reshape(len(turns), *[1] * (spectra.ndim - 2), -1))
