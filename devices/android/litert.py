"""Feed of Kotlin from a frame's numbers to the tensors of a .tflite, and from its outputs to numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edgernn.devices.host.session import TensorInfo
from edgernn.devices.linux.feed import Feed
from edgernn.running import Artifact
from edgernn.streaming.steppers import initial_state

_SIZES = {"int8": 1, "bool": 1, "int16": 2, "int32": 4, "float32": 4}
_PUT = {"int8": ("put", "toByte"), "int16": ("putShort", "toShort"), "int32": ("putInt", "toInt")}
_GET = {"int8": "get", "int16": "getShort", "int32": "getInt", "float32": "getFloat"}


def engine_words(artifact: Artifact, feed: Feed) -> dict[str, Any]:
    """What `LiteRtEngine.kt.j2` is filled with."""
    feeding, resetting, states = [], [], []
    for number, info in enumerate(artifact.inputs):
        if info.name in feed.masks:
            row = f"differs(numbers, i, {feed.masks[info.name]!r}f)"
            feeding.append(f"for (i in 0 until {math.prod(info.shape)}) inputs[{number}].put(i, {row})")
        elif info.name == feed.source.name:
            feeding.append(_feed(number, info))
        else:
            assert feed.stream is not None, "only a stream has states"
            states.append(number)
            resetting.append(f'fill(inputs[{number}], "{_pattern(info, feed.stream.states[info.name])}")')
    reading, offset = [], 0
    for number, (info, _) in enumerate(feed.outputs):
        reading.append(_read(number, info, offset))
        offset += math.prod(info.shape)
    reading += [f"carry(outputs[{len(feed.outputs) + at}], inputs[{number}])" for at, number in enumerate(states)]
    return {
        "input_buffers": ", ".join(_buffer(info) for info in artifact.inputs),
        "output_buffers": ", ".join(_buffer(info) for info in artifact.outputs),
        "feeding": feeding,
        "reading": reading,
        "resetting": resetting,
        "states": bool(states),
        "masks": bool(feed.masks),
        "inside": feed.stream is not None and not states,
    }


def _buffer(info: TensorInfo) -> str:
    return f"buffer({math.prod(info.shape) * _SIZES[info.dtype]})"


def _at(size: int) -> str:
    return "i" if size == 1 else f"{size} * i"


def _feed(number: int, info: TensorInfo) -> str:
    each, at = f"for (i in 0 until {math.prod(info.shape)}) inputs[{number}]", _at(_SIZES[info.dtype])
    if info.dtype == "float32":
        return f"{each}.putFloat({at}, numbers[i])"
    put, cast = _PUT[info.dtype]
    if not info.scale:
        return f"{each}.{put}({at}, numbers[i].toInt().{cast}())"
    ends = np.iinfo(info.dtype)
    integer = f"quantized(numbers[i], {info.scale!r}, {info.zero_point}, {float(ends.min)}, {float(ends.max)})"
    return f"{each}.{put}({at}, {integer}.{cast}())"


def _read(number: int, info: TensorInfo, offset: int) -> str:
    found = f"outputs[{number}].{_GET[info.dtype]}({_at(_SIZES[info.dtype])})"
    real = f"(({found} - {info.zero_point}) * {info.scale!r}).toFloat()" if info.scale else f"{found}.toFloat()"
    return f"for (i in 0 until {math.prod(info.shape)}) answers[{f'{offset} + i' if offset else 'i'}] = {real}"


def _pattern(info: TensorInfo, value: Any) -> str:
    """The bytes of a state before the first frame, as hexadecimal digits; of one element, if all are the same."""
    state = initial_state(info, value).astype(np.dtype(info.dtype).newbyteorder("<"))
    whole, one = state.tobytes(), state.ravel()[:1].tobytes()
    return (one if whole == one * state.size else whole).hex()
