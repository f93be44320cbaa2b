"""LiteRT's C interface, the only one with a profiler: a compiled model and what each of its events took.

The calls and structures are those of ai-edge-litert 2.x. A wrong guess about them can crash the process, so only
`edgernn.devices.host.operator_times` uses this, in a process of its own.
"""

from __future__ import annotations

import ctypes
import time
from collections import Counter
from collections.abc import Mapping
from ctypes import Structure, byref, c_char_p, c_int, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from edgernn.converters.tflite.file import TfliteFile
from edgernn.devices.host.packages import LITERT_PACKAGES
from edgernn.devices.host.session import tensor_info
from edgernn.errors import EnvironmentProblem, InputError

Kernels = Literal["delegate", "builtin"]

OPERATOR, DELEGATED = 2, 4 | 8  # types of events, bits
_CPU, _WRITE = 1, 1  # LiteRtHwAccelerators, LiteRtTensorBufferLockMode
_LARGEST_BUFFER = 512 * 1024  # events; the profiler drops those of a longer run
_Destructor = ctypes.CFUNCTYPE(None, c_void_p)
_keep = _Destructor(lambda _: None)  # the options' text belongs to Python


class _TensorType(Structure):
    """LiteRtRankedTensorType: the type, bits of rank and strides, both of up to 8 axes."""

    _fields_ = (("type", c_int), ("bits", c_uint32), ("shape", c_int32 * 8), ("strides", c_uint32 * 8))


class _ProfiledEvent(Structure):
    """ProfiledEventData: times in microseconds, and memory, which nobody asks here."""

    _fields_ = (
        *(("tag", c_char_p), ("type", c_int), ("start", c_uint64), ("microseconds", c_uint64)),
        *(("memory", c_size_t * 6), ("node", c_uint64), ("subgraph", c_uint64), ("source", c_int)),
    )


@dataclass(frozen=True)
class Event:
    """What the profiler calls one event, summed over one run.

    Attributes:
        name: of the operator, or XNNPACK's own name of what it runs.
        type: see `OPERATOR` and `DELEGATED`.
        node: index of the operator in its subgraph, or of XNNPACK's operator in its own graph.
    """

    name: str
    type: int
    node: int
    subgraph: int


@dataclass(frozen=True)
class Figures:
    """Of one kind of event: calls in one run, and the microseconds of all of them; or means of runs."""

    calls: float
    microseconds: float


