"""``edgernn inspect``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgernn.cli.kernels import kernels_rows, print_reasons
from edgernn.cli.options import architecture_option
from edgernn.cli.output import json_option, kib, note, print_block, print_json, print_table, say
from edgernn.cli.values import PLACE, WHOLE

if TYPE_CHECKING:
    from edgernn.inspection import Inspection, Tensor

COUNTED = {
    "keras": "counted in the Keras model",
    "metadata": "of the Keras model it was made from, as the file says",
    "file": "counted in the file's operators",
}


@click.command()
@click.argument("model", type=PLACE)
@click.option("--steps", type=WHOLE, help="Number of time steps, where a Keras model leaves it open.")
@architecture_option
@json_option
def command(model: Path, steps: int | None, architecture: Path | None, as_json: bool) -> None:
    """Show what MODEL is made of: a .keras or .h5 file, or a .tflite of any tool."""
    from edgernn.inspection import inspect

    found = inspect(model, steps=steps, architecture=architecture)
    if as_json:
        print_json(found.to_dict())
    else:
        print_inspection(found)


def print_inspection(found: Inspection) -> None:
    """Its properties, its layers and operators, and why a library of kernels does not run it."""
    from edgernn.streaming.description import hop_of

    size = found.size or 0
    rows: list[tuple[str, object]] = [
        ("file", found.file),
        ("bytes", f"{size:,} ({kib(size)}), of them weights {found.weight_bytes:,}"),
        ("scheme", found.scheme),
    ]
    rows += [(key, str(found.metadata[key])) for key in ("target", "form", "io") if key in found.metadata]
    if hop := hop_of(found.metadata):
        rows.append(("stream", f"{hop} frame{'s' * (hop > 1)} per step"))
    if "edgernn" in found.metadata:
        rows.append(("written by", f"edgernn {found.metadata['edgernn']}"))
    rows += [
        ("parameters", f"{found.parameters:,}"),
        ("multiply-accumulates", _number(found.macs)),
        ("  per time step", _number(found.macs_per_step)),
        ("  these three", COUNTED[found.counted]),
        *_tensors("input", found.inputs),
        *_tensors("output", found.outputs),
    ]
    rows += kernels_rows(found.kernels)
    print_block(rows)
    if found.layers:
        table = [
            (row.name, row.class_name, _shape(row.output_shape), row.parameters, row.macs, row.macs_per_step)
            for row in found.layers
        ]
        say()
        print_table("", ("Layer", "Class", "Output", "Parameters", "MACs", "MACs per step"), table, drop=_DROP)
    if found.operators:
        say()
        print_table("", ("Operator", "Count"), list(found.operators.items()))
    print_reasons(found.kernels)
    for text in found.notes:
        note(f"note: {text}")


_DROP = ("MACs per step", "Output", "Class")


def _number(value: int | None) -> str:
    return "unknown: the file does not say how often its loop turns" if value is None else f"{value:,}"


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "scalar"


def _tensors(what: str, tensors: Sequence[Tensor]) -> list[tuple[str, object]]:
    return [
        (
            what,
            f"{tensor.name}: {tensor.dtype} {_shape(tensor.shape)}"
            + (f", real = {tensor.scale:.6g} x (integer {-tensor.zero_point:+d})" if tensor.scale else ""),
        )
        for tensor in tensors
    ]
