"""Memory of activations: small cases by hand, and never more than TFLite-Micro's arena really holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_models import artifact, folder, stock_artifact
from test_inspection import sine

from edgernn.conversion import convert
from edgernn.converters.tflite.flatbuffer import TfModel, TfOperator, TfSubgraph, TfTensor, encode, schema
from edgernn.converters.tflite.liveness import live_bytes, peak_activation_bytes, variable_bytes
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.arena import arena_bytes


def tensor(size: int, dtype: str = "int8", **options: Any) -> TfTensor:
    """One row of `size` elements."""
    return TfTensor((1, size), dtype, **options)


def peak(*graphs: TfSubgraph) -> int:
    """Of a model of these subgraphs."""
    return peak_activation_bytes(read_tflite(encode(TfModel(graphs))))


def test_a_chain_holds_two_neighbours() -> None:
    tensors = [tensor(10), tensor(100), tensor(7, "float32"), tensor(1)]
    operators = [TfOperator("ADD", (k, k), (k + 1,)) for k in range(3)]
    assert peak(TfSubgraph("", tensors, operators, (0,), (3,))) == 100 + 4 * 7


def test_what_is_read_later_is_kept() -> None:
    tensors = [tensor(10), tensor(100), tensor(28), tensor(1)]
    operators = [TfOperator("ADD", (0, 0), (1,)), TfOperator("ADD", (1, 1), (2,)), TfOperator("ADD", (2, 0), (3,))]
    assert peak(TfSubgraph("", tensors, operators, (0,), (3,))) == 10 + 100 + 28


def test_outputs_are_kept_to_the_end_and_unread_results_while_they_are_made() -> None:
    tensors = [tensor(3), tensor(50), tensor(20), tensor(5)]
    operators = [TfOperator("ADD", (0, 0), (1,)), TfOperator("ADD", (0, 0), (2,)), TfOperator("ADD", (0, 0), (3,))]
    assert peak(TfSubgraph("", tensors, operators, (0,), (3,))) == 3 + 50
    assert peak(TfSubgraph("", tensors, operators, (0,), (1, 3))) == 3 + 50 + 20


def test_constants_and_absent_operands_take_nothing() -> None:
    kernel = tensor(1000, data=np.ones((1, 1000), "int8"))
    tensors = [tensor(4), kernel, tensor(5)]
    assert peak(TfSubgraph("", tensors, [TfOperator("FULLY_CONNECTED", (0, 1, -1), (2,))], (0,), (2,))) == 9


def test_all_inputs_are_there_from_the_start() -> None:
    tensors = [tensor(10), tensor(100), tensor(1), tensor(2)]
    operators = [TfOperator("ADD", (0, 0), (2,)), TfOperator("ADD", (1, 2), (3,))]
    assert peak(TfSubgraph("", tensors, operators, (0, 1), (3,))) == 10 + 100 + 1


def test_variables_are_counted_throughout() -> None:
    tensors = [tensor(4), tensor(50, variable=True), tensor(5), tensor(6)]
    operators = [TfOperator("ADD", (0, 1), (2,)), TfOperator("ADD", (2, 2), (3,))]
    assert peak(TfSubgraph("", tensors, operators, (0,), (3,))) == 50 + 5 + 6


def resource(name: str) -> Any:
    """Options of a VAR_HANDLE."""
    return schema().VarHandleOptionsT(container="", sharedName=name)


def test_a_resource_is_as_large_as_its_value_wherever_it_is_named() -> None:
    """Set to zero once by a subgraph of its own, then read and assigned by the main one."""
    handle, zeros = TfTensor((1,), "resource"), tensor(64, data=np.zeros((1, 64), "int8"))
    once = TfOperator("CALL_ONCE", (), (), schema().CallOnceOptionsT(initSubgraphIndex=1))
    first = TfOperator("VAR_HANDLE", (), (0,), resource("state"))
    other = TfOperator("VAR_HANDLE", (), (3,), resource("other"))
    read, assign = TfOperator("READ_VARIABLE", (0,), (1,)), TfOperator("ASSIGN_VARIABLE", (3, 2), ())
    tensors = [handle, tensor(64), tensor(32), handle]
    main = TfSubgraph("", tensors, [once, first, other, read, assign], (2,), (1,))
    init = TfSubgraph("", [handle, zeros], [first, TfOperator("ASSIGN_VARIABLE", (0, 1), ())])
    file = read_tflite(encode(TfModel((main, init))))
    assert (live_bytes(file), variable_bytes(file)) == (32 + 64, 64 + 32)


def loop(body_scratch: int, cond_scratch: int) -> tuple[TfSubgraph, ...]:
    """A WHILE over one tensor of 10 bytes, beside one of 7 that is needed after it."""
    options = schema().WhileOptionsT(condSubgraphIndex=1, bodySubgraphIndex=2)
    operators = [
        TfOperator("ADD", (0, 0), (1,)),
        TfOperator("WHILE", (0,), (2,), options),
        TfOperator("ADD", (1, 2), (3,)),
    ]
    main = TfSubgraph("", [tensor(10), tensor(7), tensor(10), tensor(2)], operators, (0,), (3,))
    goes_on = TfTensor((), "bool")
    test = [TfOperator("ADD", (0, 0), (1,)), TfOperator("LESS", (1, 1), (2,))]
    cond = TfSubgraph("", [tensor(10), tensor(cond_scratch), goes_on], test, (0,), (2,))
    step = [TfOperator("ADD", (0, 0), (1,)), TfOperator("ADD", (1, 1), (2,))]
    body = TfSubgraph("", [tensor(10), tensor(body_scratch), tensor(10)], step, (0,), (2,))
    return main, cond, body


def test_a_loop_adds_the_larger_of_its_subgraphs() -> None:
    outside = 10 + 7 + 10
    assert peak(*loop(30, 5)) == outside + 10 + 30
    assert peak(*loop(30, 200)) == outside + 10 + 200


def test_a_subgraph_that_nothing_runs_takes_nothing() -> None:
    main, cond, body = loop(30, 5)
    huge = TfSubgraph(
        "", [tensor(10_000, variable=True), tensor(10_000)], [TfOperator("ADD", (1, 1), (1,))], (1,), (1,)
    )
    assert peak(main, cond, body, huge) == peak(main, cond, body)
    plain = replace(main, operators=[main.operators[0]], outputs=(1,))
    assert peak(plain, cond, body) == 17


def test_of_two_branches_the_larger_counts() -> None:
    options = schema().IfOptionsT(thenSubgraphIndex=1, elseSubgraphIndex=2)
    main = TfSubgraph("", [TfTensor((), "bool"), tensor(4)], [TfOperator("IF", (0,), (1,), options)], (0,), (1,))
    branches = [TfSubgraph("", [tensor(size)], [TfOperator("ADD", (), (0,))], (), (0,)) for size in (30, 40)]
    assert peak(main, *branches) == 1 + 4 + 40


def test_open_axes_count_as_they_are_written() -> None:
    s, graph = schema(), TfSubgraph("", [tensor(4), tensor(5)], [TfOperator("ADD", (0, 0), (1,))], (0,), (1,))
    import flatbuffers

    model = s.ModelT.InitFromPackedBuf(encode(TfModel((graph,))), 0)
    for entry in model.subgraphs[0].tensors:
        entry.shapeSignature = [-1, *entry.shape[1:]]
    builder = flatbuffers.Builder(256)
    builder.Finish(model.Pack(builder), b"TFL3")
    assert peak_activation_bytes(read_tflite(bytes(builder.Output()))) == 9


def test_strings_and_handles_have_no_size_and_half_bytes_are_rounded_up() -> None:
    import dataclasses

    file = read_tflite(encode(TfModel((TfSubgraph("", [tensor(3), TfTensor((1,), "resource")], [], (0, 1), (0,)),))))
    first, handle = file.main.tensors
    assert (first.nbytes, handle.nbytes) == (3, 0)
    assert dataclasses.replace(first, dtype="int4").nbytes == 2
    assert dataclasses.replace(first, dtype="string").nbytes == 0
    assert peak_activation_bytes(file) == 3


def check_arena(content: bytes) -> None:
    """Live tensors are in the arena's head, variables in its tail."""
    file, arena = read_tflite(content), arena_bytes(content)
    assert 0 < live_bytes(file) <= arena.head
    assert peak_activation_bytes(file) <= arena.used
    assert variable_bytes(file) <= arena.tail


