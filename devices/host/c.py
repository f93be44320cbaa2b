"""A folder of C as a runtime of this machine: compiled here, loaded as a library, called through ctypes."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgernn.devices.host.session import Array, Opening, Runtime, TensorInfo
from edgernn.errors import EnvironmentProblem, InputError
from edgernn.owned_folder import MANIFEST, listed_files, recover

SCHEMA = "edgernn.c"
VERSION = 2
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=c99", "-O3", "-march=native", "-shared", "-fPIC")
_HINT = "make the folder with 'edgernn convert --format c'."


@dataclass(frozen=True)
class CProject:
    """A folder that `edgernn convert --format c` wrote.

    Attributes:
        folder: where it is.
        own: what it says of itself: scheme, sizes, masks, as the metadata of a .tflite.
        inputs: with a batch axis of 1, as of any artifact.
        outputs: likewise.
    """

    folder: Path
    own: Mapping[str, Any]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    @property
    def name(self) -> str:
        """Prefix of its identifiers."""
        return str(self.own["name"])

    @property
    def source(self) -> Path:
        """The C file."""
        return self.folder / "src" / f"{self.name}.c"

    @property
    def files(self) -> list[Path]:
        """All of its files, sorted; what else a user keeps in the folder is none of them."""
        listed = [self.folder / path for path in (*listed_files(self.own), MANIFEST)]
        if len(listed) == 1:  # an older edgernn did not list them
            listed = list(self.folder.rglob("*"))
        return sorted(path for path in listed if path.is_file())

    @property
    def sources(self) -> list[Path]:
        """Of these, the sources and headers of the model."""
        return [path for path in self.files if path.parent == self.folder / "src"]


def is_c_project(path: object) -> bool:
    """Whether a path is such a folder; a write into it that was broken off is undone first.

    Raises:
        InputError: that is not possible.
    """
    if not isinstance(path, (str, os.PathLike)) or not Path(path).is_dir():
        return False
    recover(path)
    return (Path(path) / MANIFEST).is_file()


def read_c_project(folder: str | os.PathLike[str]) -> CProject:
    """Read a folder's description of itself.

    Raises:
        InputError: it has none, or one of another version.
    """
    path = Path(folder)
    where = f"artifact '{path}'"
    recover(path)
    try:
        own = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{where}: must be a folder of C with {MANIFEST}. Found: none.", hint=_HINT) from error
    if not isinstance(own, dict) or own.get("schema") != SCHEMA or own.get("version") != VERSION:
        raise InputError(f"{where}: must hold C that this version of edgernn wrote. Found: another.", hint=_HINT)
    try:
        inputs, outputs = (tuple(_info(tensor) for tensor in own[key]) for key in ("inputs", "outputs"))
        str(own["name"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where}: {MANIFEST} must be complete. Found: damaged.", hint=_HINT) from error
    return CProject(path, own, inputs, outputs)


def _info(tensor: Mapping[str, Any]) -> TensorInfo:
    shape = (1, *(int(size) for size in tensor["shape"]))
    np.dtype(tensor["dtype"])
    return TensorInfo(
        str(tensor["name"]), shape, str(tensor["dtype"]), float(tensor["scale"]), int(tensor["zero_point"])
    )


class CSession:
    """A folder of C, ready to run; see `edgernn.devices.host.session.Session`. Every run begins anew."""

    runtime: Runtime = "c"

    def __init__(self, project: CProject) -> None:
        """Compile and load it.

        Raises:
            InputError: it does not compile.
            EnvironmentProblem: there is no C compiler.
        """
        self.project = project
        self.inputs, self.outputs = project.inputs, project.outputs
        start = time.perf_counter()
        compiler = find_compiler()
        with tempfile.TemporaryDirectory(prefix="edgernn-c-") as folder:
            library = Path(folder) / "model.so"
            compile_library(project, compiler, library)
            self._library = ctypes.CDLL(str(library))  # stays loaded when the file is gone
        self.description = f"C, {Path(compiler).name} {' '.join(FLAGS[:3])}"
        self._run = self.entry("run", len(self.inputs) + len(self.outputs) + 1)
        self._scratch = ctypes.create_string_buffer(int(project.own["scratch_bytes"]) + 64)
        self._fed: list[Array] = []
        self._answers = [np.zeros(info.shape, _storage(info.dtype)) for info in self.outputs]
        self.opening = Opening(time.perf_counter() - start, 0.0)

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Run a whole sequence."""
        self.feed(values)
        self.invoke()
        return {info.name: answer.astype(info.dtype) for info, answer in zip(self.outputs, self._answers, strict=True)}

    def feed(self, values: Mapping[str, Array]) -> None:
        """Set the inputs only."""
        self._fed = [np.ascontiguousarray(values[info.name], _storage(info.dtype)) for info in self.inputs]
        arrays = [*self._fed, *self._answers]
        self._arguments: Sequence[Any] = [
            *(array.ctypes.data_as(ctypes.c_void_p) for array in arrays),
            ctypes.addressof(self._scratch),
        ]

    def invoke(self) -> None:
        """Compute only, from the inputs that were fed last."""
        self._run(*self._arguments)

    def entry(self, verb: str, pointers: int) -> Any:
        """One of the model's C functions, which takes so many pointers."""
        function = getattr(self._library, f"{self.project.name}_{verb}")
        function.restype, function.argtypes = None, [ctypes.c_void_p] * pointers
        return function

    def reset(self) -> None:
        """There is nothing to forget: a run begins with the initial state."""


def _storage(dtype: str) -> str:
    return "uint8" if dtype == "bool" else dtype


def find_compiler() -> str:
    """The host's C compiler: that of the environment variable CC, else the first that is installed.

    Raises:
        EnvironmentProblem: there is none.
    """
    wanted = os.environ.get("CC", "").split()
    for name in (*wanted[:1], *COMPILERS):
        if found := shutil.which(name):
            return found
    raise EnvironmentProblem(
        f"C compiler: must be installed, one of {', '.join(COMPILERS)}. Found: none.",
        hint="on Debian, Ubuntu and Raspberry Pi OS: sudo apt-get install gcc libc6-dev; or set CC.",
    )


def compile_library(project: CProject, compiler: str, library: Path) -> None:
    """Compile a project into a shared library for this machine.

    Raises:
        InputError: the compiler refuses it.
    """
    include = str(project.folder / "src")
    command = [compiler, *FLAGS, "-I", include, str(project.source), "-o", str(library), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines() or ["?"]
        raise InputError(
            f"artifact '{project.folder}': must compile with {compiler}. Found: {lines[0][:200]}",
            hint="convert again; if it still does not, report it with the model.",
        )
