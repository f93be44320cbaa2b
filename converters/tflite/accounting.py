"""Where every byte of a .tflite goes, found by walking through the file rather than by adding up sizes."""

from __future__ import annotations

import numpy as np

from edgernn.converters.tflite.counting import stored_weights
from edgernn.converters.tflite.file import TfliteFile
from edgernn.converters.tflite.flatbytes import DamagedError, FlatBytes, Table
from edgernn.converters.tflite.layout import Layout, model_layout
from edgernn.converters.tflite.reader import damaged

# Bytes that several parts share, as ours do wherever parts are equal, count for the first of these.
CATEGORIES = (
    "weights",  # data of matrices, kernels, tables
    "biases",  # data of vectors that operators add
    "constants",  # data of other constants: shapes, indices, scalars, tables for functions
    "quantization",  # scales, zero points, and the tables that hold them
    "tensors",  # types and shapes
    "operators",  # with their operands and options
    "names",  # of tensors, subgraphs, signatures
    "metadata",
    "structure",  # lists, and where a table's fields are
    "padding",  # bytes that nothing points to
)


def account(file: TfliteFile) -> dict[str, int]:
    """How many bytes each of `CATEGORIES` takes; together they are the file, exactly.

    Raises:
        InputError: a part that the reader does not need is damaged.
        EnvironmentProblem: no package that knows the format's numbers is installed.
    """
    try:
        owners = _Owners(file.content)
        root = owners.source.root()
        owners.claim(0, 8, "structure")  # where the root is, and the format's mark
        owners.table(root, model_layout())
        for table, (position, size), category in zip(root.list(4), file.buffers, _categories(file), strict=True):
            if found := table.raw(0):
                owners.claim(found[0] - 4, 4, "structure")  # the data's length
            owners.claim(position, size, category)
    except DamagedError as error:
        raise damaged("artifact", error) from error
    return {name: int(np.count_nonzero(owners.map == k)) for k, name in enumerate(CATEGORIES)}


def weight_bytes_by_type(file: TfliteFile) -> dict[str, int]:
    """Bytes of all constants' data by type of number, the most first; they sum to weights, biases and constants."""
    types: dict[int, str] = {}
    for graph in file.subgraphs:
        for tensor in graph.tensors:
            types.setdefault(tensor.buffer, tensor.dtype)
    total: dict[str, int] = {}
    for index, category in enumerate(_categories(file)):
        size = file.buffers[index][1]
        if size and category != "metadata":
            dtype = types.get(index, "unused")
            total[dtype] = total.get(dtype, 0) + size
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def _categories(file: TfliteFile) -> list[str]:
    """What the data of each buffer are for."""
    entries = {table.scalar(1, "I") for table in FlatBytes(file.content).root().list(6)}
    categories = ["metadata" if index in entries else "constants" for index in range(len(file.buffers))]
    for index, weight in stored_weights(file).items():
        categories[index] = "biases" if weight.bias else "weights"
    return categories


class _Owners:
    """For every byte, the number of the category that it belongs to."""

    def __init__(self, content: bytes) -> None:
        self.source = FlatBytes(content)
        self.map = np.full(len(content), CATEGORIES.index("padding"), np.uint8)
        self.claimed: set[tuple[int, int, str]] = set()
        self.walked: set[int] = set()

    def claim(self, position: int, size: int, category: str) -> None:
        if (position, size, category) not in self.claimed:
            self.claimed.add((position, size, category))
            self.source.spend(size)
            part = self.map[position : position + size]
            np.minimum(part, CATEGORIES.index(category), out=part)

    def table(self, table: Table, layout: Layout) -> None:
        """Claim a table and all that it points to."""
        if table.position in self.walked:
            return
        self.walked.add(table.position)
        self.claim(table.position, table.size, layout.category)
        self.claim(*table.header, "structure")
        for index, item_bytes in layout.vectors.items():
            self.vector(table, index, item_bytes, layout.category)
        for index, category in layout.texts.items():
            self.vector(table, index, 1, category, terminated=True)
        for index, inner in layout.tables.items():
            if found := table.table(index):
                self.table(found, inner)
        for index, kinds in layout.unions.items():
            if found := table.table(index):
                self.table(found, kinds.get(table.scalar(index - 1, "B"), Layout(layout.category)))
        for index, inner in layout.lists.items():
            self.vector(table, index, 4, "structure")
            for found in table.list(index):
                self.table(found, inner)

    def vector(self, table: Table, index: int, item_bytes: int, category: str, *, terminated: bool = False) -> None:
        """Claim a vector with the number of its elements, and the zero behind a string."""
        found = table.raw(index, item_bytes)
        if found is not None:
            start, count = found
            end = start + count * item_bytes
            terminated = terminated and self.source.content[end : end + 1] == b"\0"
            self.claim(start - 4, end - start + 4 + terminated, category)
