"""What a conversion says of its own result: the artifact's error on samples that it was not calibrated with."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, replace

from edgernn import guarded
from edgernn.converters.keras.reader import ReadModel
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.trial import answers
from edgernn.distances import Errors, errors
from edgernn.errors import EnvironmentProblem, InputError
from edgernn.opening import runtime_module
from edgernn.quantization.precision import Precision
from edgernn.reference import evaluate
from edgernn.running import Artifact, Pairs, read_artifact
from edgernn.samples import Array, Samples

_SHARE, _MOST = 0.15, 48  # of the samples, and how many at most are kept aside
_FEWEST = 40  # samples; of fewer none can be spared
_SECONDS, _MEMORY = 600.0, 1 << 32


@dataclass(frozen=True)
class Measured:
    """How far a new artifact is from the float model.

    Attributes:
        samples: that it was run on.
        aside: whether it was calibrated without them.
        by: what computed its answers.
        outputs: the distances of each output.
    """

    samples: int
    aside: bool
    by: str
    outputs: tuple[Errors, ...]

    @property
    def error(self) -> float:
        """The worst output's error: over its spread, or, where it has none, the relative one."""
        return max(
            found.spread_error if found.spread_error is not None else found.relative_error for found in self.outputs
        )


def keep_aside(samples: Samples) -> tuple[Samples, Samples]:
    """Samples to calibrate with, and samples to measure with; the same ones if there are few, or parts of recordings.

    Which are kept aside depends on what is in them alone, so neither their order matters nor whether some are there
    twice.
    """
    if samples.recordings or samples.count < _FEWEST:
        return samples, samples.take(range(min(samples.count, _MOST)))
    marks = [
        hashlib.blake2b(b"".join(array[k].tobytes() for array in samples.inputs.values()), digest_size=8).digest()
        for k in range(samples.count)
    ]
    first: dict[bytes, int] = {}
    for k, mark in enumerate(marks):
        first.setdefault(mark, k)
    chosen = sorted(first)[: min(int(len(first) * _SHARE), _MOST)]
    if not chosen:
        return samples, samples.take(range(min(samples.count, _MOST)))
    apart = set(chosen)
    rest = [k for k, mark in enumerate(marks) if mark not in apart]
    return samples.take(rest), samples.take([first[mark] for mark in chosen])


def measured_distances(
    read: ReadModel, samples: Samples, found: tuple[Array, ...], by: str, *, aside: bool
) -> Measured:
    """The distances of an artifact's answers, in the model's order, to those of the float model.

    Args:
        read: the model.
        samples: that the artifact was run on.
        found: its answers.
        by: what computed them.
        aside: whether it was calibrated without them.
    """
    expected = evaluate(read.graph, samples.inputs)
    outputs = tuple(errors(name, ours, expected[name]) for name, ours in zip(read.outputs, found, strict=True))
    return Measured(samples.count, aside, by, outputs)


def run_new(content: bytes, read: ReadModel, samples: Samples) -> tuple[tuple[Array, ...], str] | None:
    """The answers of a new .tflite in the model's order, and what computed them; None where no runtime can tell."""
    artifact: Artifact = read_artifact(content)
    module = runtime_module("litert")
    if module is None:
        return None
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            pairs = Pairs.match(read, artifact)
            return guarded.call(
                answers,
                replace(read_tflite(content), content=b""),
                pairs,
                replace(samples, targets=None, named_targets={}),
                seconds=_SECONDS,
                memory=_MEMORY + 8 * len(content),
                files=(file.fileno(),),
                imports=(module,),
            )
        except (InputError, EnvironmentProblem, ImportError, OSError, guarded.ChildError):
            return None  # it was opened before; what it cannot be asked is told by other means


def told(
    measured: Measured | None, precision: Precision | None, limit: float | None, instead: str = ""
) -> tuple[str, ...]:
    """What was measured and chosen, in sentences."""
    lines = []
    reasons = precision.reasons if precision is not None else ()
    for part in {part.widened: part for part in reversed(reasons)}.values():
        form, other = ("a scale for each row", "one") if part.weights else ("16 bits", "8")
        where = f" of layer '{part.layer}'" if part.layer else ""
        lines.append(f"'{part.name}'{where} has {form}: {other} would cost {_percent(part.error)}.")
    if measured is not None:
        agreement = [found.agreement for found in measured.outputs if found.agreement is not None]
        agreed = f", {100 * min(agreement):.4g} % of its answers are the model's" if agreement else ""
        kept = "kept aside" if measured.aside else "of the calibration itself, which are too few to spare some"
        lines.append(
            f"its error is {_percent(measured.error)} of the outputs' spread{agreed}, on {measured.samples} samples "
            f"{kept}, by {measured.by}."
        )
        if limit is not None and measured.error > limit:
            lines.append(f"that is over the limit of {_percent(limit)}: --quantize {instead} errs less.")
    return tuple(lines)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
