"""A TFLite model as plain data, and its encoding as a flatbuffer that stores equal parts once.

The stock object API writes every tensor's shape, scale and zero point anew, which for a small recurrent model is as
much as its weights. A flatbuffer may point to one table from many places, so equal vectors, quantization tables, whole
tensor entries and weight buffers are written once here. Readers cannot tell the difference.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import mmap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np

from edgernn.errors import missing_extra
from edgernn.graph.memory import let_go

_NUMPY_TYPES = {
    "float32": "FLOAT32",
    "float16": "FLOAT16",
    "int32": "INT32",
    "int8": "INT8",
    "int64": "INT64",
    "bool": "BOOL",
    "int16": "INT16",
    "resource": "RESOURCE",
}
_PIECE = 1 << 20  # bytes that are copied at a time, whole pages
_LARGE = 1 << 24  # bytes of a file that is worth giving back memory for
_ALIGNMENT = 16  # of weight buffers, as the schema demands (`force_align: 16`)


def schema() -> Any:
    """The official generated schema classes, imported only when a model is read or written.

    Raises:
        EnvironmentProblem: no package that carries them is installed.
    """
    for package in ("ai_edge_litert", "tflite_micro.tensorflow.lite.python", "tensorflow.lite.python"):
        try:
            return importlib.import_module(f"{package}.schema_py_generated")
        except ImportError:
            continue
    raise missing_extra("ai-edge-litert", "convert", "Reading or writing a .tflite file")


@dataclass(frozen=True)
class TfTensor:
    """One tensor of a subgraph.

    Attributes:
        shape: with the batch axis.
        dtype: a NumPy type name, or ``resource``.
        data: the constant's value, or None for an activation.
        scales: one per tensor or one per channel; empty when the tensor is not quantized.
        zero_point: the same for all channels.
        axis: the channels' axis, when there are several scales.
        name: empty where nobody needs one.
        variable: kept between calls.
    """

    shape: tuple[int, ...]
    dtype: str
    data: np.ndarray | None = None
    scales: tuple[float, ...] = ()
    zero_point: int = 0
    axis: int = 0
    name: str = ""
    variable: bool = False


@dataclass(frozen=True)
class TfOperator:
    """One operator: its builtin code, version, tensor indices (-1 for an absent input) and options object."""

    code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any = None
    version: int = 1


@dataclass
class TfSubgraph:
    """Tensors and operators in execution order; inputs and outputs are tensor indices."""

    name: str = ""
    tensors: list[TfTensor] = field(default_factory=list)
    operators: list[TfOperator] = field(default_factory=list)
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()


@dataclass(frozen=True)
class TfSignature:
    """A named entry point: names of the inputs and outputs of one subgraph, with their tensor indices."""

    key: str
    subgraph: int
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class TfModel:
    """A whole model: the first subgraph is the main one."""

    subgraphs: tuple[TfSubgraph, ...]
    signatures: tuple[TfSignature, ...] = ()
    description: str = ""


class _Encoder:
    """Writes into one flatbuffers builder; every `memo`-ised part is written once."""

    def __init__(self, room: int) -> None:
        self.s = schema()
        self.builder = flatbuffers.Builder(0)
        self.builder.Bytes = _room(room)
        self.builder.head = room
        self.memo: dict[Any, int] = {}
        self.buffers: list[np.ndarray] = [np.zeros(0)]
        self.buffer_index: dict[bytes, int] = {}
        self.codes: dict[str, int] = {}  # the version of each builtin, in the order of first use

    def vector(self, values: Sequence[float], dtype: str) -> int:
        array = np.asarray(values, dtype)
        key = (dtype, array.tobytes())
        if key not in self.memo:
            self.memo[key] = self.builder.CreateNumpyVector(array)
        return self.memo[key]

    def text(self, value: str) -> int:
        key = ("text", value)
        if key not in self.memo:
            self.memo[key] = self.builder.CreateString(value)
        return self.memo[key]

    def table(self, name: str, fields: dict[str, Any]) -> int:
        """Write a table from its set fields; scalars equal to the schema's default are left out by the builder."""
        key = (name, tuple(fields.items()))
        if key not in self.memo:
            getattr(self.s, f"{name}Start")(self.builder)
            for attribute, value in fields.items():
                getattr(self.s, f"{name}Add{attribute}")(self.builder, value)
            self.memo[key] = getattr(self.s, f"{name}End")(self.builder)
        return self.memo[key]

    def offsets(self, items: Sequence[int]) -> int:
        self.builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            self.builder.PrependUOffsetTRelative(item)
        return int(self.builder.EndVector())

    def buffer(self, data: np.ndarray) -> int:
        if not data.size:
            return 0
        content = digest(data)
        let_go([data])
        if content not in self.buffer_index:
            self.buffer_index[content] = len(self.buffers)
            self.buffers.append(data)
        return self.buffer_index[content]

    def tensor(self, tensor: TfTensor) -> int:
        fields: dict[str, Any] = {"Type": getattr(self.s.TensorType, _NUMPY_TYPES[tensor.dtype])}
        fields["Shape"] = self.vector(tensor.shape, "int32")
        if tensor.data is not None:
            fields["Buffer"] = self.buffer(tensor.data)
        if tensor.scales:
            quantization = {
                "Scale": self.vector(tensor.scales, "float32"),
                "ZeroPoint": self.vector([tensor.zero_point] * len(tensor.scales), "int64"),
            }
            if len(tensor.scales) > 1:
                quantization["QuantizedDimension"] = tensor.axis
            fields["Quantization"] = self.table("QuantizationParameters", quantization)
        if tensor.variable:
            fields["IsVariable"] = True
        if tensor.name:
            fields["Name"] = self.text(tensor.name)
        return self.table("Tensor", fields)

    def operator(self, operator: TfOperator) -> int:
        # One code for all operators of a kind: who reads the highest version reads the lower ones, too.
        self.codes[operator.code] = max(operator.version, self.codes.get(operator.code, 1))
        fields: dict[str, Any] = {"OpcodeIndex": list(self.codes).index(operator.code)}
        fields["Inputs"] = self.vector(operator.inputs, "int32")
        fields["Outputs"] = self.vector(operator.outputs, "int32")
        if operator.options is not None:
            name = type(operator.options).__name__.removesuffix("T")
            key = ("options", name, repr(sorted(vars(operator.options).items())))
            if key not in self.memo:
                self.memo[key] = operator.options.Pack(self.builder)
            if hasattr(self.s.BuiltinOptions, name):
                fields["BuiltinOptionsType"] = getattr(self.s.BuiltinOptions, name)
                fields["BuiltinOptions"] = self.memo[key]
            else:
                fields["BuiltinOptions2Type"] = getattr(self.s.BuiltinOptions2, name)
                fields["BuiltinOptions2"] = self.memo[key]
        return self.table("Operator", fields)

    def subgraph(self, graph: TfSubgraph) -> int:
        fields = {
            "Tensors": self.offsets([self.tensor(tensor) for tensor in graph.tensors]),
            "Inputs": self.vector(graph.inputs, "int32"),
            "Outputs": self.vector(graph.outputs, "int32"),
            "Operators": self.offsets([self.operator(operator) for operator in graph.operators]),
        }
        if graph.name:
            fields["Name"] = self.text(graph.name)
        return self.table("SubGraph", fields)

    def signature(self, signature: TfSignature) -> int:
        def maps(pairs: Sequence[tuple[str, int]]) -> int:
            tables = [self.table("TensorMap", {"Name": self.text(name), "TensorIndex": i}) for name, i in pairs]
            return self.offsets(tables)

        fields = {
            "Inputs": maps(signature.inputs),
            "Outputs": maps(signature.outputs),
            "SignatureKey": self.text(signature.key),
            "SubgraphIndex": signature.subgraph,
        }
        return self.table("SignatureDef", fields)

    def operator_code(self, code: str, version: int) -> int:
        number = getattr(self.s.BuiltinOperator, code)
        # Runtimes from before 2020 read only the one-byte field; 127 is its mark for "see the wide one".
        fields = {"DeprecatedBuiltinCode": min(number, 127), "BuiltinCode": number, "Version": version}
        return self.table("OperatorCode", fields)

    def data(self, content: np.ndarray) -> int:
        if not content.size:
            return self.table("Buffer", {})
        self.builder.StartVector(1, content.nbytes, _ALIGNMENT)
        self.builder.head = head = self.builder.head - content.nbytes
        place = np.frombuffer(self.builder.Bytes, content.dtype, content.size, head).reshape(content.shape)
        axis = int(np.argmax(np.abs(content.strides))) if content.ndim else 0
        for source, target in zip(_pieces(content, axis), _pieces(place, axis), strict=True):
            target[...] = source  # a transposed array is laid out anew on the way
            let_go([source])
        return self.table("Buffer", {"Data": self.builder.EndVector()})

    def model(self, model: TfModel) -> bytes:
        fields: dict[str, Any] = {"Version": 3, "Description": self.text(model.description)}
        fields["Subgraphs"] = self.offsets([self.subgraph(graph) for graph in model.subgraphs])
        fields["OperatorCodes"] = self.offsets([self.operator_code(*code) for code in self.codes.items()])
        if model.signatures:
            fields["SignatureDefs"] = self.offsets([self.signature(signature) for signature in model.signatures])
        fields["Buffers"] = self.offsets([self.data(content) for content in self.buffers])
        self.builder.Finish(self.table("Model", fields), b"TFL3")
        return _drained(self.builder.Bytes, self.builder.Head())


