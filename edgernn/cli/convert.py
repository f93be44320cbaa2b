"""``edgernn convert``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgernn.cli.explained import print_explanation
from edgernn.cli.options import architecture_option
from edgernn.cli.output import (
    json_option,
    kib,
    note,
    print_block,
    print_json,
    print_table,
    say,
    say_wrapped,
)
from edgernn.cli.progress import progress
from edgernn.cli.values import AS_GIVEN, FILE, PLACE, WHOLE, board_names, completed, scheme_names

if TYPE_CHECKING:
    from edgernn.choice import Choice
    from edgernn.converted import ConvertResult


@click.command()
@click.argument("model", type=PLACE)
@click.option(
    "-o",
    "--output",
    type=AS_GIVEN,
    help="The .tflite file, or the folder of C, to write; FOLDER/ for a file in it.  [default: beside MODEL, by scheme "
    "and target]",
)
@click.option(
    "--format",
    default="tflite",
    show_default=True,
    metavar="tflite|c",
    shell_complete=completed(lambda: ("tflite", "c")),
    help="A .tflite file, or C99.",
)
@click.option(
    "--quantize",
    default="float32",
    show_default=True,
    metavar="SCHEME",
    shell_complete=completed(scheme_names),
    help="float32; float16 weights; dynamic: int8 weights, float arithmetic; int8: integers only; int16x8: int8 "
    "weights, 16-bit activations; auto: the smallest that holds --max-loss.",
)
@click.option(
    "--target",
    metavar="phone|micro",
    shell_complete=completed(lambda: ("phone", "micro")),
    help="The kind of device.  [default: phone, or what --board is]",
)
@click.option(
    "--calibration",
    type=PLACE,
    help="Samples for int8 and int16x8, a hundred typical inputs: .npz, .npy, .csv, .wav, or a folder of recordings.",
)
@click.option("--steps", type=WHOLE, help="Number of time steps, where the model leaves it open.")
@click.option(
    "--io",
    metavar="float32|int8|int16",
    help="Type of inputs and outputs.  [default: float32 for phone; for micro integers if these do no harm]",
)
@click.option(
    "--form",
    metavar="FORM",
    help="How loops are written: while, while-variable, unrolled or fused.  [default: the target's best]",
)
@click.option(
    "--streaming", is_flag=True, help="One frame in, one answer out, with the state kept, instead of a window."
)
@click.option("--hop", type=WHOLE, help="Frames per step of a stream.  [default: the fewest that the strides allow]")
@click.option("--lookahead", type=WHOLE, default=0, help="Frames that a stream's answer may be late.  [default: 0]")
@click.option("--state", metavar="io|internal", help="Where a stream's state is.  [default: the target's best]")
@click.option(
    "--kernels",
    metavar="NAME,...",
    help="Libraries that a micro's artifact must run with, of reference, CMSIS-NN, ESP-NN, HiFi, Ethos-U, LiteRT.  "
    "[default: the first four]",
)
@click.option("--name", help="Of the model in C, the prefix of its identifiers.  [default: from the folder's]")
@click.option("--clip", metavar="minmax|percentile|mse", help="How much of the calibrated ranges is kept.")
@click.option(
    "--max-error", type=float, help="Of int8, of the outputs' spread: what is worse gets 16 bits.  [default: 0.01]"
)
@click.option("--strict", is_flag=True, help="Keep 8 bits everywhere, whatever they harm.")
@click.option("--no-measure", is_flag=True, help="Do not run the artifact on samples kept aside, nor widen anything.")
@click.option(
    "--max-loss",
    type=float,
    help="Of auto: what the metric may lose, in points; in % for RMSE and perplexity.  [default: 0.5; 2 %]",
)
@click.option(
    "--data",
    type=PLACE,
    help="Of auto: samples to measure on, with targets under 'y'.  [default: some of --calibration, kept aside]",
)
@click.option(
    "--board",
    metavar="NAME",
    shell_complete=completed(board_names),
    help="Of auto: a board that must hold it; 'edgernn devices' lists them.",
)
@click.option("--explain", is_flag=True, help="Tell of every tensor its range, scale and what it costs, with advice.")
@click.option("--report", type=FILE, help="Write what --explain tells as an HTML page too, with histograms.")
@click.option("--force", is_flag=True, help="Write C among other files; none is deleted or overwritten.")
@architecture_option
@json_option
def command(
    model: Path,
    output: str | None,
    format: str,
    quantize: str,
    target: str | None,
    calibration: Path | None,
    steps: int | None,
    io: str | None,
    form: str | None,
    streaming: bool,
    hop: int | None,
    lookahead: int,
    state: str | None,
    kernels: str | None,
    name: str | None,
    clip: str | None,
    architecture: Path | None,
    max_error: float | None,
    strict: bool,
    no_measure: bool,
    max_loss: float | None,
    data: Path | None,
    board: str | None,
    explain: bool,
    report: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Convert MODEL, a .keras or .h5 file, to a .tflite for LiteRT and TFLite-Micro, or to C without any runtime."""
    from edgernn import guarded
    from edgernn.choice import NothingHolds, choice_document
    from edgernn.cli.place import artifact_place
    from edgernn.conversion import convert
    from edgernn.names import format_named, scheme_named, target_named

    quantize, format = scheme_named(quantize), format_named(format)
    target = None if target is None else target_named(target)
    output = artifact_place(output, model, format, quantize, target or "", streaming=streaming)
    if report is not None:
        from edgernn.explaining import check_report

        check_report(report, output, model, calibration, data)
    guarded.warm()  # before the progress bar has a thread
    try:
        with progress("starting", quiet=as_json) as bar:
            result = convert(
                model,
                output,
                quantize=quantize,
                target=target,
                calibration=calibration,
                steps=steps,
                io=io,
                form=form,
                clip=clip,
                format=format,
                name=name,
                streaming=streaming,
                hop=hop,
                lookahead=lookahead,
                state=state,
                architecture=architecture,
                force=force,
                kernels=kernels,
                max_error=max_error,
                strict=strict,
                measure=not no_measure,
                max_loss=max_loss,
                data=data,
                board=board,
                explain=explain or report is not None,
                on_progress=bar.describe,
            )
    except NothingHolds as error:
        if as_json:
            print_json(
                {"schema": "edgernn.convert", "version": 1, "artifact": None, "choice": choice_document(error.choice)}
            )
        else:
            print_choice(error.choice)
        raise
    if report is not None and result.explanation is not None:
        from edgernn.explaining import write_report

        write_report(result.explanation, report, model.name)
    if as_json:
        print_json(result.to_dict())
        return
    print_result(result, output)
    for text in result.notes[bool(result.io_reason) :]:
        note(f"note: {text}")


def print_result(result: ConvertResult, output: str) -> None:
    """What was written, and how it came to be so."""
    if result.choice is not None:
        print_choice(result.choice)
        say()
    if result.io_reason:
        say_wrapped(result.io_reason)
    pairs: list[tuple[str, object]] = [
        ("artifact", Path(output)),
        ("bytes", f"{result.size:,} ({kib(result.size)})"),
        ("parameters", result.parameters),
        ("scheme", result.scheme),
        ("target", result.target),
        ("form", result.form),
        ("inputs, outputs", result.io),
        ("time", f"{result.seconds:.2f} s"),
    ]
    print_block(pairs)
    if result.explanation is not None:
        say()
        print_explanation(result.explanation)


def print_choice(choice: Choice) -> None:
    """What was tried, and which was kept."""
    from edgernn.choice import choice_rows

    print_table("", *choice_rows(choice), drop=("Same choice", "Arena", "Error / spread"), prose=("Result",))
    say_wrapped(choice.measured_on)
