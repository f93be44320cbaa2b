"""Reads any .tflite, ours or not, and refuses one whose parts do not fit together.

The runtimes trust their file: an index that points outside of the tensors crashes them. What passes here is consistent
in its indices, shapes and sizes; whether a kernel likes it is for the runtime to say.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from edgernn.converters.tflite.file import BITS, FileOperator, FileSignature, FileSubgraph, FileTensor, TfliteFile
from edgernn.converters.tflite.flatbuffer import schema
from edgernn.converters.tflite.flatbytes import DamagedError, FlatBytes, Table
from edgernn.errors import InputError

_DEEPEST = 32
_LARGEST_BITS = 1 << 36  # of one tensor
# Where the options of operators keep what kernels differ in.
_ACTIVATION = {
    **dict.fromkeys(("FULLY_CONNECTED", "ADD", "SUB", "MUL", "DIV", "L2_NORMALIZATION"), 0),
    **dict.fromkeys(("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"), 0),
    **dict.fromkeys(("CONCATENATION", "SVDF"), 1),
    **dict.fromkeys(("CONV_2D", "TRANSPOSE_CONV"), 3),
    "DEPTHWISE_CONV_2D": 4,
    **dict.fromkeys(("MAX_POOL_2D", "AVERAGE_POOL_2D", "L2_POOL_2D"), 5),
}
_BIAS_TYPE = {"FULLY_CONNECTED": 4, "CONV_2D": 6, "TRANSPOSE_CONV": 4}
_CALLS = {"WHILE": 2, "IF": 2, "CALL_ONCE": 1, "STABLEHLO_WHILE": 2}  # operators that name other subgraphs


def read_tflite(source: str | os.PathLike[str] | bytes, where: str = "") -> TfliteFile:
    """Read a file, or its content.

    Args:
        source: a path, or the bytes.
        where: what messages call the file; by default its path.

    Raises:
        InputError: there is no such file, it is no .tflite, or it is truncated or damaged.
        EnvironmentProblem: no package that knows the operators' names is installed.
    """
    where = where or (f"artifact '{source!s}'" if not isinstance(source, bytes) else "artifact")
    content = source if isinstance(source, bytes) else _content(Path(source), where)
    if content[4:8] != b"TFL3":
        found = "an empty file" if not content else "another kind of file"
        raise InputError(f"{where}: must be a .tflite model. Found: {found}.", hint="make one with edgernn convert.")
    try:
        return _Reader(content).read()
    except DamagedError as error:
        raise damaged(where, error) from error


def damaged(where: str, error: DamagedError) -> InputError:
    """The error for a file that breaks the format."""
    return InputError(
        f"{where}: must be a complete .tflite model. Found: damaged or truncated: {error}.",
        hint="copy the file again, or make it again with edgernn convert.",
    )


def _content(path: Path, where: str) -> bytes:
    try:
        if path.is_dir():
            raise InputError(f"{where}: must be a file. Found: a folder.", hint="give a .tflite file.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{where}: must be an existing file. Found: none.", hint="check the path.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{where}: must be readable. Found: {reason}.", hint="check the path.") from error


class _Reader:
    """Decodes one file; field numbers are those of the schema, `schema.fbs` of the format's version 3."""

    def __init__(self, content: bytes) -> None:
        names = schema()
        self.types = {value: key.lower() for key, value in vars(names.TensorType).items() if isinstance(value, int)}
        self.codes = {value: key for key, value in vars(names.BuiltinOperator).items() if isinstance(value, int)}
        functions = vars(names.ActivationFunctionType).items()
        self.activations = {value: key for key, value in functions if isinstance(value, int)}
        self.content = content
        self.known: dict[Table, FileTensor] = {}

    def read(self) -> TfliteFile:
        model = FlatBytes(self.content).root()
        if model.scalar(0, "I") != 3:
            raise DamagedError(f"the format's version is {model.scalar(0, 'I')}, not 3")
        self.buffers = [self.buffer(table) for table in model.list(4)]
        self.operator_codes = [self.operator_code(table) for table in model.list(1)]
        tables = model.list(2)
        subgraphs = tuple(self.subgraph(table, len(tables)) for table in tables)
        if not subgraphs:
            raise DamagedError("there is no subgraph")
        _refuse_cycles(subgraphs)
        return TfliteFile(
            self.content,
            subgraphs,
            tuple(self.signature(table, subgraphs) for table in model.list(7)),
            tuple(self.buffers),
            {table.text(0): self.entry(table) for table in model.list(6)},
            model.text(3),
        )

    def buffer(self, table: Table) -> tuple[int, int]:
        found = table.raw(0)
        position, size = found if found and found[1] else (table.scalar(1, "Q"), table.scalar(2, "Q"))
        if position <= 1:  # a file of less than 2 GiB: no data behind the flatbuffer
            return 0, 0
        table.source.check(position, size)
        return position, size

    def entry(self, table: Table) -> bytes:
        index = table.scalar(1, "I")
        _within(index, len(self.buffers), "a metadata entry's buffer")
        position, size = self.buffers[index]
        return self.content[position : position + size]

    def operator_code(self, table: Table) -> tuple[str, int, bool]:
        number = max(table.scalar(0, "b"), table.scalar(3, "i"))
        name = self.codes.get(number)
        if name is None:
            raise DamagedError(f"there is no operator number {number}")
        custom = name == "CUSTOM"
        return (table.text(1) or name) if custom else name, table.scalar(2, "i", 1), custom

    def subgraph(self, table: Table, subgraphs: int) -> FileSubgraph:
        tensors = tuple(self.tensor(entry) for entry in table.list(0))
        inputs, outputs = table.integers(1), table.integers(2)
        for index in (*inputs, *outputs):
            _within(index, len(tensors), "an input or output of a subgraph")
        operators = tuple(self.operator(entry, len(tensors), subgraphs) for entry in table.list(3))
        return FileSubgraph(table.text(4), tensors, operators, inputs, outputs)

    def tensor(self, table: Table) -> FileTensor:
        if table not in self.known:
            self.known[table] = self.new_tensor(table)
        return self.known[table]

    def new_tensor(self, table: Table) -> FileTensor:
        name, shape, buffer = table.text(3), table.integers(0), table.scalar(2, "I")
        kind = self.types.get(table.scalar(1, "b"))
        if kind is None:
            raise DamagedError(f"tensor '{name}' has an unknown type")
        _within(buffer, len(self.buffers), f"the buffer of tensor '{name}'")
        data_bytes = self.buffers[buffer][1]
        if min(shape, default=0) < 0 or math.prod(shape) * BITS.get(kind, 8) >= _LARGEST_BITS:
            raise DamagedError(f"tensor '{name}' has the shape {list(shape)}")
        sparse = table.table(6) is not None
        if data_bytes and kind in BITS and not sparse and data_bytes != -(-math.prod(shape) * BITS[kind] // 8):
            raise DamagedError(f"tensor '{name}' {list(shape)} has {data_bytes} bytes of {kind}")
        scales, zero_points, axis = self.quantization(table, name, shape)
        variable = bool(table.scalar(5, "B"))
        return FileTensor(name, shape, kind, buffer, data_bytes, scales, zero_points, axis, variable)

    def quantization(
        self, table: Table, name: str, shape: tuple[int, ...]
    ) -> tuple[tuple[float, ...], tuple[int, ...], int]:
        form = table.table(4)
        scales = tuple(float(scale) for scale in form.vector(2, "f4")) if form else ()
        if form is None or not scales:
            return (), (), 0
        zero_points, axis = form.integers(3, "i8") or (0,) * len(scales), form.scalar(6, "i")
        channels = shape[axis] if len(scales) > 1 and 0 <= axis < len(shape) else 1
        if len(zero_points) not in (1, len(scales)) or len(scales) != channels:
            raise DamagedError(
                f"tensor '{name}' {list(shape)} has {len(scales)} scales, {len(zero_points)} zero points"
            )
        if not all(math.isfinite(scale) and scale >= 0 for scale in scales):
            raise DamagedError(f"tensor '{name}' has a scale that is negative or not finite")
        return scales, zero_points, axis

    def operator(self, table: Table, tensors: int, subgraphs: int) -> FileOperator:
        index = table.scalar(0, "I")
        _within(index, len(self.operator_codes), "an operator's code")
        name, version, custom = self.operator_codes[index]
        inputs, outputs = table.integers(1), table.integers(2)
        for number in (*inputs, *outputs, *table.integers(8)):
            if number != -1:
                _within(number, tensors, f"a tensor of {name}")
        options = table.table(4) or table.table(12)
        called = tuple(options.scalar(k, "i") if options else 0 for k in range(_CALLS.get(name, 0)))
        for number in called:
            _within(number, subgraphs, f"a subgraph of {name}")
        variable = f"{options.text(0)}/{options.text(1)}" if options and name == "VAR_HANDLE" else ""
        activation, bias_type = (
            options.scalar(k, "b") if options and k is not None else 0
            for k in (_ACTIVATION.get(name), _BIAS_TYPE.get(name))
        )
        return FileOperator(
            name,
            version,
            inputs,
            outputs,
            called,
            variable,
            custom,
            self.activations.get(activation, str(activation)),
            self.types.get(bias_type, "") if bias_type else "",
            name in ("ADD", "SUB") and bool(options.scalar(1, "B", 1) if options else 1),
            table.integers(8),
        )

    def signature(self, table: Table, subgraphs: tuple[FileSubgraph, ...]) -> FileSignature:
        index = table.scalar(4, "I")
        _within(index, len(subgraphs), "the subgraph of a signature")

        def names(field: int) -> dict[int, str]:
            pairs = {entry.scalar(1, "I"): entry.text(0) for entry in table.list(field)}
            for number in pairs:
                _within(number, len(subgraphs[index].tensors), "a tensor of a signature")
            return pairs

        return FileSignature(table.text(2), index, names(0), names(1))


def _within(index: int, count: int, what: str) -> None:
    if not 0 <= index < count:
        raise DamagedError(f"{what} is number {index} of {count}")


def _refuse_cycles(subgraphs: tuple[FileSubgraph, ...]) -> None:
    """A subgraph that runs itself would never end; one nested a thousand times deep would overflow a stack."""
    calls = [{called for operator in graph.operators for called in operator.subgraphs} for graph in subgraphs]
    left, done = set(range(len(calls))), set[int]()
    for _ in range(_DEEPEST):
        ready = {index for index in left if calls[index] <= done}
        left, done = left - ready, done | ready
    if left:
        raise DamagedError(f"subgraph {min(left)} runs itself, or more than {_DEEPEST} others inside each other")
