"""A conversion before the conversion, without some of the samples: its error on these, and which tensors are to blame.

The artifact itself is then calibrated with all samples, with the types that were chosen here. So the error that is told
is that of the same conversion on samples it had not seen, and none are lost to the ranges of the one that is kept.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

from edgernn.compiler import Options, Prepared, prepare, subject_of, write_artifact
from edgernn.converters.keras.reader import ReadModel
from edgernn.measuring import Measured, keep_aside, measured_distances, run_new
from edgernn.quantization.clipping import better_clip
from edgernn.quantization.explained import Tensor
from edgernn.quantization.precision import Precision, choose, choose_weights_too
from edgernn.quantization.simulated import Simulation, everything
from edgernn.ranges import ClipMethod
from edgernn.samples import Samples

_OURS = {"edgernn": ""}  # so that what the caller must do with the inputs is read from the file


@dataclass(frozen=True)
class Rehearsal:
    """What was learnt.

    Attributes:
        precision: which tensors are to have 16 bits; None where none may be widened.
        measured: on the samples kept aside; None where nothing here can tell.
        clip: how much of 8-bit ranges is to be kept.
        harmed: every tensor with what it costs, if that was asked for.
    """

    precision: Precision | None
    measured: Measured | None
    clip: ClipMethod
    harmed: tuple[Tensor, ...] = ()


def rehearse(
    read: ReadModel,
    options: Options,
    samples: Samples,
    recordings: int,
    limit: float | None,
    fixed: frozenset[str],
    *,
    clip: bool,
    explain: bool = False,
) -> Rehearsal:
    """Convert without some of the samples, and measure on them.

    Args:
        read: the model.
        options: of the conversion.
        samples: all of them.
        recordings: that they are windows of; 0 for others.
        limit: on the error, beyond which tensors are widened; None widens none.
        fixed: values whose type the user has chosen.
        clip: whether to see if clipping makes the answers better; else it is as the options say.
        explain: whether to find out what every tensor costs.
    """
    used, aside = keep_aside(samples)

    def ready(fine: frozenset[str]) -> Prepared:
        return prepare(read.graph, options, used.inputs, recordings, fine)

    prepared, precision = ready(frozenset()), None
    if clip and prepared.calibrated is not None:
        options = replace(options, clip=better_clip(prepared.calibrated, aside.inputs))
        prepared = replace(prepared, calibrated=prepared.calibrated.clipped(options.clip))
    if limit is not None:
        first, known = prepared, dict[Hashable, float]()

        def again(fine: frozenset[str]) -> tuple[Prepared, Precision]:
            found = ready(fine) if fine else first
            assert found.calibrated is not None, "only integers are widened"
            return found, choose(found.calibrated, options.target.costs, aside.inputs, limit, fixed, known)

        prepared, precision = choose_weights_too(again)
    wide = precision.wide if precision is not None else frozenset[str]()
    ran = run_new(write_artifact(prepared, options, _OURS, wide), read, aside) if options.stream is None else None
    if ran is None and prepared.calibrated is not None:
        calibrated = prepared.calibrated
        answers = Simulation(calibrated.integers(wide), calibrated.graph)(calibrated.inputs(aside.inputs), everything)
        ran = tuple(answers[name] for name in read.outputs), "its integers in NumPy"
    harmed = list[Tensor]()
    if explain:
        given = prepared.calibrated.inputs(aside.inputs) if prepared.calibrated is not None else aside.inputs
        harmed = subject_of(prepared, options, wide).harmed(given)
    measured = measured_distances(read, aside, *ran, aside=used is not samples) if ran is not None else None
    return Rehearsal(precision, measured, options.clip, tuple(harmed))
