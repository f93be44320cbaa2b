"""Statements of C from a frame's numbers to the tensors of a model, and from its outputs to numbers."""

from __future__ import annotations

import math

from edgernn.converters.c.program import C_TYPES
from edgernn.devices.host.session import TensorInfo
from edgernn.devices.linux.feed import Feed

INTEGER_RANGES = {"int8": (-128, 127), "int16": (-(2**15), 2**15 - 1)}


def named_inputs(feed: Feed) -> list[tuple[str, TensorInfo]]:
    """The inputs, and what they are called in a program."""
    return [(f"in{number}", info) for number, info in enumerate(feed.inputs)]


def named_outputs(feed: Feed) -> list[tuple[str, TensorInfo]]:
    """Likewise the outputs."""
    return [(f"out{number}", info) for number, (info, _) in enumerate(feed.outputs)]


def declarations(feed: Feed) -> list[str]:
    """Of arrays that hold them."""
    return [f"{C_TYPES[info.dtype]} {name}[{math.prod(info.shape)}];" for name, info in _all(feed)]


def arguments(feed: Feed, prefix: str = "") -> str:
    """As the model's function takes them."""
    return ", ".join(prefix + name for name, _ in _all(feed))


def _all(feed: Feed) -> list[tuple[str, TensorInfo]]:
    return named_inputs(feed) + named_outputs(feed)


def to_tensors(feed: Feed, prefix: str = "") -> str:
    """From the array `real` to the inputs; needs `clamped` and `differs`."""
    return "".join(_read(prefix + name, info, feed) for name, info in named_inputs(feed))


def _read(name: str, info: TensorInfo, feed: Feed) -> str:
    each = f"    for (int i = 0; i < {math.prod(info.shape)}; ++i) {name}[i] = "
    kind = C_TYPES[info.dtype]
    if info.name in feed.masks:
        return f"{each}({kind})differs(real + i * FEATURES, {feed.masks[info.name]!r}f);\n"
    if not info.scale:
        return f"{each}({kind})real[i];\n"
    least, most = INTEGER_RANGES[info.dtype]
    integer = f"nearbyint((double)real[i] / {info.scale!r}) + {info.zero_point}"
    return f"{each}({kind})clamped({integer}, {least}, {most});\n"


def to_numbers(feed: Feed, prefix: str = "") -> str:
    """From the outputs to the arrays `real_NAME`."""
    return "".join(_real(prefix + name, f"real_{name}", info) for name, info in named_outputs(feed))


def _real(tensor: str, real: str, info: TensorInfo) -> str:
    each = f"    for (int i = 0; i < {math.prod(info.shape)}; ++i) {real}[i] = "
    if not info.scale:
        return f"{each}(float){tensor}[i];\n"
    return f"{each}(float)(((double){tensor}[i] - {info.zero_point}) * {info.scale!r});\n"
