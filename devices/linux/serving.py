"""The program of a service: numbers in, a line each; answers out, in lines of JSON, as `edgernn stream` prints them."""

from __future__ import annotations

import json
import math
from typing import Any

from edgernn.converters.tflite.file import TfliteFile
from edgernn.devices.host.c import CProject
from edgernn.devices.host.session import TensorInfo
from edgernn.devices.linux.binary import filled
from edgernn.devices.linux.conversions import arguments, declarations, named_outputs, to_numbers, to_tensors
from edgernn.devices.linux.feed import Feed, feed_of
from edgernn.running import Artifact
from edgernn.streaming.description import Answer


def description_text(artifact: Artifact) -> str:
    """What `programs/serve_litert.py` must know of a .tflite, as JSON."""
    assert isinstance(artifact.content, TfliteFile), "a folder of C is compiled"
    feed = feed_of(artifact)
    document = {
        "counted": "frame" if feed.stream else "window",
        "hop": feed.hop,
        "frame": feed.frame,
        "features": feed.source.shape[-1],
        "inputs": [_input(info, feed) for info in feed.inputs],
        "outputs": [
            {**_tensor(info), "state": number >= len(feed.outputs), **_validity(feed, number)}
            for number, info in enumerate(artifact.outputs)
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _tensor(info: TensorInfo) -> dict[str, Any]:
    return {"name": info.name, "scale": float(info.scale), "zero_point": int(info.zero_point)}


def _input(info: TensorInfo, feed: Feed) -> dict[str, Any]:
    found = _tensor(info)
    if info.name in feed.masks:
        found["differs_from"] = feed.masks[info.name]
    elif info is not feed.source:
        assert feed.stream is not None, "only a stream has states"
        found["initial"] = feed.stream.states[info.name]
    return found


def _validity(feed: Feed, number: int) -> dict[str, int]:
    answer = feed.outputs[number][1] if number < len(feed.outputs) else Answer(0, 0, 0)
    return {"skip": answer.skip, "first": answer.first}


def serving_source(artifact: Artifact) -> str:
    """`programs/serve_model.c` for a folder of C."""
    project = artifact.content
    assert isinstance(project, CProject), "a .tflite is described"
    feed = feed_of(artifact)
    outputs = named_outputs(feed)
    arrays = [f"static {line}" for line in declarations(feed)]
    arrays += [f"static float real_{name}[{math.prod(info.shape)}];" for name, info in outputs]
    arrays.append(f"static float *const reals[] = {{{', '.join(f'real_{name}' for name, _ in outputs)}}};")
    words = {
        "NAME": project.name,
        "STREAM": str(int(feed.stream is not None)),
        "HOP": str(feed.hop),
        "FRAME": str(feed.frame),
        "FEATURES": str(feed.source.shape[-1]),
        "TENSORS": "\n".join(arrays),
        "OUTPUTS": ", ".join(_output(info, answer) for info, answer in feed.outputs),
        "READ": to_tensors(feed),
        "REAL": to_numbers(feed),
        "ARGUMENTS": arguments(feed),
    }
    return filled("serve_model.c", words)


def _output(info: TensorInfo, answer: Answer) -> str:
    name = json.dumps(json.dumps(info.name)[1:-1])  # inside a string of JSON, inside one of C
    shape = ", ".join(map(str, info.shape[1:]))
    return f"{{{name}, {answer.skip}, {answer.first}, {len(info.shape) - 1}, {{{shape}}}}}"
