"""``edgernn compare``."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgernn.cli.output import json_option, note, print_json, print_table, say, say_wrapped
from edgernn.cli.progress import progress
from edgernn.cli.values import PLACE, WHOLE, board_names, completed
from edgernn.errors import CheckFailed, InputError

if TYPE_CHECKING:
    from edgernn.comparison.results import Results


_NAMED = 3  # rows that failed


class Listed(click.ParamType[Any]):
    """Values with commas between them."""

    name = "list"

    def __init__(self, kind: Callable[[str], Any] = str) -> None:
        """Take what makes a value of a word."""
        self.kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """The values."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self.kind(word.strip()) for word in value.split(",") if word.strip())
        except ValueError:
            self.fail(f"must be {self.kind.__name__} values with commas between them. Found: '{value}'.", param, ctx)


@click.command()
@click.argument("files", nargs=-1, type=PLACE)
@click.option("--output", "-o", required=True, type=PLACE, help="Folder for results and reports.")
@click.option("--recipe", help="Train by this recipe; 'edgernn recipes' lists them.")
@click.option("--cells", type=Listed(), default="lstm,gru", show_default=True, help="lstm, gru, simplernn.")
@click.option("--units", type=Listed(int), default="32", show_default=True, help="Sizes of the recurrent layer.")
@click.option("--schemes", type=Listed(), help="Of quantization.  [default: float32,dynamic,int8]")
@click.option("--targets", type=Listed(), help="phone, micro.  [default: both, or the board's]")
@click.option("--seeds", type=WHOLE, default=3, show_default=True, help="How often each network is trained.")
@click.option(
    "--fractions",
    type=Listed(float),
    default="0.25,0.5",
    show_default=True,
    help="Shares of the training data, for learning curves; 1 for none.",
)
@click.option("--cnn/--no-cnn", default=True, show_default=True, help="Train 1-D CNNs of the same size beside them.")
@click.option(
    "--matched/--no-matched", default=True, show_default=True, help="Train GRUs with as many parameters as each LSTM."
)
@click.option("--epochs", type=WHOLE, help="Passes over the training samples.  [default: the recipe's]")
@click.option("--untrained", is_flag=True, help="Keep random weights: only size and speed matter.")
@click.option("--steps", type=WHOLE, help="Time steps, of untrained networks or where a Keras model leaves them open.")
@click.option("--features", type=WHOLE, help="Of untrained networks without a recipe.")
@click.option("--classes", type=WHOLE, help="Likewise.")
@click.option("--data", type=PLACE, help="Samples and targets to score FILES with, .npz.")
@click.option("--calibration", type=PLACE, help="Samples to calibrate Keras FILES with.")
@click.option("--budget", help="Limits, as flash=256KiB,ram=64KiB,latency=10ms,accuracy=0.9.")
@click.option(
    "--board",
    shell_complete=completed(board_names),
    help="Take flash and RAM of this board as limits; 'edgernn devices' lists them.",
)
@click.option("--score", type=float, help="Validation score that epochs are counted to.  [default: from the scores]")
@click.option(
    "--jobs", type=WHOLE, default=0, show_default="as many as cores", help="Processes for training and converting."
)
@click.option(
    "--rounds", type=WHOLE, default=15, show_default=True, help="Of timing; in each, every artifact has its turn."
)
@json_option
def command(files: tuple[Path, ...], score: float | None, as_json: bool, **options: Any) -> None:
    """Compare LSTM with GRU and others: train, convert, verify and profile every combination of a recipe.

    Or compare FILES that exist, .tflite and Keras models. The folder gets results.json, results.csv, report.md,
    report.html and plots. A second call continues where the first one ended, and may add cells, sizes and seeds. Exit
    status 1 if rows failed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    from edgernn.comparison.comparing import compare

    output = options["output"]
    with progress("starting", quiet=as_json, stages=3) as bar:
        shown = ""

        def show(stage: str, done: int, of: int) -> None:
            nonlocal shown
            if stage != shown:
                shown = stage
                if not sys.stderr.isatty() and not as_json:
                    note(f"{stage}: {of}")
            bar.stage(stage, done, of)

        try:
            results = compare(
                *files,
                **_shape(options),
                threshold=score,
                command=_words(),
                on_progress=show,
            )
        except KeyboardInterrupt:
            note(f"what was measured is kept in {output}; the same command continues")
            raise
    if as_json:
        from edgernn.report.table import results_document

        print_json(results_document(results))
    else:
        print_results(results)
        note()
        note(f"wrote {shlex.quote(str(output / 'report.html'))}, report.md, results.json, results.csv and plots/")
    for text in results.notes:
        note(f"note: {text}")
    check_rows(results)


def check_rows(results: Results) -> None:
    """End with exit status 1 if rows failed; 2 if nothing worked at all."""
    networks = [row for row in results.rows if row.kind != "baseline"]
    if networks and not any(row.seeds for row in networks):
        raise InputError(f"compare: at least one combination must work. Found: {networks[0].reason}")
    if failed := [row for row in results.rows if row.failures]:
        names = ", ".join(" ".join(filter(None, (row.name, row.scheme, row.target))) for row in failed[:_NAMED])
        more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        raise CheckFailed(
            f"compare: every row must work. Found: {len(failed)} of {len(results.rows)} failed: {names}{more}.",
            hint="the last columns of the table, and the report, say why; the same command tries them again.",
        )


def _shape(options: dict[str, Any]) -> dict[str, Any]:
    """The options with steps, features and classes as `compare` takes them."""
    features, classes = options.pop("features"), options.pop("classes")
    if features is None and classes is None:
        return options
    numbers = {"steps": options.pop("steps"), "features": features, "classes": classes}
    if bad := [name for name, number in numbers.items() if number is None or number < 1]:
        raise InputError(
            f"untrained network: steps, features and classes must all be given, and positive. Found no good "
            f"{', '.join(bad)}."
        )
    return {**options, "shape": tuple(numbers.values())}


def _words() -> tuple[str, ...]:
    """The command as it was typed."""
    return ("edgernn", *(click.get_current_context().obj or ()))


def print_results(results: Results) -> None:
    """The table, the answer in words, and what is said of LSTM and GRU."""
    from edgernn.report.table import DROP, PROSE, terminal_table, titles

    prose = titles(PROSE, results)
    print_table(results.task.name, *terminal_table(results), drop=titles(DROP, results), prose=prose)
    if results.answer is not None:
        say()
        say_wrapped(results.answer.headline)
        for sentence in results.answer.sentences:
            say_wrapped(f"- {sentence}")
    if results.claims:
        say()
        claims = [(c.claim, c.verdict, c.figures) for c in results.claims]
        print_table("On your data", ("Claim", "Verdict", "Figures"), claims, prose=("Claim", "Figures"))