class CompiledModel:
    """A file that is ready to run, on noise; it lives as long as the process."""

    def __init__(self, file: TfliteFile, *, kernels: Kernels, threads: int, profile: bool) -> None:
        """Compile it.

        Args:
            file: the model.
            kernels: of the default delegate, or LiteRT's own only.
            threads: how many it may use.
            profile: make the profiler part of it; it costs time even while it is stopped.

        Raises:
            EnvironmentProblem: the library cannot be loaded or has not these functions.
            InputError: LiteRT refuses the file.
        """
        self._library = _library()
        environment = self._new("LiteRtCreateEnvironment", 0, None)
        self._content = ctypes.create_string_buffer(file.content, len(file.content))
        size = c_size_t(len(file.content))
        model = self._new("LiteRtCreateModelFromBuffer", environment, self._content, size)
        options = self._new("LiteRtCreateOptions")
        self._call("LiteRtSetOptionsHardwareAccelerators", options, _CPU)
        settings = {
            b"runtime_options_string": f"enable_profiling = {str(profile).lower()}\n",
            b"xnnpack": f'kernel_mode = "{kernels}"\nnum_threads = {threads}\n',
        }
        self._texts = {name: ctypes.create_string_buffer(text.encode()) for name, text in settings.items()}
        for name, text in self._texts.items():
            self._call("LiteRtAddOpaqueOptions", options, self._new("LiteRtCreateOpaqueOptions", name, text, _keep))
        self._model = self._new("LiteRtCreateCompiledModel", environment, model, options)
        self._profiler = self._new("LiteRtCompiledModelGetProfiler", self._model) if profile else None
        signature = self._new("LiteRtGetModelSignature", model, c_size_t(0))
        self._inputs = self._buffers("Input", environment, signature, file)
        self._outputs = self._buffers("Output", environment, signature, file)

    def run(self) -> float:
        """Seconds of one run."""
        run, inputs, outputs = self._library.LiteRtRunCompiledModel, self._inputs, self._outputs
        arguments = (self._model, c_size_t(0), c_size_t(len(inputs)), inputs, c_size_t(len(outputs)), outputs)
        start = time.perf_counter()
        status = run(*arguments)
        elapsed = time.perf_counter() - start
        if status:
            raise InputError(f"artifact: must run on LiteRT. Found: status {status}.", hint="run edgernn verify on it.")
        return elapsed

    def profiled_run(self) -> tuple[float, Mapping[Event, Figures]]:
        """Seconds of one run, and its events; the profiler starts anew, since its own cost grows with what it holds."""
        self._call("LiteRtStartProfiler", self._profiler)
        elapsed = self.run()
        self._call("LiteRtStopProfiler", self._profiler)
        count = c_int()
        self._call("LiteRtGetNumProfilerEvents", self._profiler, byref(count))
        if count.value >= _LARGEST_BUFFER:
            raise InputError("artifact: a run must make fewer events than the profiler holds.", hint="use fewer steps.")
        events = (_ProfiledEvent * max(count.value, 1))()
        self._call("LiteRtGetProfilerEvents", self._profiler, count, events)
        calls: Counter[Event] = Counter()
        microseconds: Counter[Event] = Counter()
        for position in range(count.value):
            event = events[position]
            if event.type & (OPERATOR | DELEGATED):
                kind = Event(event.tag.decode(errors="replace"), event.type, event.node, event.subgraph)
                calls[kind] += 1
                microseconds[kind] += event.microseconds
        return elapsed, {kind: Figures(calls[kind], microseconds[kind]) for kind in calls}

    def _buffers(self, kind: str, environment: c_void_p, signature: c_void_p, file: TfliteFile) -> Any:
        count = c_size_t()
        self._call(f"LiteRtGetNumSignature{kind}s", signature, byref(count))
        buffers = []
        for position in map(c_size_t, range(count.value)):
            tensor = self._new(f"LiteRtGetSignature{kind}TensorByIndex", signature, position)
            kind_of, name = _TensorType(), c_char_p()
            self._call("LiteRtGetRankedTensorType", tensor, byref(kind_of))
            self._call("LiteRtGetTensorName", tensor, byref(name))
            what = f"LiteRtGetCompiledModel{kind}BufferRequirements"
            required = self._new(what, self._model, c_size_t(0), position)
            create = "LiteRtCreateManagedTensorBufferFromRequirements"
            buffers.append(self._new(create, environment, byref(kind_of), required))
            self._fill(buffers[-1], (name.value or b"").decode(errors="replace"), file)
        return (c_void_p * len(buffers))(*buffers)

    def _fill(self, buffer: c_void_p, name: str, file: TfliteFile) -> None:
        """Noise where the file knows the tensor's type by its name, else zeros."""
        size, memory = c_size_t(), c_void_p()
        self._call("LiteRtGetTensorBufferPackedSize", buffer, byref(size))
        tensors = {tensor.name: tensor for tensor in file.main.tensors}
        content = tensor_info(name, tensors[name]).noise().tobytes() if name in tensors else b""
        self._call("LiteRtLockTensorBuffer", buffer, byref(memory), _WRITE)
        ctypes.memmove(memory, content if len(content) == size.value else bytes(size.value), size.value)
        self._call("LiteRtUnlockTensorBuffer", buffer)

    def _new(self, function: str, *arguments: Any) -> c_void_p:
        """The handle that a function writes to its last argument."""
        handle = c_void_p()
        self._call(function, *arguments, byref(handle))
        return handle

    def _call(self, function: str, *arguments: Any) -> None:
        try:
            status = getattr(self._library, function)(*arguments)
        except AttributeError as error:
            raise EnvironmentProblem(
                f"{LITERT_PACKAGES[0].package}: its library must have {function}. Found: none.",
                hint=f"pip install --upgrade {LITERT_PACKAGES[0].package}",
            ) from error
        if status:
            raise InputError(
                f"artifact: LiteRT's profiler must take it. Found: {function} answers {status}.",
                hint="latency and verification do without the profiler.",
            )


def _library() -> ctypes.CDLL:
    """The library beside the package's Python modules."""
    package = LITERT_PACKAGES[0]
    spec = find_spec(package.module)
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = [path for folder in folders for path in sorted(Path(folder).glob("libLiteRt.*"))]
    if not found:
        raise EnvironmentProblem(
            f"{package.package}: must bring libLiteRt. Found: none.", hint=f"pip install --upgrade {package.package}"
        )
    return ctypes.CDLL(str(found[0]))
