"""Where scripts/install can be tried without root, pip and systemd: a folder for a machine, releases that
need not be made, and services that become ready or do not.
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from install_options import parse
from install_place import OPT, RELEASES, Place
from install_release import WHOLE, current, name_of, previous
from install_remove import uninstall
from install_source import find
from install_start import Job
from install_steps import install, rollback

ROOT = Path(__file__).resolve().parents[1]
UNIT = "/etc/systemd/system/overheard-device.service"
SETTINGS = "/etc/overheard/speaker.toml"
KNOWN = '\n[cloud]\nroot = "cloud+12345678+AAAA"\n'
"""What a speaker must have before it can run at all."""


class TwinServices:
    """Services of releases: those in `broken` never become ready. `stop_at` is where the plug is pulled."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.broken: set[str] = set()
        self.stop_at = ""
        self.running: dict[str, str] = {}
        """Which release each service runs."""
        self.enabled: set[str] = set()
        self.told: list[str] = []

    def enable(self, names: Sequence[str]) -> list[str]:
        self._tell("enable")
        off = [name for name in names if name not in self.enabled]
        self.enabled |= set(names)
        return off

    def disable(self, names: Sequence[str]) -> None:
        self._tell("disable")
        self.enabled -= set(names)

    def reload(self) -> None:
        self._tell("reload")

    def reread(self, name: str) -> None:
        self._tell(f"reread {name}")

    def plugged(self) -> None:
        self._tell("plugged")

    def begin(self, name: str) -> None:
        self._tell(f"begin {name}")

    def is_active(self, name: str) -> bool:
        return name in self.running

    def restart(self, names: Sequence[str], within_s: float) -> str:
        for name in names:
            self._tell(f"restart {name}")
            self.running.pop(name, None)
            release = str(current(self.place))
            if within_s <= 0 or release.partition("-")[0] in self.broken:
                return f"{name} is not ready: it is broken"
            self.running[name] = release
        return ""

    def _tell(self, what: str) -> None:
        if self.stop_at == what:
            self.stop_at = ""
            raise KeyboardInterrupt(what)
        self.told.append(what)


class TwinHome:
    """A machine that is a folder, with services; `root` is it, `folder` is for what is brought there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir()
        self.place = Place(self.root)
        self.services = TwinServices(self.place)

    def install(self, version: str, *words: str) -> None:
        """As scripts/install of that release does."""
        install(self._job(*words), self.release(version))

    def uninstall(self, *words: str) -> None:
        uninstall(self._job("--uninstall", *words))

    def rollback(self) -> None:
        rollback(self._job())

    def release(self, version: str) -> Path:
        """The folder of a release, which lies made in its place: pip has no part in this."""
        folder = self.folder / version
        if not folder.exists():
            shutil.copytree(ROOT / "systemd", folder / "systemd")
            with (folder / "systemd" / "overheard-device.service").open("a") as unit:
                unit.write(f"# {version}\n")
            (folder / "RELEASE").write_text(f"{version}-0a1b2c3d\n")
        made = self.at(RELEASES) / name_of(find(folder), ["speaker"])
        if not made.exists():
            shutil.copytree(folder, made / "source")
            (made / WHOLE).touch()
        return folder

    def at(self, path: str) -> Path:
        return self.place.at(path)

    @property
    def now(self) -> str:
        """The version that is current."""
        return str(current(self.place)).partition("-")[0]

    @property
    def before(self) -> str:
        """The version before."""
        return str(previous(self.place)).partition("-")[0]

    @property
    def there(self) -> set[str]:
        """The versions that are there."""
        return {path.name.partition("-")[0] for path in self.at(RELEASES).iterdir()}

    @property
    def runs(self) -> str:
        """The version that the speaker runs, and whose unit it has."""
        runs = self.services.running["overheard-device"].partition("-")[0]
        assert self.at(UNIT).read_text().endswith(f"# {runs}\n"), "another release's unit"
        assert runs == self.now
        return runs

    def _job(self, *words: str) -> Job:
        given = parse("", ["--root", str(self.root), "--offline", *words])
        return Job(Place(self.root), given, self.services)


def a_home(folder: Path) -> TwinHome:
    """With settings of a speaker that can run; nothing is installed."""
    home = TwinHome(folder)
    home.at(OPT).mkdir(parents=True)
    home.at(SETTINGS).parent.mkdir(parents=True)
    home.at(SETTINGS).write_text('[uplink]\nhost = "192.168.1.5"\nport = 8883\n' + KNOWN)
    return home
