"""A list to listen to: what would have been sent, one wake after the other, for a player such as VLC.

Without clips it points into the audio itself, from the trigger to the end; it copies none of it.
"""

from collections.abc import Iterator
from pathlib import Path

from lab.study.places import Places
from lab.study.records import AS_IT_IS, Heard, Study

PLAYLIST = "listen.m3u"


def write(out: Path, study: Study, places: Places) -> None:
    """Write listen.m3u: what was accepted, false wakes first. Raises OSError."""
    wakes = sorted((wake for wake in study.heard if wake.accepted), key=lambda wake: wake.positive)
    lines = [line for wake in wakes for line in _entry(wake, study, places)]
    (out / PLAYLIST).write_text("\n".join(["#EXTM3U", *lines, ""]), encoding="utf-8")


def _entry(wake: Heard, study: Study, places: Places) -> Iterator[str]:
    place = places.of(wake)
    often = f", in {place.came} of {place.rounds} rounds" if place is not None and place.rounds > 1 else ""
    what = f"{'' if wake.positive else 'false '}{wake.word}"
    told = f"{what}: {wake.file} at {wake.at_s:.1f} s{often}"
    title = " ".join(f"{told}: {wake.said}".split() if wake.said else told.split())
    if wake.clip is not None:
        yield f"#EXTINF:{wake.sent_s:.0f},{title}"
        yield wake.clip
    elif wake.round == 0 and wake.condition == AS_IT_IS:  # the others cannot be heard in the file
        yield f"#EXTINF:{wake.sent_s:.0f},{title}"
        yield f"#EXTVLCOPT:start-time={wake.at_s:.2f}"
        yield f"#EXTVLCOPT:stop-time={wake.at_s + wake.sent_s:.2f}"
        yield Path(study.settings.audio, wake.file).as_uri()
