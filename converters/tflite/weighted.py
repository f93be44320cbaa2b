"""The operators of a .tflite that have weights or multiply: what it has instead of layers."""

from __future__ import annotations

from dataclasses import dataclass

from edgernn.converters.tflite.counting import executions, operator_macs, operator_weights
from edgernn.converters.tflite.file import TfliteFile


@dataclass(frozen=True)
class FileLayer:
    """One operator. Weights that several share count for the first, so that columns sum to what the file holds.

    Attributes:
        subgraph: its index.
        operator: its index in the subgraph.
        name: of the builtin.
        output_shape: of the first output, with the batch axis.
        dtype: of the weights as they are stored, of the matrices if there are any; empty if it has none.
        parameters: elements of weights and biases.
        weight_bytes: data of the weights but biases.
        bias_bytes: data of the biases.
        macs: multiply-accumulates of one execution.
        executions: per inference; None if the number of turns of a loop is not written in the file.
    """

    subgraph: int
    operator: int
    name: str
    output_shape: tuple[int, ...]
    dtype: str
    parameters: int
    weight_bytes: int
    bias_bytes: int
    macs: int
    executions: int | None


def layers(file: TfliteFile) -> tuple[FileLayer, ...]:
    """The operators with weights or multiply-accumulates, in the file's order."""
    rows, seen = [], set[int]()
    times = executions(file)
    for index, graph in enumerate(file.subgraphs):
        for number, weights in enumerate(operator_weights(graph)):
            operator = graph.operators[number]
            macs = operator_macs(graph, operator)
            if not weights and not macs:
                continue
            kernels = [weight for weight in weights if not weight.bias] or list(weights)
            own = []
            for weight in weights:
                if weight.tensor.buffer not in seen:
                    seen.add(weight.tensor.buffer)
                    own.append(weight)
            rows.append(
                FileLayer(
                    subgraph=index,
                    operator=number,
                    name=operator.name,
                    output_shape=graph.tensors[operator.outputs[0]].shape if operator.outputs else (),
                    dtype=kernels[0].tensor.dtype if kernels else "",
                    parameters=sum(weight.tensor.size for weight in own),
                    weight_bytes=sum(weight.tensor.data_bytes for weight in own if not weight.bias),
                    bias_bytes=sum(weight.tensor.data_bytes for weight in own if weight.bias),
                    macs=macs,
                    executions=times[index],
                )
            )
    return tuple(rows)


def custom_operators(file: TfliteFile) -> tuple[str, ...]:
    """Names of the operators that are not built in, such as those of TensorFlow that a Flex delegate runs, sorted."""
    return tuple(sorted({op.name for graph in file.subgraphs for op in graph.operators if op.custom}))
