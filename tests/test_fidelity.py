"""int8 and int16x8 on small tasks that it takes a memory to do, and floors of what a quantizer may lose there.

Weights are a closed formula (the counter) or are committed in benchmarks/fidelity/weights, so that nothing is trained.
Random weights and noise, as other tests have them, hide what these show: states that go far, answers that are few, and
memories that must last.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.fidelity.catalog import TASKS, find_tasks
from benchmarks.fidelity.measuring import measure
from benchmarks.fidelity.memory import counting_data
from benchmarks.fidelity.prepared import Prepared
from benchmarks.fidelity.report import from_json, to_json
from benchmarks.fidelity.rows import Form, Row
from benchmarks.fidelity.scores import loss, score
from benchmarks.fidelity.summary import GOAL, goal_kept, telling, unit
from benchmarks.fidelity.task import Data, Examples, Model
from benchmarks.fidelity.training import WEIGHTS, build, load_weights, predict, record_path
from edgernn.errors import EnvironmentProblem
from edgernn.metrics import area_under_curve
from edgernn.training.network import import_keras

EXAMPLES = 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fidelity")


def prepared(model: Model, network: Any, data: Data, folder: Path) -> Prepared:
    file = folder / f"{model.name}.keras"
    network.save(file)
    test = data.test.select(slice(0, EXAMPLES))
    calibration = dict(data.train.shuffled(7).select(slice(0, 512)).x)
    expected = predict(network, test)
    return Prepared(model, file, calibration, test, expected, score(model.task.metric, expected, test), data.naive)


@cache
def trained(name: str, cell: str, folder: Path) -> Prepared:
    """A network with the weights that are committed."""
    (task,) = find_tasks([name])
    model = Model(task, cell, 0)
    try:
        data = task.load()
    except EnvironmentProblem as error:
        pytest.skip(str(error))
    network = build(import_keras(), model, data.train)
    load_weights(network, model)
    return prepared(model, network, data, folder)


@cache
def counter(steps: int, folder: Path) -> Prepared:
    """Four cells whose gates are open count by tanh(+-4), 4 and 2 up and down: a state as large as there are steps."""
    keras = import_keras()
    x = keras.Input((steps, 1), name="x")
    layer, units = keras.layers.LSTM(4, return_state=True), 4
    _, _, cell = layer(x)
    read = keras.layers.Dense(1)
    network = keras.Model(x, read(cell))
    kernel, bias = np.zeros((1, 4 * units)), np.full(4 * units, 9.0)
    kernel[0, 2 * units : 3 * units], bias[2 * units : 3 * units] = [4, 2, -4, -2], 0
    layer.set_weights([kernel, np.zeros((units, 4 * units)), bias])
    read.set_weights([np.array([[0.5], [0], [-0.5], [0]]), np.zeros(1)])
    data = Data(counting_data(steps, 512, 1), counting_data(steps, EXAMPLES, 2), 0.0)
    (task,) = find_tasks(["counting"])
    return prepared(replace(Model(task, "lstm", 0), task=replace(task, name=f"counter-{steps}")), network, data, folder)


ROWS = (
    ("counter", "phone", "int16x8", 200),
    ("counter", "micro", "int16x8", 200),
    ("counter", "micro", "int8", 256),
    ("counter", "c", "int8", 50),
    ("counter", "c", "int8", 256),
    ("adding-60 gru", "phone", "int16x8", 200),
    ("adding-60 gru", "micro", "int16x8", 200),
    ("adding-60 gru", "micro", "int8", 256),
    ("adding-60 gru", "c", "int8", 256),
    # 256 samples of 8 x 8 pixels, of which a calibration with a stride once saw only one column.
    ("digits-rows gru", "phone", "int8", 256),
    ("digits-rows gru", "micro", "int8", 256),
    ("digits-rows gru", "c", "int8", 256),
    ("digits-rows gru", "micro", "int16x8", 200),
    ("digits-pixels gru", "c", "int8", 256),
)


@pytest.mark.parametrize(("network", "target", "scheme", "samples"), ROWS)
def test_a_task_is_done_as_well_as_in_float(folder: Path, network: str, target: str, scheme: str, samples: int) -> None:
    found = counter(80, folder) if network == "counter" else trained(*network.rsplit(" ", 1), folder)
    row = measure(found, Form("edgernn", target, scheme, samples), timed=False)
    assert row.failure == ""
    assert row.lost is not None
    assert row.lost <= GOAL[unit(row)][1]


def test_every_committed_network_beats_the_naive_answer() -> None:
    records = [json.loads(path.read_text()) for path in sorted(WEIGHTS.glob("*.json"))]
    assert records
    for record in records:
        (task,) = find_tasks([record["task"]])
        assert task.beats(record["score"], record["naive"]), record["task"]
        assert record_path(Model(task, record["cell"], record["seed"])).with_suffix(".npz").is_file()
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 10e6


def test_names_of_tasks_differ() -> None:
    assert len({task.name for task in TASKS}) == len(TASKS) >= 14


def test_the_area_under_the_curve_is_that_of_verify() -> None:
    random = np.random.default_rng(0)
    test = Examples.of(np.zeros((40, 1)), random.integers(0, 2, (40, 5, 1)))
    answers = random.integers(0, 9, (40, 5, 1)) / 8  # with ties
    assert score("auc", answers, test) == pytest.approx(area_under_curve(answers, test.y))


def test_a_loss_and_its_error() -> None:
    random = np.random.default_rng(0)
    test = Examples.of(np.zeros((2000, 1)), random.normal(size=(2000, 1)))
    expected = test.y + random.normal(0, 1, test.y.shape)
    found = loss("rmse", expected, test.y + 1.1 * (expected - test.y), test)
    assert found.lost == pytest.approx(10)
    assert found.error < 1e-6, "the same share of every error, whatever is drawn"
    noisy = loss("rmse", expected, expected + random.normal(0, 0.5, test.y.shape), test)
    # The mean square grows by a quarter; its deviation by the delta method is about 1.1 points at 2000 examples.
    assert noisy.lost == pytest.approx(100 * (np.sqrt(1.25) - 1), abs=4 * noisy.error)
    assert 0.5 < noisy.error < 2


def test_answers_that_do_not_count_are_left_out() -> None:
    test = Examples.of(np.zeros((2, 1)), np.array([[0, 1], [1, 0]]), np.array([[1.0, 0.0], [1.0, 1.0]]))
    answers = np.eye(2)[np.array([[0, 0], [1, 1]])]
    assert score("accuracy", answers, test) == pytest.approx(2 / 3)
    assert score("bits", 0.5 * np.ones((2, 2, 2)), test) == pytest.approx(1)


def test_a_task_tells_something_only_if_its_loss_is_sure() -> None:
    row = Row("t", "gru", 0, "edgernn", "phone", "int8", 200, "accuracy", 0.9, score=0.8, lost=10.0, error=1.0)
    assert telling([row], "t").degree == "badly"
    assert telling([replace(row, error=3.0)], "t").degree == "something"
    assert telling([replace(row, error=5.0)], "t").degree == "nothing"
    assert telling([replace(row, metric="rmse")], "t").degree == "something"
    assert telling([row], "other").degree == "nothing"


def test_the_goal_is_on_the_middle_and_on_the_worst() -> None:
    rows = [
        Row("t", "gru", k, "edgernn", "phone", "int8", 200, "rmse", 1.0, score=1.0, lost=lost, error=0.1)
        for k, lost in enumerate((0.4, 0.4, 1.9))
    ]
    assert goal_kept(rows)
    assert not goal_kept([*rows, replace(rows[0], lost=2.1)])
    assert not goal_kept([*rows[:1], replace(rows[0], lost=0.8), replace(rows[0], lost=0.9)])
    assert not goal_kept([*rows, replace(rows[0], lost=None, failure="refused")])


def test_a_file_of_rows_is_read_as_it_was_written(tmp_path: Path) -> None:
    row = Row("t", "gru", 0, "edgernn", "c", "int8", 64, "bits", 2.5, 2.6, 4.0, 0.5, 1000, 64, types=("int32", "int8"))
    (tmp_path / "rows.json").write_text(to_json([row, replace(row, lost=None)], {"on": "this"}, "abc"))
    assert from_json(tmp_path / "rows.json") == [row, replace(row, lost=None)]
    assert from_json(tmp_path / "none.json") == []
