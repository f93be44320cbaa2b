"""The encoder: what it writes is what the official classes read, and equal parts are written once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgernn.converters.tflite.flatbuffer import TfModel, TfOperator, TfSignature, TfSubgraph, TfTensor, encode, schema

SHAPES = st.lists(st.integers(1, 5), max_size=3).map(tuple)
TENSORS = st.builds(
    lambda shape, dtype, scale, filled: TfTensor(
        shape,
        dtype,
        np.arange(int(np.prod(shape)), dtype=dtype).reshape(shape) if filled else None,
        (scale,) if dtype != "int32" else (),
        3 if dtype == "int8" else 0,
    ),
    SHAPES,
    st.sampled_from(["int8", "int16", "int32"]),
    st.sampled_from([0.5, 0.25, 1e-3]),
    st.booleans(),
)


def read(content: bytes) -> object:
    return schema().ModelT.InitFromPackedBuf(content, 0)


@given(st.lists(TENSORS, min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_tensors_survive(tensors: list[TfTensor]) -> None:
    graph = TfSubgraph("main", list(tensors), [], (0,), (len(tensors) - 1,))
    model: object = read(encode(TfModel((graph,))))
    (subgraph,) = model.subgraphs  # type: ignore[attr-defined]
    for wanted, found in zip(tensors, subgraph.tensors, strict=True):
        shape = () if found.shape is None else tuple(found.shape)
        assert shape == wanted.shape
        if wanted.scales:
            assert np.float32(wanted.scales[0]) == found.quantization.scale[0]
            assert found.quantization.zeroPoint[0] == wanted.zero_point
        if wanted.data is not None:
            data = model.buffers[found.buffer].data  # type: ignore[attr-defined]
            assert bytes(data) == wanted.data.tobytes()
        else:
            assert found.buffer == 0


def test_equal_parts_are_stored_once() -> None:
    data = np.arange(4096, dtype="int16")

    def size(count: int) -> int:
        tensors = [TfTensor((4096,), "int16", data, (0.5,)) for _ in range(count)]
        return len(encode(TfModel((TfSubgraph("", tensors, [], (0,), (0,)),))))

    assert size(20) - size(1) < 20 * 8


def test_operators_signatures_and_the_description_survive() -> None:
    s = schema()
    add = TfOperator("ADD", (0, 0), (1,), s.AddOptionsT(potScaleInt16=False), 3)
    tensors = [TfTensor((1, 2), "int16", None, (0.5,), name="x"), TfTensor((1, 2), "int16", None, (1.0,), name="y")]
    graph = TfSubgraph("main", tensors, [add], (0,), (1,))
    signature = TfSignature("serving_default", 0, (("x", 0),), (("y", 1),))
    model = s.ModelT.InitFromPackedBuf(encode(TfModel((graph,), (signature,), "hello")), 0)
    (code,) = model.operatorCodes
    assert (code.builtinCode, code.deprecatedBuiltinCode, code.version) == (s.BuiltinOperator.ADD, 0, 3)
    assert model.subgraphs[0].operators[0].builtinOptions.potScaleInt16 is False
    assert model.signatureDefs[0].outputs[0].name == b"y"
    assert model.description == b"hello"


def test_operators_of_a_kind_have_one_code_of_the_highest_version() -> None:
    s = schema()
    tensors = [TfTensor((1, 2), dtype, None, (0.5,)) for dtype in ("int8", "int16", "int8")]
    operators = [
        TfOperator("QUANTIZE", (0,), (1,), s.QuantizeOptionsT(), 2),
        TfOperator("ADD", (1, 1), (1,), s.AddOptionsT(), 3),
        TfOperator("QUANTIZE", (1,), (2,), s.QuantizeOptionsT(), 1),
    ]
    model = s.ModelT.InitFromPackedBuf(encode(TfModel((TfSubgraph("", tensors, operators, (0,), (2,)),))), 0)
    codes = [(code.builtinCode, code.version) for code in model.operatorCodes]
    assert codes == [(s.BuiltinOperator.QUANTIZE, 2), (s.BuiltinOperator.ADD, 3)]
    assert [operator.opcodeIndex for operator in model.subgraphs[0].operators] == [0, 1, 0]


def test_weights_are_aligned() -> None:
    data = np.arange(33, dtype="int8")
    content = encode(TfModel((TfSubgraph("", [TfTensor((33,), "int8", data, (1.0,))], [], (0,), (0,)),)))
    assert content.index(data.tobytes()) % 16 == 0
