"""The program of a service: numbers in, a line each; answers out, in lines of JSON, as `edgernn stream` prints them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgernn.converters.tflite.file import TfliteFile
from edgernn.devices.host.c import CProject
from edgernn.devices.host.session import TensorInfo
from edgernn.devices.links.binary import C_TYPES, filled
from edgernn.errors import InputError
from edgernn.running import Artifact, masks_of
from edgernn.streaming.description import Answer, Description, describe
from edgernn.streaming.steppers import step_tensors

_INTEGER_RANGES = {"int8": (-128, 127), "int16": (-(2**15), 2**15 - 1)}


@dataclass(frozen=True)
class Lines:
    """What the lines of a service hold.

    Attributes:
        stream: of a model that takes frames; None of one that takes windows.
        source: the input whose numbers they are.
        inputs: of one invocation, in the artifact's order.
        outputs: likewise, states left out.
        masks: inputs that tell which rows are not padding, by name: the number that padding is.
    """

    stream: Description | None
    source: TensorInfo
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[tuple[TensorInfo, Answer], ...]
    masks: dict[str, float]

    @property
    def hop(self) -> int:
        """Frames of an invocation; a window is one."""
        return self.stream.hop if self.stream else 1

    @property
    def frame(self) -> int:
        """Numbers in a frame."""
        return math.prod(self.source.shape) // self.hop


def lines_of(artifact: Artifact) -> Lines:
    """What the lines of an artifact's service hold.

    Raises:
        InputError: it has more than one input to be fed.
    """
    content = artifact.content
    streams = bool(artifact.own.get("streams") if isinstance(content, CProject) else artifact.own.get("streaming"))
    stream = describe(artifact.own, len(artifact.inputs), len(artifact.outputs)) if streams else None
    inputs, outputs = artifact.inputs, artifact.outputs
    if stream and isinstance(content, CProject):
        inputs, outputs = step_tensors(content, stream)
    answers = stream.answers if stream else tuple(Answer(0, 0, 0) for _ in outputs)
    masks = {name: value for name, (_, value) in masks_of(artifact).items()}
    states = stream.states if stream else {}
    fed = [info for info in inputs if info.name not in masks and info.name not in states]
    if len(fed) != 1:
        names = ", ".join(f"'{info.name}'" for info in fed)
        raise InputError(
            f"service: the model must have one input, the numbers of a line. Found: {len(fed)}: {names}.",
            hint="join the inputs in the model; or call the artifact from a program of your own.",
        )
    # Answers come first among the outputs, states after them.
    return Lines(stream, fed[0], tuple(inputs), tuple(zip(outputs, answers, strict=False)), masks)


def description_text(artifact: Artifact) -> str:
    """What `programs/serve_litert.py` must know of a .tflite, as JSON."""
    assert isinstance(artifact.content, TfliteFile), "a folder of C is compiled"
    lines = lines_of(artifact)
    document = {
        "counted": "frame" if lines.stream else "window",
        "hop": lines.hop,
        "frame": lines.frame,
        "features": lines.source.shape[-1],
        "inputs": [_input(info, lines) for info in lines.inputs],
        "outputs": [
            {**_tensor(info), "state": number >= len(lines.outputs), **_validity(lines, number)}
            for number, info in enumerate(artifact.outputs)
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _tensor(info: TensorInfo) -> dict[str, Any]:
    return {"name": info.name, "scale": float(info.scale), "zero_point": int(info.zero_point)}


def _input(info: TensorInfo, lines: Lines) -> dict[str, Any]:
    found = _tensor(info)
    if info.name in lines.masks:
        found["differs_from"] = lines.masks[info.name]
    elif info is not lines.source:
        assert lines.stream is not None, "only a stream has states"
        found["initial"] = lines.stream.states[info.name]
    return found


def _validity(lines: Lines, number: int) -> dict[str, int]:
    answer = lines.outputs[number][1] if number < len(lines.outputs) else Answer(0, 0, 0)
    return {"skip": answer.skip, "first": answer.first}


def serving_source(artifact: Artifact) -> str:
    """`programs/serve_model.c` for a folder of C."""
    project = artifact.content
    assert isinstance(project, CProject), "a .tflite is described"
    lines = lines_of(artifact)
    inputs = [(f"in{number}", info) for number, info in enumerate(lines.inputs)]
    outputs = [(f"out{number}", info, answer) for number, (info, answer) in enumerate(lines.outputs)]
    arrays = [f"static {C_TYPES[info.dtype]} {name}[{math.prod(info.shape)}];" for name, info in inputs]
    for name, info, _ in outputs:
        count = math.prod(info.shape)
        arrays += [f"static {C_TYPES[info.dtype]} {name}[{count}];", f"static float real_{name}[{count}];"]
    arrays.append(f"static float *const reals[] = {{{', '.join(f'real_{name}' for name, *_ in outputs)}}};")
    words = {
        "NAME": project.name,
        "STREAM": str(int(lines.stream is not None)),
        "HOP": str(lines.hop),
        "FRAME": str(lines.frame),
        "FEATURES": str(lines.source.shape[-1]),
        "TENSORS": "\n".join(arrays),
        "OUTPUTS": ", ".join(_output(info, answer) for _, info, answer in outputs),
        "READ": "".join(_read(name, info, lines) for name, info in inputs),
        "REAL": "".join(_real(name, info) for name, info, _ in outputs),
        "ARGUMENTS": ", ".join([name for name, _ in inputs] + [name for name, *_ in outputs]),
    }
    return filled("serve_model.c", words)


def _output(info: TensorInfo, answer: Answer) -> str:
    name = json.dumps(json.dumps(info.name)[1:-1])  # inside a string of JSON, inside one of C
    return f"{{{name}, {answer.skip}, {answer.first}, {len(info.shape) - 1}, {{{_list(info.shape[1:])}}}}}"


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _read(name: str, info: TensorInfo, lines: Lines) -> str:
    each = f"    for (int i = 0; i < {math.prod(info.shape)}; ++i) {name}[i] = "
    kind = C_TYPES[info.dtype]
    if info.name in lines.masks:
        return f"{each}({kind})differs(real + i * FEATURES, {lines.masks[info.name]!r}f);\n"
    if not info.scale:
        return f"{each}({kind})real[i];\n"
    least, most = _INTEGER_RANGES[info.dtype]
    integer = f"nearbyint((double)real[i] / {info.scale!r}) + {info.zero_point}"
    return f"{each}({kind})clamped({integer}, {least}, {most});\n"


def _real(name: str, info: TensorInfo) -> str:
    each = f"    for (int i = 0; i < {math.prod(info.shape)}; ++i) real_{name}[i] = "
    if not info.scale:
        return f"{each}(float){name}[i];\n"
    return f"{each}(float)(((double){name}[i] - {info.zero_point}) * {info.scale!r});\n"