def _pieces(array: np.ndarray, axis: int) -> list[np.ndarray]:
    """Views of some megabytes each that lie one after the other along an axis; of a small array, itself."""
    count = min(-(-array.nbytes // (4 * _PIECE)), array.shape[axis]) if array.ndim else 1
    return np.array_split(array, count, axis) if count > 1 else [array]


def _room(size: int) -> bytearray | mmap.mmap:
    """Memory to build in; of a large file, memory that can be given back piece by piece."""
    if size < _LARGE or not hasattr(mmap, "MADV_DONTNEED"):
        return bytearray(size)
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def _drained(memory: bytearray | mmap.mmap, head: int) -> bytes:
    """What was built, in memory of its own; that of the builder is given back on the way, not afterwards."""
    if isinstance(memory, bytearray):
        return bytes(memoryview(memory)[head:])
    content = io.BytesIO()
    with memoryview(memory) as view:
        for start in range(0, len(memory), _PIECE):
            content.write(view[max(start, head) : start + _PIECE])
            memory.madvise(mmap.MADV_DONTNEED, start, min(_PIECE, len(memory) - start))
    return content.getvalue()


def encode(model: TfModel) -> bytes:
    """The flatbuffer of `model`: deterministic, equal parts stored once.

    Raises:
        EnvironmentProblem: the schema classes are not installed.
    """
    # Room for every constant beforehand: a builder that has to grow copies what it has.
    constants = {
        id(tensor.data): tensor.data.nbytes
        for graph in model.subgraphs
        for tensor in graph.tensors
        if tensor.data is not None
    }
    return _Encoder((1 << 16) + sum(constants.values())).model(model)


def digest(array: np.ndarray) -> bytes:
    """What tells one content from another, without keeping it."""
    rows = array.reshape(-1) if array.ndim < 2 else array
    while len(rows) == 1 and rows.ndim > 1:
        rows = rows[0]
    found = hashlib.sha256()
    if rows.size:
        step = max(1, _PIECE * len(rows) // rows.nbytes)
        for start in range(0, len(rows), step):
            found.update(np.ascontiguousarray(rows[start : start + step]).reshape(-1).view(np.uint8).data)
    return found.digest()
