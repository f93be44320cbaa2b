"""LiteRT for Python on a Linux board: found there, installed there, or carried there."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import suppress

from edgernn.devices.links.shell import Finished, Shell, quote
from edgernn.devices.linux.runtimes import OLDEST_PYTHON, PythonRuntime, carried, runtime_for
from edgernn.errors import EnvironmentProblem

_VERSION = "import sys; print('python=%d.%d' % sys.version_info[:2])"
_OLD_NUMPY = "import numpy, sys; sys.exit(int(numpy.__version__.split('.')[0]) > 1)"
_COMPLETE = ".complete"  # is there when an installation has ended well
_HINT_C = "or deploy C, which needs no Python: convert --format c."


class PythonHome:
    """A folder on the board with the packages that run a .tflite, and the Python that uses them."""

    def __init__(self, shell: Shell, root: str, architecture: str) -> None:
        """Nothing is done yet.

        Args:
            shell: the link.
            root: our folder on the board.
            architecture: of the board.

        Raises:
            InputError: LiteRT is not built for it.
        """
        self._shell, self._root = shell, root
        self._runtime: PythonRuntime = runtime_for(architecture, shell.name)
        self._python, self._path = "python3", ""

    def command(self, script: str, words: Sequence[str]) -> str:
        """The words of a shell that run a script."""
        path = f"PYTHONPATH={quote(self._path)} " if self._path else ""
        return f"env {path}{' '.join(map(quote, (self._python, '-B', script, *words)))}"

    def prepare(self, *, offline: bool) -> int:
        """See to it that the packages are there; returns the bytes that were copied.

        Raises:
            EnvironmentProblem: no Python, too old a Python, or packages that cannot be installed.
        """
        version = self._version()
        key = hashlib.sha256(" ".join((*self._runtime.packages, version)).encode()).hexdigest()[:12]
        venv, folder = f"{self._root}/python/venv-{key}", f"{self._root}/python/carried-{key}"
        if self._has(folder):
            self._path = folder
            return 0
        if self._has(venv):
            self._python = f"{venv}/bin/python"
            return 0
        if not offline and self._runs(f"import numpy, {self._runtime.module}"):
            return 0  # the board's own Python has it
        if offline:
            return self._carry(folder, version)
        self._install(venv)
        self._python = f"{venv}/bin/python"
        return 0

    def _version(self) -> str:
        done = self._shell.call(f'python3 -c {quote(_VERSION)} && echo "program=$(command -v python3)"')
        version = done.lines.get("python", "")
        if done.status or not version:
            raise EnvironmentProblem(
                f"device '{self._shell.name}': must have python3 to run a .tflite. Found: none.",
                hint=f"sudo apt-get install python3-venv there, {_HINT_C}",
            )
        if tuple(map(int, version.split("."))) < OLDEST_PYTHON:
            oldest = ".".join(map(str, OLDEST_PYTHON))
            raise EnvironmentProblem(
                f"device '{self._shell.name}': must have Python {oldest} or newer. Found: {version}.",
                hint=f"upgrade the board's system, {_HINT_C}",
            )
        self._python = done.lines.get("program") or self._python  # a service has another PATH than a login
        return version

    def _has(self, folder: str) -> bool:
        return self._shell.call(f"[ -e {quote(folder)}/{_COMPLETE} ]").status == 0

    def _runs(self, text: str) -> bool:
        return self._shell.call(f"{quote(self._python)} -c {quote(text)}").status == 0

    def _install(self, venv: str) -> None:
        """Have the board make a virtual environment; a half-made one of an earlier try is made anew."""
        packages = " ".join(map(quote, self._runtime.packages))
        site = "--system-site-packages" if self._runtime.module == "tflite_runtime" else ""  # Debian's NumPy
        made = self._shell.call(
            f"umask 077; mkdir -p {quote(self._root)}/python && python3 -m venv --clear {site} {quote(venv)} 2>&1",
            seconds=300,
        )
        if made.status:
            self._undo(venv)
            raise self._problem(made, "sudo apt-get install python3-venv there, or use --offline")
        done = self._shell.call(
            f"{quote(venv)}/bin/python -m pip install --quiet --disable-pip-version-check --only-binary=:all: "
            f"{packages} && : > {quote(venv)}/{_COMPLETE}",
            seconds=1800,
        )
        if done.status:
            self._undo(venv)
            raise self._problem(done, "connect the board to the network, or use --offline")

    def _carry(self, folder: str, version: str) -> int:
        """Copy the packages there, whole or not at all."""
        # There are no wheels of an older NumPy for 32-bit Arm; Debian has a package, which is used.
        own = self._runtime.module == "tflite_runtime" and self._runs(_OLD_NUMPY)
        files = carried(self._runtime, version, numpy=not own)
        part = f"{folder}.{secrets.token_hex(4)}.part"
        try:
            self._shell.call(f"umask 077; rm -rf {quote(folder)}.*.part; mkdir -p {quote(part)}")
            self._shell.send(files, part, frozenset())
            self._shell.call(
                f": > {quote(part)}/{_COMPLETE} && rm -rf {quote(folder)} && mv {quote(part)} {quote(folder)}"
            )
        except BaseException:
            self._undo(part)
            raise
        self._path = folder
        return sum(map(len, files.values()))

    def _undo(self, folder: str) -> None:
        with suppress(EnvironmentProblem):
            self._shell.call(f"rm -rf {quote(folder)}")

    def _problem(self, done: Finished, hint: str) -> EnvironmentProblem:
        said = [line for line in (done.said + done.output.decode(errors="replace")).splitlines() if line.strip()]
        found = next((line for line in said if "rror" in line or "ensurepip" in line), said[-1] if said else "nothing")
        return EnvironmentProblem(
            f"device '{self._shell.name}': must install {', '.join(self._runtime.packages)}. "
            f"Found: {found.strip()[:200]}",
            hint=f"{hint}, {_HINT_C}",
        )
