"""An Android phone through adb, the real client and server."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from edgernn.devices.links.process import run_for
from edgernn.devices.links.shell import Finished, quote
from edgernn.errors import EnvironmentProblem, InputError

ROOT = "/data/local/tmp/edgernn"  # where the user of adb may put programs and run them
# The processor that programs are built for is the ABI's, whatever the kernel says of itself.
_FACTS = f"""
echo "root={ROOT}"
echo "processor=$(getprop ro.product.manufacturer) $(getprop ro.product.model)"
echo "release=Android $(getprop ro.build.version.release)"
case "$(getprop ro.product.cpu.abi)" in
  arm64*) echo architecture=aarch64; echo bits=64 ;;
  armeabi*) echo architecture=armv7l ;;
  x86_64) echo architecture=x86_64 ;;
esac
true
"""
_LOST = re.compile(r"^(adb: error|adb: device|error: (device|closed|no devices|protocol|more than|insufficient))", re.M)


class AdbShell:
    """A shell on the phone. See `edgernn.devices.links.shell.Shell`."""

    kind = "android"
    root = _FACTS

    def __init__(self, name: str, serial: str | None, program: Path | None = None) -> None:
        """Nothing is asked before the first call.

        Args:
            name: as the user gave it.
            serial: of the phone; None for the only one there is.
            program: adb; by default the one on the path.

        Raises:
            EnvironmentProblem: adb is not installed.
        """
        found = shutil.which("adb") if program is None else str(program)
        if found is None:
            raise EnvironmentProblem(
                "adb: must be installed. Found: none.",
                hint="on Debian and Ubuntu: sudo apt-get install adb; or Google's platform tools.",
            )
        self.name, self._adb, self._wanted = name, found, serial
        self._serial: str | None = None

    def call(self, script: str, *, seconds: float = 60.0) -> Finished:
        """Run a script with the phone's sh."""
        done = self._run(["shell", "-T", f"sh -c {quote(script)}"], seconds)
        if done.status and (done.status == 255 or _LOST.search(done.said)):
            raise self._lost(done)
        return done

    def send(self, files: Mapping[str, bytes], folder: str, executable: frozenset[str]) -> None:
        """Push them."""
        with tempfile.TemporaryDirectory(prefix="edgernn-adb-") as name:
            paths = []
            for key, content in files.items():
                path = Path(name) / key
                path.write_bytes(content)
                path.chmod(0o700 if key in executable else 0o600)
                paths.append(str(path))
            done = self._run(["push", *paths, f"{folder}/"], 1800)
        if not done.status:
            return
        words = done.said + done.output.decode(errors="replace")
        if "No space left" in words:
            raise EnvironmentProblem(
                f"device '{self.name}': must take the files. Found: no space left on it.",
                hint="free some space there and deploy again.",
            )
        raise self._lost(Finished(done.status, b"", words))

    def close(self) -> None:
        """The server goes on, as it is other programs' too."""

    def _run(self, words: list[str], seconds: float) -> Finished:
        if self._serial is None:
            self._serial = self._choose()
        return run_for([self._adb, "-s", self._serial, *words], None, seconds, f"device '{self.name}'")

    def _choose(self) -> str:
        """The serial number of the phone that is meant.

        Raises:
            InputError: there are several, and none is named.
            EnvironmentProblem: it is not there, or does not let us in.
        """
        done = run_for([self._adb, "devices"], None, 30, "adb")
        lines = [line.split("\t") for line in done.output.decode(errors="replace").splitlines() if "\t" in line]
        states = {serial: state.split()[0] for serial, state in lines}
        if not states:
            raise EnvironmentProblem(
                f"device '{self.name}': must be connected. Found: no device.",
                hint="switch on USB debugging in the developer options, plug the phone in, and see 'adb devices'.",
            )
        names = ", ".join(states)
        if self._wanted is not None and self._wanted not in states:
            raise EnvironmentProblem(
                f"device '{self.name}': must be connected. Found: {names}.", hint="see 'adb devices'."
            )
        if self._wanted is None and len(states) > 1:
            raise InputError(
                f"device '{self.name}': must be the only one, or be named. Found: {names}.",
                hint=f"--device android:{next(iter(states))}, say.",
            )
        serial = self._wanted or next(iter(states))
        if states[serial] != "device":
            hints = {"unauthorized": "unlock the phone and allow USB debugging for this computer."}
            raise EnvironmentProblem(
                f"device '{self.name}': must be ready. Found: {states[serial]}.",
                hint=hints.get(states[serial], "plug it in again, or 'adb reconnect'."),
            )
        return serial

    def _lost(self, done: Finished) -> EnvironmentProblem:
        said = (done.said.strip().splitlines() or ["the connection was lost"])[-1]
        said = re.sub(r"^(adb: )?(error: )?", "", said)
        return EnvironmentProblem(
            f"device '{self.name}': must stay connected. Found: {said}.",
            hint="plug it in again and repeat; what was there before is as it was.",
        )
