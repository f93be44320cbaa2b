"""Training of the tasks' networks, each once: weights and a record per task, cell and seed, in the folder weights.

    python -m benchmarks.fidelity.training [--task NAME] [--seed 0]

What is there is taken as it is, so that it may be stopped at any time and goes on where it was; remove a network's two
files to train it anew. Weights are stored as 16-bit floats and rounded before the score is taken, so that what is
judged is what is stored.
"""

from __future__ import annotations

import json
import os
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.fidelity.catalog import find_tasks, models
from benchmarks.fidelity.scores import score
from benchmarks.fidelity.task import SEEDS, Array, Data, Examples, Model, Plan
from edgernn.errors import EdgernnError
from edgernn.files import atomic_write
from edgernn.training.network import import_keras

WEIGHTS = Path(__file__).resolve().parent / "weights"
BATCH = 256  # of predictions


def record_path(model: Model) -> Path:
    """Of a network's record, which is written last."""
    return WEIGHTS / f"{model.name}.json"


def build(keras: Any, model: Model, train: Examples) -> Any:
    """A task's network with Keras's random weights."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(model.seed)
    cell = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[model.cell]
    return model.task.build(keras, cell, train)


def load_weights(network: Any, model: Model) -> None:
    """Give a network the weights that are stored."""
    with np.load(record_path(model).with_suffix(".npz")) as stored:
        network.set_weights([stored[name].astype(np.float32) for name in stored.files])


def predict(network: Any, examples: Examples) -> Array:
    """What Keras answers, float32."""
    return np.asarray(network.predict(_fed(network, examples), batch_size=BATCH, verbose=0))


def _fed(network: Any, examples: Examples) -> Any:
    """The inputs in the network's order, as Keras wants them: a list only of several."""
    arrays = [examples.x[each.name] for each in network.inputs]
    return arrays if len(arrays) > 1 else arrays[0]


def train(keras: Any, model: Model, data: Data) -> dict[str, Any]:
    """Train a network, store its weights, and say how it went."""
    learned = data.learned or data.train
    start = time.perf_counter()
    network = build(keras, model, data.train)
    if model.task.plan.memory:
        _remember(network, model)
    if model.task.plan.after:
        (before,) = find_tasks([model.task.plan.after])
        load_weights(network, Model(before, model.cell, model.seed))
    scale, shift = 1.0, 0.0
    if model.task.metric == "rmse":  # learns targets of mean 0 and deviation 1, and answers in the targets' units
        scale, shift = float(learned.y.std()), float(learned.y.mean())
        learned = Examples(learned.x, (learned.y - shift) / scale, learned.weight)
        if model.task.plan.after:
            _rescale(network, 1 / scale, -shift / scale)
    final = _fit(keras, network, model, learned)
    _rescale(network, scale, shift)
    rounded = [np.asarray(weight, np.float16) for weight in network.get_weights()]
    network.set_weights([weight.astype(np.float32) for weight in rounded])
    path = record_path(model)
    path.parent.mkdir(exist_ok=True)
    with path.with_suffix(".npz").open("wb") as file:
        np.savez_compressed(file, *rounded)
    reached = score(model.task.metric, predict(network, data.test), data.test)
    return {
        "task": model.task.name,
        "cell": model.cell,
        "seed": model.seed,
        "metric": model.task.metric,
        "score": reached,
        "naive": data.naive,
        "final_loss": final,
        "parameters": int(network.count_params()),
        "plan": vars(model.task.plan),
        "seconds": round(time.perf_counter() - start, 1),
        "command": f"python -m benchmarks.fidelity.training --task {model.task.name} --seed {model.seed}",
        "versions": {name: version(name) for name in ("tensorflow", "keras", "numpy")},
    }


def _rescale(network: Any, scale: float, shift: float) -> None:
    """Have the last layer, which is linear, answer `scale` times as much and `shift` more."""
    if (scale, shift) != (1.0, 0.0):
        *others, kernel, bias = network.get_weights()
        network.set_weights([*others, kernel * scale, bias * scale + shift])


def _remember(network: Any, model: Model) -> None:
    """Draw the biases of the gates that keep: LSTM forget b = log u, input -b; GRU update b; u from 1 to the memory."""
    random = np.random.default_rng(model.seed)
    for layer in network.layers:
        if not hasattr(layer, "units") or not hasattr(layer, "recurrent_activation"):
            continue
        kernel, recurrent, bias = layer.get_weights()
        long = np.log(random.uniform(1, model.task.plan.memory - 1, layer.units))
        if model.cell == "lstm":
            bias[: layer.units], bias[layer.units : 2 * layer.units] = -long, long
        else:
            bias[0, : layer.units] = long
        layer.set_weights([kernel, recurrent, bias])


def _fit(keras: Any, network: Any, model: Model, learned: Examples) -> float:
    """Train; the last epoch's loss."""
    plan: Plan = model.task.plan
    count = learned.count // plan.batch * plan.batch
    steps = plan.epochs * count // plan.batch
    rate = keras.optimizers.schedules.CosineDecay(plan.rate, steps)
    kinds = {"rmse": "mse", "auc": "binary_crossentropy"}
    binary = model.task.metric == "accuracy" and network.output_shape[-1] == 1
    loss = kinds.get(model.task.metric, "binary_crossentropy" if binary else "sparse_categorical_crossentropy")
    # Masks are nobody's business but the layers': XLA compiles the loop once, for batches of one size.
    network.compile(keras.optimizers.Adam(rate, clipnorm=1.0), loss, jit_compile=True)
    random = np.random.default_rng(model.seed)
    final = float("nan")
    for _ in range(plan.epochs):
        drawn = learned.select(random.permutation(learned.count)[:count])
        history = network.fit(
            _fed(network, drawn), drawn.y, sample_weight=drawn.weight, batch_size=plan.batch, shuffle=False, verbose=0
        )
        final = float(history.history["loss"][-1])
    network.compile(loss=loss, jit_compile=False)  # a test is too short to compile for
    return final


@click.command()
@click.option("--task", "names", multiple=True, help="Train only this one; may be repeated.")
@click.option("--seed", "seeds", multiple=True, type=int, default=SEEDS, show_default=True)
def main(names: tuple[str, ...], seeds: tuple[int, ...]) -> None:
    """Train what is missing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    wanted = [model for model in models(find_tasks(names), seeds) if not record_path(model).exists()]
    if not wanted:
        return
    keras = import_keras()
    for number, model in enumerate(wanted, 1):
        try:
            data = model.task.load()
        except EdgernnError as error:
            click.echo(f"{model.name}: {error.message}", err=True)
            continue
        record = train(keras, model, data)
        atomic_write(record_path(model), json.dumps(record, indent=1) + "\n")
        told = ", ".join(f"{key} {record[key]:.4g}" for key in ("score", "naive", "final_loss", "seconds"))
        beats = model.task.beats(record["score"], record["naive"])
        click.echo(
            f"{number}/{len(wanted)} {model.name}: {told}{'' if beats else ', NOT BETTER BY THE MARGIN'}", err=True
        )


if __name__ == "__main__":
    main()
