"""One interface to every runtime of this machine: open an artifact, run it, forget its state."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edgernn.converters.tflite.file import FileTensor, TfliteFile
from edgernn.converters.tflite.reader import read_tflite
from edgernn.errors import InputError
from edgernn.feature_units import FeatureUnits, read_units

if TYPE_CHECKING:
    from edgernn.devices.host.c import CProject

Array = NDArray[Any]
Runtime = Literal["litert", "micro", "c"]
RUNTIMES: tuple[Runtime, ...] = ("litert", "micro", "c")
_CONVERT = "make one with edgernn convert --format c."


@dataclass(frozen=True)
class TensorInfo:
    """An input or an output of an artifact.

    Attributes:
        name: unique among the inputs, or among the outputs.
        shape: with the batch axis, which is 1.
        dtype: NumPy's name of its type.
        scale: what one unit of an integer stands for; 0 if the numbers stand for themselves.
        zero_point: the integer that stands for 0.
        units: of the features of an input that are rounded one by one; `scale` and `zero_point` are then of
            (x - offset) * factor.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int
    units: FeatureUnits | None = None

    def quantize(self, real: Array) -> Array:
        """Real numbers as the tensor takes them: rounded and saturated, or only cast if it has no scale."""
        if not self.scale:
            return real.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        shared = real.astype(np.float64) if self.units is None else self.units.apply(real)
        integers = np.round(shared / self.scale) + self.zero_point
        return np.clip(integers, limits.min, limits.max).astype(self.dtype)

    def dequantize(self, values: Array) -> Array:
        """The real numbers, float32, that a tensor's values stand for."""
        if not self.scale:
            return values.astype(np.float32)
        shared = (values.astype(np.float64) - self.zero_point) * self.scale
        return (shared if self.units is None else self.units.undo(shared)).astype(np.float32)

    def noise(self, seed: int = 0) -> Array:
        """An input to measure with: standard normal numbers where those make sense, else ones of a mask, zeros of ids.

        Ids are 0, since it is not known how many there are.
        """
        if self.dtype == "bool":
            return np.ones(self.shape, np.bool_)
        if not self.scale and not self.dtype.startswith("float"):
            return np.zeros(self.shape, self.dtype)
        noise = np.random.default_rng(seed).standard_normal(self.shape).astype(np.float32)
        return replace(self, units=None).quantize(noise)

    @property
    def limits(self) -> tuple[float, float]:
        """The smallest and largest real number that the tensor can hold; infinite for one without a scale.

        Of an input whose features have units they are those of (x - offset) * factor.
        """
        if not self.scale:
            return -np.inf, np.inf
        ends = np.iinfo(self.dtype)
        return (ends.min - self.zero_point) * self.scale, (ends.max - self.zero_point) * self.scale


@dataclass(frozen=True)
class Opening:
    """Seconds that it took to make an artifact ready to run.

    Attributes:
        load: reading the model and making an interpreter for it.
        allocate: planning and taking memory, delegates included; TFLite-Micro does both as one, under `load`.
    """

    load: float
    allocate: float


class Session(Protocol):
    """An artifact that is ready to run.

    Attributes:
        runtime: as on the command line.
        description: the package that brings the runtime, with its version.
        inputs: of the artifact, in its order.
        outputs: likewise.
        opening: how long it took to get ready.
    """

    runtime: Runtime
    description: str
    opening: Opening
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Run once: one array per input, of its shape and type; copies of the outputs, likewise."""

    def feed(self, values: Mapping[str, Array]) -> None:
        """Set the inputs only."""

    def invoke(self) -> None:
        """Compute only, from the inputs that were fed last: what a latency is."""

    def reset(self) -> None:
        """Forget the state that earlier runs have left."""


def runtimes_of(artifact: TfliteFile | CProject) -> tuple[Runtime, ...]:
    """What can run it, the usual one first."""
    return ("litert", "micro") if isinstance(artifact, TfliteFile) else ("c",)


def open_session(
    source: str | os.PathLike[str] | bytes | TfliteFile | CProject, runtime: str, *, threads: int = 1
) -> Session:
    """Open an artifact.

    The file is checked first, but a kernel can still crash the process on a file that was made to do so or whose
    weights' shapes do not suit; `edgernn.devices.host.probe` tries an unknown file in a process of its own.

    Args:
        source: path or content of a .tflite file, or a folder of C.
        runtime: one of `RUNTIMES`.
        threads: how many LiteRT may use.

    Raises:
        InputError: no such file, damaged, not for this runtime, or no such runtime.
        EnvironmentProblem: the runtime is not installed.
    """
    if runtime not in RUNTIMES:
        raise InputError(
            f"runtime: must be one of {', '.join(RUNTIMES)}. Found: '{runtime}'.",
            hint="litert is for phones and Raspberry Pi, micro for microcontrollers, c for a folder of C.",
        )
    if runtime == "c":
        from edgernn.devices.host.c import CProject, CSession, read_c_project

        if isinstance(source, (bytes, TfliteFile)):
            raise InputError(
                "artifact: must be a folder of C to run as C. Found: a .tflite.", hint="convert --format c."
            )
        return CSession(source if isinstance(source, CProject) else read_c_project(source))
    if not isinstance(source, (str, os.PathLike, bytes, TfliteFile)):
        raise InputError("artifact: must be a .tflite file. Found: a folder of C.", hint="choose --runtime c.")
    file = source if isinstance(source, TfliteFile) else read_tflite(source)
    if runtime == "micro":
        from edgernn.devices.host.micro import MicroSession

        return MicroSession(file)
    from edgernn.devices.host.litert import LiteRtSession

    return LiteRtSession(file, threads)


def tensor_infos(file: TfliteFile, *, outputs: bool = False) -> tuple[TensorInfo, ...]:
    """The artifact's inputs or outputs, as the file describes them, under unique names."""
    indices = file.main.outputs if outputs else file.main.inputs
    units = file.own.get("features", {})
    units = units if isinstance(units, Mapping) else {}
    found: dict[str, TensorInfo] = {}
    for position, (index, name) in enumerate(zip(indices, file.names(indices, outputs=outputs), strict=True)):
        if not name or name in found:
            name = f"{name or ('output' if outputs else 'input')}_{position}"
        info = tensor_info(name, file.main.tensors[index])
        found[name] = info if outputs or not info.scale else replace(info, units=read_units(units.get(name)))
    return tuple(found.values())


def tensor_info(name: str, tensor: FileTensor) -> TensorInfo:
    """What a caller must know of a tensor."""
    quantized = tensor.dtype in ("int8", "uint8", "int16")
    scale = tensor.scale if quantized else 0.0
    return TensorInfo(name, tensor.shape, tensor.dtype, scale, tensor.zero_point if scale else 0)
