"""The C++ lines that register an artifact's operators with TFLite-Micro."""

from __future__ import annotations

import re
from typing import Any

import pytest
from saved_models import artifact

from edgernn.converters.tflite.flatbuffer import TfModel, TfOperator, TfSubgraph, TfTensor, encode, schema
from edgernn.converters.tflite.reader import read_tflite
from edgernn.converters.tflite.weighted import custom_operators
from edgernn.devices.host.resolver import BUILTIN_METHODS, CUSTOM_METHODS, resolver


@pytest.mark.parametrize(
    ("operator", "method"),
    [
        ("FULLY_CONNECTED", "AddFullyConnected"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "AddUnidirectionalSequenceLSTM"),
        ("SVDF", "AddSvdf"),
        ("STRIDED_SLICE", "AddStridedSlice"),
        ("QUANTIZE", "AddQuantize"),
        ("VAR_HANDLE", "AddVarHandle"),
        ("WHILE", "AddWhile"),
        ("CALL_ONCE", "AddCallOnce"),
        ("CONV_2D", "AddConv2D"),
        ("DEPTHWISE_CONV_2D", "AddDepthwiseConv2D"),
        ("BATCH_MATMUL", "AddBatchMatMul"),
        ("BATCH_TO_SPACE_ND", "AddBatchToSpaceNd"),
        ("CUMSUM", "AddCumSum"),
        ("PADV2", "AddPadV2"),
        ("L2_NORMALIZATION", "AddL2Normalization"),
        ("RELU6", "AddRelu6"),
        ("REVERSE_V2", "AddReverseV2"),
        ("SPLIT_V", "AddSplitV"),
    ],
)
def test_the_methods_are_called_as_in_the_header(operator: str, method: str) -> None:
    assert BUILTIN_METHODS[operator] == method


def test_the_table_names_operators_that_exist() -> None:
    known = {name for name, value in vars(schema().BuiltinOperator).items() if isinstance(value, int)}
    assert set(BUILTIN_METHODS) <= known
    methods = [*BUILTIN_METHODS.values(), *CUSTOM_METHODS.values()]
    assert len(set(methods)) == len(methods) == 118
    assert all(re.fullmatch(r"Add[A-Z][A-Za-z0-9]*", method) for method in methods)


@pytest.mark.parametrize("scheme", ["float32", "int8", "int16x8"])
def test_an_artifact_for_a_micro_needs_nothing_else(scheme: str) -> None:
    file = read_tflite(artifact(scheme))
    found = resolver(file)
    assert found.unsupported == ()
    assert found.lines[0] == f"tflite::MicroMutableOpResolver<{len(file.operators)}> resolver;"
    assert len(found.lines) == 1 + len(file.operators)
    assert list(found.lines[1:]) == sorted(found.lines[1:])
    for line in ("AddFullyConnected", "AddWhile", "AddReadVariable", "AddLess"):  # of the loop's subgraphs too
        assert f"resolver.{line}();" in found.lines


def with_operators(*codes: str, custom: tuple[str, ...] = ()) -> bytes:
    """A file of operators of one tensor; custom ones are written with the official classes."""
    operators = [TfOperator(code, (0,), (0,)) for code in codes]
    content = encode(TfModel((TfSubgraph("main", [TfTensor((1, 2), "float32")], operators, (0,), (0,)),)))
    if not custom:
        return content
    import flatbuffers

    s = schema()
    model: Any = s.ModelT.InitFromPackedBuf(content, 0)
    for name in custom:
        code, operator = s.OperatorCodeT(), s.OperatorT()
        code.builtinCode, code.customCode = s.BuiltinOperator.CUSTOM, name
        code.deprecatedBuiltinCode = s.BuiltinOperator.CUSTOM
        operator.opcodeIndex, operator.inputs, operator.outputs = len(model.operatorCodes), [0], [0]
        model.operatorCodes.append(code)
        model.subgraphs[0].operators.append(operator)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_operators_without_a_method_are_named_apart() -> None:
    found = resolver(read_tflite(with_operators("ADD", "BIDIRECTIONAL_SEQUENCE_LSTM", "ADD", "RNN")))
    assert found.lines == ("tflite::MicroMutableOpResolver<1> resolver;", "resolver.AddAdd();")
    assert found.unsupported == ("BIDIRECTIONAL_SEQUENCE_LSTM", "RNN")


def test_custom_and_flex_operators_are_named() -> None:
    file = read_tflite(with_operators("ADD", custom=("FlexTensorListReserve", "SignalRfft", "FlexEinsum", "ADDED")))
    assert custom_operators(file) == ("ADDED", "FlexEinsum", "FlexTensorListReserve", "SignalRfft")
    found = resolver(file)
    assert found.lines[1:] == ("resolver.AddAdd();", "resolver.AddRfft();")  # TFLite-Micro brings this one itself
    assert found.unsupported == ("ADDED", "FlexEinsum", "FlexTensorListReserve")
    assert custom_operators(read_tflite(artifact())) == ()


def test_where_there_is_no_operator_nothing_is_registered() -> None:
    assert resolver(read_tflite(with_operators())).lines == ()
