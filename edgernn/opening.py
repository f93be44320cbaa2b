"""Opening what was written before it is kept: a file that its own runtime does not run is never left on a disk."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec

import numpy as np

from edgernn import guarded
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.litert import first_words
from edgernn.devices.host.micro import MODULE as MICRO_MODULE
from edgernn.devices.host.packages import LITERT_PACKAGES
from edgernn.devices.host.trial import Trial, try_out
from edgernn.errors import EnvironmentProblem, InputError, InternalError, no_room
from edgernn.graph import Graph
from edgernn.reference import evaluate
from edgernn.samples import Array, Samples

NAMES = {"litert": "LiteRT", "micro": "TFLite-Micro"}
_EXTRAS = {"litert": "runtime", "micro": "micro"}
_SECONDS, _MACS_PER_SECOND, _LONGEST = 10.0, 1e7, 1800.0  # of processor time, on the slowest machine
_MEMORY = 1 << 32
_REPORT = "this is a fault of edgernn: please report it, with the model and the command. Nothing was written."


def check_opens(content: bytes, target: str, graph: Graph, samples: Samples | None, macs: int) -> tuple[str, ...]:
    """Run an artifact once on the runtimes of its target, in a guarded child.

    Args:
        content: of a .tflite.
        target: phone or micro.
        graph: that it was made from.
        samples: to take one from; noise without.
        macs: multiply-accumulates per inference.

    Returns:
        Notes on runtimes that are not installed here.

    Raises:
        InternalError: a runtime refuses it, crashes on it, does not come to an end, or gives answers that are not
            finite where the model's are.
    """
    sample = dict(samples.only(0).inputs) if samples is not None else _noise(graph)
    missing = []
    for runtime in ("micro", "litert") if target == "micro" else ("litert",):
        try:
            trial = _tried(content, runtime, sample, macs)
        except EnvironmentProblem:
            missing.append(runtime)
            continue
        if trial.not_finite and all(np.isfinite(answer).all() for answer in evaluate(graph, sample).values()):
            names = ", ".join(f"'{name}'" for name in trial.not_finite)
            raise InternalError(
                f"artifact: must answer with finite numbers, as the model does. Found: NaN or infinite in {names} on "
                f"{NAMES[runtime]} ({trial.runtime}).",
                hint=f"another --quantize may do; {_REPORT}",
            )
    return tuple(
        f"the file was not opened on {NAMES[runtime]}, which is not installed here: pip install "
        f"'edgernn[{_EXTRAS[runtime]}]'."
        for runtime in missing
        if runtime == ("micro" if target == "micro" else "litert") or len(missing) > 1
    )


def _tried(content: bytes, runtime: str, sample: Mapping[str, Array], macs: int) -> Trial:
    name = NAMES[runtime]
    module = runtime_module(runtime)
    if module is None:
        raise EnvironmentProblem(f"{name} is not installed.")
    with tempfile.TemporaryFile() as file:
        try:
            file.write(content)
            file.flush()
        except OSError as error:
            raise no_room(error) from error
        try:
            return guarded.call(
                try_out,
                replace(read_tflite(content), content=b""),
                runtime,
                sample,
                seconds=min(_SECONDS + macs / _MACS_PER_SECOND, _LONGEST),
                memory=_MEMORY + 8 * len(content),
                files=(file.fileno(),),
                imports=(module,),
            )
        except ImportError as error:
            raise EnvironmentProblem(f"{name} cannot be imported: {error}.") from error
        except guarded.ChildError as error:
            found = f"{error.reason}{_said(error.words)}"
        except InputError as error:
            found = error.message.partition("Found: ")[2] or error.message
    raise InternalError(f"artifact: must run on {name}, before it is kept. Found: {found}", hint=_REPORT)


def _said(words: str) -> str:
    said = first_words(words)
    return f": {said}" if said else "."


def runtime_module(runtime: str) -> str | None:
    """What brings a runtime, to be imported; None if it is not installed."""
    if runtime == "micro":
        return MICRO_MODULE if find_spec(MICRO_MODULE.partition(".")[0]) else None
    return next((package.interpreter for package in LITERT_PACKAGES if find_spec(package.module)), None)


def _noise(graph: Graph) -> dict[str, Array]:
    """One sample for each input: normal numbers, zeros of ids, ones of a mask."""
    rng = np.random.default_rng(0)
    found: dict[str, Array] = {}
    for value in graph.inputs:
        shape = (1, *value.shape)
        if value.dtype == "float32":
            found[value.name] = rng.standard_normal(shape).astype(np.float32)
        else:
            found[value.name] = np.full(shape, value.dtype == "bool", np.bool_ if value.dtype == "bool" else np.int32)
    return found
