"""Which packages bring LiteRT to a Linux board, by its architecture, and how they get there."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgernn.errors import EnvironmentProblem, InputError

OLDEST_PYTHON = (3, 9)


@dataclass(frozen=True)
class PythonRuntime:
    """What is installed for an architecture.

    Attributes:
        module: whose import shows that it is there already.
        packages: requirements for pip.
        platforms: tags of the wheels, best first, for a download on another machine.
    """

    module: str
    packages: tuple[str, ...]
    platforms: tuple[str, ...]


_LITERT = ("ai-edge-litert>=2.0",)
_MANYLINUX = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
RUNTIMES = {
    **{
        machine: PythonRuntime("ai_edge_litert", _LITERT, tuple(f"{tag}_{machine}" for tag in _MANYLINUX))
        for machine in ("aarch64", "x86_64")
    },
    # Made for an older NumPy, of which piwheels.org or Debian's python3-numpy have builds for this processor.
    "armv7l": PythonRuntime(
        "tflite_runtime", ("tflite-runtime>=2.14", "numpy<2"), ("manylinux_2_34_armv7l", "linux_armv7l")
    ),
}


def runtime_for(architecture: str, device: str) -> PythonRuntime:
    """The packages for an architecture.

    Raises:
        InputError: there are none.
    """
    if architecture not in RUNTIMES:
        raise InputError(
            f"device '{device}': must have one of the processors that LiteRT is built for, {', '.join(RUNTIMES)}. "
            f"Found: {architecture}.",
            hint="convert to C, --format c, which needs no runtime, and deploy the folder.",
        )
    return RUNTIMES[architecture]


def carried(runtime: PythonRuntime, python: str, *, numpy: bool = True) -> dict[str, bytes]:
    """The runtime and what it needs, downloaded here for a board that is not connected, as files by path.

    Args:
        runtime: for the board's architecture.
        python: its version, ``3.11``.
        numpy: whether NumPy is to come along.

    Raises:
        EnvironmentProblem: there are no wheels for it, or no network here.
    """
    with tempfile.TemporaryDirectory(prefix="edgernn-") as name:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--no-compile", "--only-binary=:all:", f"--target={name}", f"--python-version={python}"]
        command += [f"--platform={tag}" for tag in runtime.platforms]
        packages = runtime.packages if numpy else tuple(each for each in runtime.packages if "numpy" not in each)
        command += [] if numpy else ["--no-deps"]
        done = subprocess.run(
            [*command, *packages], cwd=name, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode:
            said = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise EnvironmentProblem(
                f"packages {', '.join(runtime.packages)}: must be downloaded for Python {python}, "
                f"{runtime.platforms[0]}. Found: {(said or ['no reason given'])[0][:300]}",
                hint="connect this machine to the network, or deploy C, --runtime c, which needs no packages.",
            )
        folder = Path(name)
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
        }
