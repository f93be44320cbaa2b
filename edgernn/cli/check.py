"""``edgernn check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgernn.cli.options import architecture_option
from edgernn.cli.output import json_option, note, print_block, print_json, print_table, say, say_wrapped
from edgernn.cli.progress import progress
from edgernn.cli.values import PLACE, WHOLE

if TYPE_CHECKING:
    from edgernn.checking import CheckResult, Way

_NAMED = 2  # boards that are too small
_MEMORY = {"phone": "tensors", "micro": "arena", "c": "RAM"}


@click.command()
@click.argument("model", type=PLACE)
@click.option("--steps", type=WHOLE, help="Number of time steps, where the model leaves it open.")
@architecture_option
@json_option
def command(model: Path, steps: int | None, architecture: Path | None, as_json: bool) -> int:
    """Say whether MODEL, trained or not, can be converted, to what, and what each kind of artifact would cost.

    No samples are needed. A model that cannot be converted is exit status 1; all that stands in its way is listed.
    """
    from edgernn.checking import check

    with progress("reading the model", quiet=as_json) as bar:
        found = check(model, steps=steps, architecture=architecture, on_progress=bar.describe)
    if as_json:
        print_json({"model": model, **found.to_dict()})
    else:
        print_check(found)
    for text in found.notes:
        note(f"note: {text}")
    return 0 if found.convertible else 1


def print_check(found: CheckResult) -> None:
    """What stands in its way, or what each kind of artifact costs."""
    if found.obstacles:
        count = len(found.obstacles)
        say(f"cannot be converted: {count} obstacle{'s' if count > 1 else ''}")
        for message, hint in found.obstacles:
            say_wrapped(f"- {message}{f' {hint[:1].upper()}{hint[1:]}' if hint else ''}")
        say_wrapped("'edgernn layers' lists what is supported.")
        return
    shapes = [f"{name} {list(shape)}" for name, shape in (found.inputs or {}).items()]
    answers = [f"{name} {list(shape)}" for name, shape in (found.outputs or {}).items()]
    print_block(
        [
            ("inputs", ", ".join(shapes)),
            ("outputs", ", ".join(answers)),
            ("parameters", found.parameters),
            ("products", f"{found.macs:,} ({found.macs_per_step:,} per step)"),
            ("as a stream", found.stream_reason if found.streams else f"no: {found.stream_reason}"),
        ]
    )
    say()
    rows = [_row(way) for way in found.ways]
    columns = ("Target", "Scheme", "Bytes", "Memory", "Of", "Boards", "Why not")
    print_table("", columns, rows, drop=("Of", "Boards"), prose=("Why not",))
    say_wrapped(
        "int8 and int16x8 are figures without samples: what 8 bits harm on yours gets 16, and a little more room."
    )


def _row(way: Way) -> tuple[object, ...]:
    if way.size is None:
        return (way.target, way.scheme, None, None, "", "", way.refused)
    count = len(way.boards) + len(way.too_small)
    fits = f"{len(way.boards)} of {count}" if way.too_small else f"all {count}" if count else "not known"
    if 0 < len(way.too_small) <= _NAMED:
        fits += f", not {', '.join(way.too_small)}"
    return (way.target, way.scheme, way.size, way.memory, _MEMORY[way.target], fits, way.refused)