@pytest.mark.parametrize("model", ["gru.keras", "lstm.h5", "regression.keras"])
@pytest.mark.parametrize("scheme", ["float32", "int8", "int16x8"])
@pytest.mark.parametrize("form", ["while", "while-variable", "unrolled"])
def test_no_arena_of_ours_holds_less(
    model: str, scheme: str, form: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("forms") / "a.tflite"
    samples = folder() / "calibration.npz"
    convert(folder() / model, path, quantize=scheme, target="micro", form=form, calibration=samples)
    check_arena(path.read_bytes())


def test_a_fused_lstm_keeps_its_two_states(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("fused") / "a.tflite"
    convert(folder() / "lstm.h5", path, target="micro", form="fused")
    assert variable_bytes(read_tflite(path)) == 2 * 4 * 7
    check_arena(path.read_bytes())


def test_no_arena_of_other_files_holds_less() -> None:
    check_arena(stock_artifact().read_bytes())
    check_arena(sine().read_bytes())
    check_arena(artifact("int8", "phone").read_bytes())


@given(
    st.lists(st.integers(1, 40), min_size=3, max_size=8),
    st.data(),
)
def test_no_arena_of_any_chain_holds_less_and_none_more_than_gaps(sizes: list[int], data: st.DataObject) -> None:
    """Operators that join any of the earlier tensors: the head is the peak, rounded up to 16 bytes per tensor."""
    tensors, operators = [tensor(size, "float32") for size in sizes[:2]], []
    for _ in sizes[2:]:
        read = data.draw(st.lists(st.integers(0, len(tensors) - 1), min_size=2, max_size=2))
        size = sum(tensors[k].shape[1] for k in read)
        operators.append(
            TfOperator("CONCATENATION", tuple(read), (len(tensors),), schema().ConcatenationOptionsT(axis=1))
        )
        tensors.append(tensor(size, "float32"))
    content = encode(TfModel((TfSubgraph("", tensors, operators, (0, 1), (len(tensors) - 1,)),)))
    check_arena(content)
    live, head = live_bytes(read_tflite(content)), arena_bytes(content).head
    assert live <= head <= 2 * live + 16 * len(tensors)
