"""What claims and answer are read off: the networks of both cells, put beside each other where they may be compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgernn.comparison.pairings import as_many_parameters
from edgernn.comparison.plan import FULL
from edgernn.comparison.records import Model, Task
from edgernn.comparison.results import CurvePoint, Pairing, Row
from edgernn.comparison.rows import Run
from edgernn.comparison.statistics import Block


@dataclass(frozen=True)
class Match:
    """The networks of an LSTM and of a GRU that are equal in units or in parameters, one per seed."""

    lstm: tuple[Model, ...]
    gru: tuple[Model, ...]

    @property
    def name(self) -> str:
        """``32 units``, or ``LSTM 32 and GRU 37``."""
        lstm, gru = self.lstm[0].units, self.gru[0].units
        return f"{lstm} units" if lstm == gru else f"LSTM {lstm} and GRU {gru}"

    @property
    def scores(self) -> tuple[float, ...]:
        """Of the float models of both cells."""
        return _values((*self.lstm, *self.gru), lambda model: model.score)

    def block(self, value: Callable[[Model], float | None]) -> Block | None:
        """A figure of every seed that has it; None if one of the cells has none."""
        left, right = (_values(models, value) for models in (self.lstm, self.gru))
        return Block(left, right) if left and right else None


def _values(models: Sequence[Model], value: Callable[[Model], float | None]) -> tuple[float, ...]:
    found = (value(model) for model in models)
    return tuple(each for each in found if each is not None and math.isfinite(each))


@dataclass(frozen=True)
class Evidence:
    """Everything that was measured, and what was made of it so far.

    Attributes:
        task: its metric says which direction is better.
        models: all of them.
        runs: models with their artifacts, by the id of their row.
        rows: of the comparison.
        pairings: of these rows.
        curves: scores by share of the training data.
        threshold: to which epochs are counted.
    """

    task: Task
    models: tuple[Model, ...]
    runs: Mapping[str, Sequence[Run]]
    rows: tuple[Row, ...]
    pairings: tuple[Pairing, ...]
    curves: tuple[CurvePoint, ...]
    threshold: float | None

    @property
    def has_both(self) -> bool:
        """Whether there is an LSTM and a GRU that went well."""
        return bool(self.networks("lstm")) and bool(self.networks("gru"))

    @property
    def test_samples(self) -> int | None:
        """How many samples an accuracy was counted on; None for other metrics, and where it is not known."""
        return self.task.samples.get("test") if self.task.metric == "accuracy" else None

    def networks(self, cell: str) -> dict[int, tuple[Model, ...]]:
        """The networks of a cell that went well on all of the training data, by units, one per seed."""
        found: dict[int, list[Model]] = {}
        for model in self.models:
            if model.cell == cell and model.fraction == FULL and not model.failed:
                found.setdefault(model.units, []).append(model)
        return {units: tuple(models) for units, models in found.items()}

    def matches(self, equal: str) -> list[Match]:
        """LSTMs and GRUs with equal ``units`` or equal ``parameters``."""
        lstms, grus = self.networks("lstm"), self.networks("gru")
        if equal == "units":
            return [Match(lstms[units], grus[units]) for units in lstms if units in grus]
        matched = {
            units: as_many_parameters(models[0], [gru[0] for gru in grus.values()]) for units, models in lstms.items()
        }
        return [Match(lstms[units], grus[gru.units]) for units, gru in matched.items() if gru is not None]

    def pairs(self, equal: str, targets: Sequence[str] = ()) -> list[Pairing]:
        """Pairs of rows; of the targets that are given, if there are any of these."""
        found = [pair for pair in self.pairings if pair.equal == equal]
        return [pair for pair in found if pair.target in targets] or found
