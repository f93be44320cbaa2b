"""``edgernn train``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgernn.cli.output import json_option, note, print_json, print_table
from edgernn.cli.progress import progress
from edgernn.cli.values import PLACE, WHOLE

if TYPE_CHECKING:
    from edgernn.training import Epoch, TrainResult


@click.command()
@click.argument("recipe")
@click.option("--cell", required=True, metavar="lstm|gru|simplernn|cnn", help="The recurrent cell, or a small 1-D CNN.")
@click.option("--units", required=True, type=WHOLE, help="Size of each layer's state. A CNN is as large as such a GRU.")
@click.option("--output", "-o", required=True, type=PLACE, help="Folder to write.")
@click.option("--layers", type=WHOLE, default=1, show_default=True, help="Recurrent layers, one upon the other.")
@click.option("--seed", type=WHOLE, default=0, show_default=True, help="Decides weights at the start, order and share.")
@click.option("--fraction", default=1.0, show_default=True, help="Share of the training recordings to learn from.")
@click.option("--epochs", type=WHOLE, help="Passes over all training samples.  [default: the recipe's]")
@click.option("--batch-size", type=WHOLE, help="Samples per step.  [default: the recipe's]")
@click.option("--learning-rate", type=float, help="Where it starts; it falls to 0.  [default: the recipe's]")
@click.option("--force", is_flag=True, help="Replace an earlier run in the folder.")
@json_option
def command(
    recipe: str,
    cell: str,
    units: int,
    output: Path,
    layers: int,
    seed: int,
    fraction: float,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    force: bool,
    as_json: bool,
) -> None:
    """Train a recurrent model, or a CNN to compare it with, on the real data of RECIPE; 'edgernn recipes' lists them.

    The folder then holds model.keras, calibration.npz (training samples, for 'edgernn convert --calibration'), test.npz
    (for 'edgernn verify --data') and run.json, the record that --json prints.
    """
    # Before anything imports TensorFlow: no start-up chatter; and no GPU, which is slower for a model this small, and
    # whose sums differ from run to run.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    from edgernn.devices.host.stderr import captured_stderr
    from edgernn.training import train
    from edgernn.training.network import import_keras
    from edgernn.training.trainer import STARTING_KERAS

    with progress("checking", quiet=as_json) as bar:

        def announce(stage: str) -> None:
            bar.describe(stage)
            if stage == STARTING_KERAS:
                with captured_stderr():  # some of TensorFlow's chatter heeds no setting
                    import_keras()

        def show(epoch: Epoch) -> None:
            bar.describe(f"training, loss {epoch.loss:.3f}, validation {epoch.validation_score:.3f}")
            bar.update(epoch.number, epoch.of)

        result = train(
            recipe,
            cell=cell,
            units=units,
            output=output,
            seed=seed,
            layers=layers,
            fraction=fraction,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            force=force,
            on_stage=announce,
            on_epoch=show,
        )
    for text in result.notes:
        note(f"note: {text}")
    if as_json:
        print_json(result.document)
        return
    print_training(result)
    note(f"{result.settings.epochs} epochs in {result.seconds:.1f} s; wrote {result.folder}")


def print_training(result: TrainResult) -> None:
    """The model's score beside those of the baselines."""
    model = f"{result.cell} {' + '.join([str(result.units)] * result.layers)}"
    rows: list[tuple[object, ...]] = [(model, f"{result.score:.3f}", result.parameters)]
    rows += [(f"baseline: {baseline.name}", f"{baseline.score:.3f}", None) for baseline in result.baselines]
    columns = ("Model", "Score", "Parameters")
    print_table(
        f"{result.recipe}: {result.metric}, {result.samples['test']} test samples", columns, rows, prose=("Model",)
    )
