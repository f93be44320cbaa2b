"""A folder of C as a runtime of this machine: compiled here, loaded as a library, called through ctypes."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import subprocess
import tempfile
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgernn import guarded
from edgernn.devices.host import c_library
from edgernn.devices.host.session import Array, Opening, Runtime, TensorInfo
from edgernn.errors import EnvironmentProblem, InputError
from edgernn.feature_units import read_units
from edgernn.owned_folder import MANIFEST, listed_files, recover

SCHEMA = "edgernn.c"
VERSION = 2
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=c99", "-O3", "-march=native", "-shared", "-fPIC")
T = TypeVar("T")

_SECONDS, _MACS_PER_SECOND, _LONGEST = 60.0, 1e7, 1800.0  # of processor time, on the slowest machine
_MEMORY = 1 << 32
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
    scale, zero_point = float(tensor["scale"]), int(tensor["zero_point"])
    return TensorInfo(
        str(tensor["name"]), shape, str(tensor["dtype"]), scale, zero_point, read_units(tensor.get("features"))
    )


class CSession:
    """A folder of C, ready to run; see `edgernn.devices.host.session.Session`. Every run begins anew.

    It runs in a guarded child of its own, and ends with this object: what is in a folder may have been changed.
    """

    runtime: Runtime = "c"

    def __init__(self, project: CProject) -> None:
        """Compile and load it.

        Raises:
            InputError: it does not compile, or cannot be loaded.
            EnvironmentProblem: there is no C compiler.
        """
        self.project = project
        self.inputs, self.outputs = project.inputs, project.outputs
        start = time.perf_counter()
        compiler = find_compiler()
        sizes = [_whole(project, key) for key in ("scratch_bytes", "state_bytes")]
        self._seconds = min(_SECONDS + _whole(project, "macs") / _MACS_PER_SECOND, _LONGEST)
        library = _library(project, compiler)
        self._child = guarded.Child()
        self.close = weakref.finalize(self, self._child.close)
        self._call(c_library.load, str(library), project.name, *sizes)
        self.description = f"C, {Path(compiler).name} {' '.join(FLAGS[:3])}"
        self._fed: list[bytes] = []
        self.opening = Opening(time.perf_counter() - start, 0.0)

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Run a whole sequence.

        Raises:
            InputError: the C crashed, or did not come to an end.
        """
        self.feed(values)
        return self._named(self._call(c_library.run, self._fed, _sizes(self.outputs)), self.outputs)

    def feed(self, values: Mapping[str, Array]) -> None:
        """Set the inputs only."""
        self._fed = _contents(values, self.inputs)

    def invoke(self) -> None:
        """Compute from the inputs that were fed last; it takes the way to the child and back, `take_times` does not."""
        self._call(c_library.run, self._fed, _sizes(self.outputs))

    def take_times(self, count: int, seconds: float) -> NDArray[np.float64]:
        """Seconds of each of `count` runs on the inputs that were fed last, or of as many as fit into some seconds."""
        return np.array(self._call(c_library.take_times, self._fed, _sizes(self.outputs), count, seconds))

    def begin_stream(self) -> bytes:
        """Begin a stream; its state.

        Raises:
            InputError: the C crashed, or has no step.
        """
        return self._call(c_library.reset)

    def step(
        self, values: Mapping[str, Array], inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]
    ) -> tuple[dict[str, Array], bytes]:
        """Take a step of the stream: its answers, and its state then.

        Raises:
            InputError: the C crashed, or did not come to an end.
        """
        answers, state = self._call(c_library.step, _contents(values, inputs), _sizes(outputs))
        return self._named(answers, outputs), state

    def reset(self) -> None:
        """There is nothing to forget: a run begins with the initial state."""

    def _call(self, function: Callable[..., T], *arguments: object) -> T:
        try:
            return self._child.call(function, *arguments, seconds=self._seconds, memory=_MEMORY)
        except guarded.ChildError as error:
            raise InputError(
                f"artifact '{self.project.folder}': its C must run on this machine. Found: {error.reason}.",
                hint="convert again, in case somebody changed the folder; if it still fails, report it with the model.",
            ) from error
        except OSError as error:  # of the loader
            raise InputError(
                f"artifact '{self.project.folder}': its C must be loadable. Found: {error}.", hint="convert again."
            ) from error

    def _named(self, answers: Sequence[bytes], infos: Sequence[TensorInfo]) -> dict[str, Array]:
        arrays = [
            np.frombuffer(answer, storage(info.dtype)).reshape(info.shape)
            for info, answer in zip(infos, answers, strict=True)
        ]
        return {info.name: array.astype(info.dtype) for info, array in zip(infos, arrays, strict=True)}


def _sizes(infos: Sequence[TensorInfo]) -> list[int]:
    """Bytes of each."""
    return [math.prod(info.shape) * np.dtype(storage(info.dtype)).itemsize for info in infos]


def _contents(values: Mapping[str, Array], infos: Sequence[TensorInfo]) -> list[bytes]:
    """Inputs as C reads them.

    Raises:
        InputError: one is of another size, so that C would read beyond it.
    """
    arrays = [np.ascontiguousarray(values[info.name], storage(info.dtype)) for info in infos]
    for info, array in zip(infos, arrays, strict=True):
        if array.size != math.prod(info.shape):
            message = f"input '{info.name}': must have the shape {list(info.shape)}. Found: {list(array.shape)}."
            raise InputError(message, hint="give what the artifact was made for.")
    return [array.tobytes() for array in arrays]


def _whole(project: CProject, key: str) -> int:
    """A number in the folder's description of itself."""
    value = project.own.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 62:
        message = f"artifact '{project.folder}': {MANIFEST} must have a whole number as '{key}'. Found: {value!r}."
        raise InputError(message, hint=_HINT)
    return value


def storage(dtype: str) -> str:
    """The type in C of a tensor's elements."""
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


_built: dict[str, tempfile.TemporaryDirectory[str]] = {}  # folders with a library each, the newest last
_KEPT = 4


def _library(project: CProject, compiler: str) -> Path:
    """The compiled project; sessions of the same sources share one, as a stream and its window do."""
    parts = [compiler, os.environ.get("CFLAGS", ""), project.name]
    digest = hashlib.sha256("\0".join(parts).encode())
    for path in sorted((project.folder / "src").glob("*")):
        if path.is_file() and os.access(path, os.R_OK):  # the compiler tells about one that is not
            digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    key = digest.hexdigest()
    folder = _built.pop(key, None)
    if folder is None:
        folder = tempfile.TemporaryDirectory(prefix="edgernn-c-", ignore_cleanup_errors=True)
        compile_library(project, compiler, Path(folder.name) / "model.so")
    _built[key] = folder
    while len(_built) > _KEPT:
        _built.pop(next(iter(_built))).cleanup()  # what is loaded stays so when the file is gone
    return Path(folder.name) / "model.so"


def compile_library(project: CProject, compiler: str, library: Path) -> None:
    """Compile a project into a shared library for this machine; the environment's CFLAGS are added.

    Raises:
        InputError: the compiler refuses it.
    """
    include = str(project.folder / "src")
    own = os.environ.get("CFLAGS", "").split()
    command = [compiler, *FLAGS, *own, "-I", include, str(project.source), "-o", str(library), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines() or ["?"]
        raise InputError(
            f"artifact '{project.folder}': must compile with {compiler}. Found: {lines[0][:200]}",
            hint="convert again; if it still does not, report it with the model.",
        )
