"""A /proc/asound of files: cards that the kernel of this machine may not have."""

import shutil
from pathlib import Path

CLOSED = "closed\n"
RUNNING = "state: RUNNING\nowner_pid   : 4711\ntrigger_time: 12.5\n"


class Kernel:
    """The root of a /proc that has only sound cards in it."""

    def __init__(self, folder: Path) -> None:
        self.proc = folder / "proc"
        self._names: dict[int, str] = {}
        (self.proc / "asound").mkdir(parents=True)
        self._write()

    def plug(self, number: int, name: str, usb: str = "", channels: int = 0, *, plays: bool = False) -> None:
        """Give a card a number; one that captures has `channels`."""
        card = self._folder(number)
        card.mkdir()
        self._names[number] = name
        if usb:
            (card / "usbid").write_text(f"{usb}\n")
            text = f"{name} at usb-1.2\n\nPlayback:\n  Status: Stop\n    Channels: 2\n"
            (card / "stream0").write_text(
                text + f"\nCapture:\n  Status: Stop\n  Interface 2\n    Channels: {channels}\n"
            )
        if plays:
            (card / "pcm0p").mkdir()
        if channels:
            (card / "pcm0c/sub0").mkdir(parents=True)
            self.stream(number, CLOSED)
        self._write()

    def stream(self, number: int, status: str) -> None:
        """What the kernel says of a card's capture stream."""
        (self._folder(number) / "pcm0c/sub0/status").write_text(status)

    def unplug(self, number: int) -> None:
        """Take a card away."""
        shutil.rmtree(self._folder(number))
        del self._names[number]
        self._write()

    def _folder(self, number: int) -> Path:
        return self.proc / "asound" / f"card{number}"

    def _write(self) -> None:
        lines = [f"{n:2} [{'Card':<15}]: USB-Audio - {name}\n" for n, name in sorted(self._names.items())]
        text = "".join(f"{line}                      Maker's {line[32:]}" for line in lines)
        (self.proc / "asound/cards").write_text(text or "--- no soundcards ---\n")
