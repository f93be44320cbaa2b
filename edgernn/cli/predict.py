"""``edgernn predict``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgernn.cli.options import runtime_option
from edgernn.cli.output import json_option, note, print_json, say_csv
from edgernn.cli.progress import progress
from edgernn.cli.values import FILE, PLACE

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = (".csv", ".npz", ".npy")


@click.command()
@click.argument("artifact", type=PLACE)
@click.option(
    "--data",
    required=True,
    type=PLACE,
    help="Samples: .npz, .npy, .csv, .wav, or a folder of recordings.",
)
@click.option("-o", "--output", type=FILE, help="Write the answers to this .csv, .npz or .npy instead.")
@runtime_option
@json_option
def command(artifact: Path, data: Path, output: Path | None, runtime: str | None, as_json: bool) -> None:
    """Print what ARTIFACT, a .tflite of any tool or a folder of C, answers to samples.

    A line of CSV for each sample, in real numbers. Of a stream a sample is a recording, which begins anew.
    """
    from edgernn.converted import check_overwrites
    from edgernn.errors import InputError
    from edgernn.files import check_writable
    from edgernn.predictor import load

    kind = "" if output is None else _kind(output)
    if output is not None:
        check_writable(output)
        check_overwrites(output, artifact, None, data)
    model = load(artifact, runtime)
    if kind == ".npy" and len(model.outputs) > 1:
        raise InputError(
            f"output '{output}': holds one array. Found: {len(model.outputs)} outputs.", hint="choose .npz or .csv."
        )
    with progress("running", quiet=as_json) as bar:
        found = model.answers(data, bar.update)
    for text in found.notes:
        note(f"note: {text}")
    count = len(next(iter(found.outputs.values())))
    if output is not None:
        _write(output, found.outputs)
    document = {
        "schema": "edgernn.predict",
        "version": 1,
        "artifact": artifact,
        "runtime": model.runtime,
        "samples": count,
        "notes": found.notes,
    }
    if as_json:
        print_json({**document, **({"output": output} if output is not None else {"outputs": found.outputs})})
    elif output is not None:
        note(f"{count:,} samples, answers in {output}")
    else:
        say_csv(_table(found.outputs))


def _kind(output: Path) -> str:
    from edgernn.errors import InputError

    kind = output.suffix.lower()
    if kind not in KINDS:
        raise InputError(
            f"output '{output}': must end in {', '.join(KINDS)}. Found: '{output.suffix}'.", hint="choose one of them."
        )
    return kind


def _write(output: Path, answers: Mapping[str, NDArray[Any]]) -> None:
    import numpy as np

    from edgernn.files import atomic_write

    content = io.BytesIO()
    match output.suffix.lower():
        case ".csv":
            content.write(_table(answers).encode())
        case ".npz":
            named: dict[str, Any] = {name.replace("/", "_"): array for name, array in answers.items()}
            np.savez_compressed(content, **named)
        case _:
            np.save(content, next(iter(answers.values())))
    atomic_write(output, content.getvalue())


def _table(answers: Mapping[str, NDArray[Any]]) -> str:
    """A header, and a row for each sample: of each output all its numbers, the last axis the fastest."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sample", *(column for name, array in answers.items() for column in _columns(name, array))])
    flat = [array.reshape(len(array), -1) for array in answers.values()]
    for number, rows in enumerate(zip(*flat, strict=True)):
        writer.writerow([number, *(f"{value:.9g}" for row in rows for value in row)])
    return text.getvalue()


def _columns(name: str, array: NDArray[Any]) -> Iterator[str]:
    import numpy as np

    if array.ndim == 1:
        yield name
        return
    for place in np.ndindex(*array.shape[1:]):
        yield f"{name}[{','.join(map(str, place))}]"
