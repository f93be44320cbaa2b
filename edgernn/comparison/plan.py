"""What a comparison will do, before it does anything: models to train, and artifacts to make of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgernn.comparison.records import CNN
from edgernn.targets import SCHEMES, TARGETS

FULL = 1.0


@dataclass(frozen=True)
class PlannedModel:
    """A network to train; see `edgernn.comparison.records.Model` for the words."""

    id: str
    cell: str
    units: int
    seed: int
    fraction: float = FULL
    matched: str = ""

    @property
    def is_curve_point(self) -> bool:
        """Whether it is only there for a learning curve, and no artifact is made of it."""
        return self.fraction != FULL


@dataclass(frozen=True)
class PlannedArtifact:
    """A file to make of a model."""

    id: str
    model: str
    scheme: str
    target: str


@dataclass(frozen=True)
class Sweep:
    """The combinations that are asked for.

    Attributes:
        cells: lstm, gru, simplernn, cnn.
        units: of the recurrent layer.
        schemes: of quantization.
        targets: phone, micro; a scheme that a target does not have is left out.
        seeds: how many, counted from 0.
        fractions: shares of the training data for the learning curves, besides all of it.
        matched: by cell and units, the units of a GRU with as many parameters as that LSTM.
    """

    cells: tuple[str, ...]
    units: tuple[int, ...]
    schemes: tuple[str, ...]
    targets: tuple[str, ...]
    seeds: int
    fractions: tuple[float, ...] = ()
    matched: tuple[tuple[int, int], ...] = ()  # (units of the LSTM, units of the GRU)

    @property
    def curve_units(self) -> int:
        """The size that learning curves are made with: the middle one."""
        return sorted(self.units)[(len(self.units) - 1) // 2]

    def models(self) -> tuple[PlannedModel, ...]:
        """Every network, seed by seed, so that after an interruption there is something of everything."""
        return tuple(model for seed in range(self.seeds) for model in self._models(seed))

    def _models(self, seed: int) -> Iterator[PlannedModel]:
        for units in self.units:
            for cell in self.cells:
                yield PlannedModel(f"{cell}-{units}-s{seed}", cell, units, seed)
        for lstm_units, gru_units in self.matched:
            if gru_units not in self.units:
                yield PlannedModel(f"gru-{gru_units}-s{seed}", "gru", gru_units, seed, matched=f"lstm-{lstm_units}")
        for fraction in self.fractions:
            for cell in self.cells:
                if cell != CNN and fraction != FULL:
                    name = f"{cell}-{self.curve_units}-f{100 * fraction:g}-s{seed}"
                    yield PlannedModel(name, cell, self.curve_units, seed, fraction)

    def artifacts(self, model: PlannedModel) -> tuple[PlannedArtifact, ...]:
        """The files to make of a model."""
        return () if model.is_curve_point else planned_artifacts(model.id, self.schemes, self.targets)


def planned_artifacts(model: str, schemes: tuple[str, ...], targets: tuple[str, ...]) -> tuple[PlannedArtifact, ...]:
    """A file for every scheme and target that go together."""
    return tuple(
        PlannedArtifact(f"{model}-{scheme}-{target}", model, scheme, target)
        for scheme in SCHEMES
        if scheme in schemes
        for target in TARGETS
        if target in targets and scheme in TARGETS[target].schemes
    )
