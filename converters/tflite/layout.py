"""The format's tables as data: what each points to, and what its bytes are for.

Field numbers and types are those of the schema, `schema.fbs` of the format's version 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgernn.converters.tflite.flatbuffer import schema


@dataclass(frozen=True)
class Layout:
    """One kind of table; every mapping is by field number.

    Attributes:
        category: what its bytes, and those of its vectors of scalars, are for.
        vectors: bytes per element of its vectors of scalars.
        texts: what its strings are for.
        tables: its tables.
        lists: its vectors of tables.
        unions: its tables of several kinds, by the number that the field before it holds; others have no fields of
            interest.
    """

    category: str
    vectors: Mapping[int, int] = field(default_factory=dict)
    texts: Mapping[int, str] = field(default_factory=dict)
    tables: Mapping[int, Layout] = field(default_factory=dict)
    lists: Mapping[int, Layout] = field(default_factory=dict)
    unions: Mapping[int, Mapping[int, Layout]] = field(default_factory=dict)


# Vectors in the options of operators: fields by bytes per element.
_OPTION_VECTORS: Mapping[str, Mapping[int, tuple[int, ...]]] = {
    "BucketizeOptions": {4: (0,)},
    "ConcatEmbeddingsOptions": {4: (1, 2)},
    "ReshapeOptions": {4: (0,)},
    "SqueezeOptions": {4: (0,)},
    "StableHLOCompositeOptions": {1: (2,)},
    "StablehloBroadcastInDimOptions": {8: (0,)},
    "StablehloCaseOptions": {4: (0,)},
    "StablehloConvolutionOptions": {8: (0, 1, 2, 3, 7, 10, 13), 4: (16,), 1: (4,)},
    "StablehloCustomCallOptions": {4: (4,), 1: (5,)},
    "StablehloDotGeneralOptions": {8: (0, 1, 2, 3), 4: (4,)},
    "StablehloDynamicSliceOptions": {8: (0,)},
    "StablehloGatherOptions": {8: (0, 1, 2, 4)},
    "StablehloPadOptions": {8: (0, 1, 2)},
    "StablehloReduceOptions": {8: (0,)},
    "StablehloReduceWindowOptions": {8: (0, 1, 2, 3, 4)},
    "StablehloScatterOptions": {8: (1, 2, 3)},
    "StablehloSliceOptions": {8: (0, 1, 2)},
    "StablehloTransposeOptions": {8: (0,)},
}
_OPTION_TEXTS: Mapping[str, tuple[int, ...]] = {
    "StableHLOCompositeOptions": (0,),
    "StablehloCustomCallOptions": (0, 2),
    "VarHandleOptions": (0, 1),
}
_INDICES = {number: Layout("tensors", {0: size}) for number, size in ((1, 4), (2, 2), (3, 1))}
_SPARSITY = Layout("tensors", {0: 4, 1: 4}, lists={2: Layout("tensors", unions={3: _INDICES, 5: _INDICES})})
_QUANTIZATION = Layout(
    "quantization",
    {0: 4, 1: 4, 2: 4, 3: 8},
    unions={5: {1: Layout("quantization", {0: 1}), 3: Layout("quantization", {3: 4})}},
)
_TENSOR = Layout(
    "tensors",
    {0: 4, 7: 4},
    {3: "names"},
    {4: _QUANTIZATION, 6: _SPARSITY},
    {9: Layout("tensors", {0: 4})},
)
_NAMED_TENSOR = Layout("structure", texts={0: "names"})
_SIGNATURE = Layout("structure", texts={2: "names"}, lists={0: _NAMED_TENSOR, 1: _NAMED_TENSOR})


def model_layout() -> Layout:
    """The root table.

    Raises:
        EnvironmentProblem: no package that knows the numbers of the options is installed.
    """
    names = schema()
    operator = Layout(
        "operators",
        {1: 4, 2: 4, 5: 1, 7: 1, 8: 4},
        unions={4: _options(names.BuiltinOptions), 12: _options(names.BuiltinOptions2)},
    )
    return Layout(
        "structure",
        {5: 4},
        {3: "metadata"},
        lists={
            1: Layout("operators", texts={1: "operators"}),
            2: Layout("structure", {1: 4, 2: 4}, {4: "names"}, lists={0: _TENSOR, 3: operator}),
            4: Layout("structure"),  # whose data are told apart by what they are used for
            6: Layout("metadata", texts={0: "metadata"}),
            7: _SIGNATURE,
            8: Layout("structure", texts={0: "names"}),
            9: Layout("structure", texts={4: "names"}),
        },
    )


def _options(numbers: Any) -> dict[int, Layout]:
    found = {}
    for name in {*_OPTION_VECTORS, *_OPTION_TEXTS}:
        if hasattr(numbers, name):
            vectors = {k: size for size, fields in _OPTION_VECTORS.get(name, {}).items() for k in fields}
            texts = dict.fromkeys(_OPTION_TEXTS.get(name, ()), "operators")
            found[getattr(numbers, name)] = Layout("operators", vectors, texts)
    return found
