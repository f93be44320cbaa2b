"""Regressions in the units that were measured: sunspots, power demand, and the glucose of simulated people."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from benchmarks.fidelity.scores import rmse
from benchmarks.fidelity.task import Array, Data, Examples, Plan, Task, normalization
from edgernn.training.download import fetch
from edgernn.training.recipe import Member, Source

MONTHS, AHEAD = 60, (1, 6, 12)
HALF_HOURS, LATER, WEEK = 48, 6, 336
TEST_MONTHS, TEST_HALF_HOURS = 600, 1008

_SUNSPOTS = Member(
    "statsmodels/datasets/sunspots/src/sunspots_monthly.dat",
    *(21194, "cc303d26340b6d599bc2878899f8c50c12323dc04b52a26ad047965ea2b9d2a3"),
)
_TAYLOR = Member(
    "pmdarima/datasets/taylor.py", 35522, "3df2f44f654bfe4338ea39350912140c9710fa776270f50a2529b2f5c87a4e19"
)
SUNSPOTS = Source(
    package="statsmodels",
    version="0.15.0",
    members=(_SUNSPOTS,),
    licence="BSD-3-Clause",
    origin="monthly mean sunspot numbers, National Geophysical Data Center of the USA, public domain.",
)
TAYLOR = Source(
    package="pmdarima",
    version="2.1.1",
    members=(_TAYLOR,),
    licence="MIT",
    origin="J. W. Taylor 2003, half-hourly electricity demand in England and Wales in 2000, as published with the R "
    "package forecast, without a licence of its own.",
)


def _windows(series: Array, length: int, last: int) -> Array:
    """All windows of a series [steps, features] that leave `last` steps behind them, [windows, length, features]."""
    view = np.lib.stride_tricks.sliding_window_view(series[: len(series) - last], length, axis=0)
    return np.ascontiguousarray(view.transpose(0, 2, 1)).astype(np.float32)


def _sunspots() -> Data:
    lines = fetch(SUNSPOTS)[_SUNSPOTS.path].decode().splitlines()
    rows = [line.split() for line in lines if line[:4].isdigit() and len(line.split()) == 13]
    series = np.array([row[1:] for row in rows], np.float64).reshape(-1)
    x = _windows(series[:, None], MONTHS, AHEAD[-1])
    y = np.stack([series[MONTHS - 1 + months :][: len(x)] for months in AHEAD], axis=1).astype(np.float32)
    examples = Examples.of(x, y)
    train = examples.select(slice(None, -TEST_MONTHS - AHEAD[-1] - MONTHS))
    test = examples.select(slice(-TEST_MONTHS, None, 2))
    return Data(train, test, rmse(np.repeat(test.x["x"][:, -1], len(AHEAD), axis=1), test.y))


def _demand() -> Data:
    module = ast.parse(fetch(TAYLOR)[_TAYLOR.path].decode())
    lists = [node for node in ast.walk(module) if isinstance(node, (ast.List, ast.Tuple)) and len(node.elts) > WEEK]
    series = np.array(ast.literal_eval(lists[0]), np.float64)
    last_week, series = series[LATER : LATER - WEEK], series[WEEK:]  # what it was later on this day of the last week
    x = _windows(np.stack([series, last_week], axis=1), HALF_HOURS, LATER)
    y = series[HALF_HOURS - 1 + LATER :][: len(x), None].astype(np.float32)
    examples = Examples.of(x, y)
    train = examples.select(slice(None, -TEST_HALF_HOURS - HALF_HOURS))
    places = np.arange(len(x) - TEST_HALF_HOURS, len(x), 3)
    test = examples.select(places)
    return Data(train, test, rmse(test.x["x"][:, -1, 1:], test.y))


def _glucose_of(seed: int, people: int, days: int = 2) -> Examples:
    """Simulated people: meals and insulin act with delays on a glucose that returns to its base, measured with noise.

    A model of our own after Bergman's minimal model (1979), in steps of 5 minutes. No person was measured.
    """
    random = np.random.default_rng(seed)
    steps, later = days * 288, 6
    base, sensitivity = random.uniform(90, 160, people), random.uniform(15, 45, people)
    glucose, gut, active = base.copy(), np.zeros(people), np.zeros(people)
    series = np.zeros((people, steps, 4))
    truth = np.zeros((people, steps))
    for step in range(steps):
        meal = (random.random(people) < 0.013) * random.uniform(15, 90, people)
        units = meal / random.uniform(6, 18, people)  # people count badly
        bolus = np.where(meal > 0, units, (random.random(people) < 0.004) * 2.0)
        heart = 70 + 15 * np.sin(2 * np.pi * step / 288) + 50 * (random.random(people) < 0.02)
        heart = heart + random.normal(0, 4, people)
        gut, active = 0.85 * gut + 0.15 * meal, 0.97 * active + 0.03 * bolus
        change = 1.1 * gut - 0.5 * sensitivity * active - 0.012 * (glucose - base) - 0.02 * (heart - 70)
        glucose = np.clip(glucose + change, 40, 400)
        truth[:, step] = glucose
        series[:, step] = np.stack([glucose + random.normal(0, 1.5, people), bolus, meal, heart], axis=1)
    length = 36
    starts = np.arange(0, steps - length - later, 12)
    places = starts[:, None] + np.arange(length)
    x = series[:, places].reshape(-1, length, 4).astype(np.float32)
    last = starts + length - 1
    y = (truth[:, last + later] - truth[:, last]).reshape(-1, 1).astype(np.float32)
    return Examples.of(x, y)


def _glucose() -> Data:
    train, test = _glucose_of(1, 200).shuffled(0), _glucose_of(2, 8).shuffled(0)
    return Data(train, test.select(slice(0, 350)), rmse(np.zeros_like(test.y[:350]), test.y[:350]))


def _one_layer(keras: Any, cell: Any, train: Examples) -> Any:
    x = keras.Input(train.x["x"].shape[1:], name="x")
    hidden = cell(32)(normalization(keras, train)(x))
    return keras.Model(x, keras.layers.Dense(train.y.shape[1])(hidden))


def _two_layers(keras: Any, cell: Any, train: Examples) -> Any:
    x = keras.Input(train.x["x"].shape[1:], name="x")
    hidden = cell(32, return_sequences=True)(normalization(keras, train)(x))
    return keras.Model(x, keras.layers.Dense(train.y.shape[1])(cell(32)(hidden)))


TASKS = (
    Task(
        "sunspots",
        "the sunspots 1, 6 and 12 months from now, from five years of raw numbers",
        *("rmse", 0.9, _sunspots, _one_layer, Plan(15, 4e-3), (SUNSPOTS,)),
    ),
    Task(
        "power-demand",
        "the power demand in three hours in MW, from that of today and of a week ago, by two layers",
        *("rmse", 0.9, _demand, _two_layers, Plan(15, 1e-2), (TAYLOR,)),
    ),
    Task(
        "glucose",
        "how much glucose changes in half an hour, from four raw signals of simulated people",
        *("rmse", 0.85, _glucose, _one_layer, Plan(5, 1e-2), ()),
        made="a simulation in benchmarks/fidelity/forecasts.py; no person was measured",
    ),
)
