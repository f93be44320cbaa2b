"""Runs an artifact on samples, whatever its names, types and masks: what `verify` and `compare` have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgernn.artifact_source import ArtifactSource, source_of
from edgernn.converters.keras.reader import ReadModel
from edgernn.converters.tflite.file import TfliteFile
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.c import CProject, is_c_project, read_c_project
from edgernn.devices.host.probe import probe
from edgernn.devices.host.session import (
    RUNTIMES,
    Array,
    Session,
    TensorInfo,
    open_session,
    runtimes_of,
    tensor_infos,
)
from edgernn.errors import InputError, one_of
from edgernn.graph import DType, Graph, Value
from edgernn.id_tables import table_rows
from edgernn.metrics import Metric, task_metric
from edgernn.samples import Samples, Source, load_samples

_AT_ONCE = 64  # samples


@dataclass(frozen=True)
class Artifact:
    """What can be run, before anything runs it.

    Attributes:
        content: a checked .tflite, or a folder of C.
        own: what edgernn wrote into it.
        inputs: in order.
        outputs: in order.
    """

    content: TfliteFile | CProject
    own: Mapping[str, Any]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    def open(self, runtime: str, device: str | None = None) -> Session:
        """The artifact ready to run; a .tflite that would crash the runtime is refused first.

        Args:
            runtime: that runs it.
            device: an emulated machine for a folder of C, ``qemu:cortex-m4``; None for this machine.

        Raises:
            InputError: the runtime does not take it.
            EnvironmentProblem: the runtime is not installed.
        """
        if isinstance(self.content, TfliteFile):
            if device is not None:
                raise InputError("device: must be given a folder of C. Found: a .tflite.", hint="convert --format c.")
            probe(self.content, runtime)
        elif device is not None:
            from edgernn.devices.emulators.model import EmulatedSession

            return EmulatedSession(self.content, device)
        return open_session(self.content, runtime)


def read_artifact(source: ArtifactSource) -> Artifact:
    """Read a `.tflite` or its content, or a folder of C, or either as `edgernn.convert` returned it.

    Raises:
        InputError: it is none of these, or damaged.
    """
    source = source_of(source)
    if is_c_project(source):
        assert not isinstance(source, bytes), "only paths are folders"
        project = read_c_project(source)
        return Artifact(project, project.own, project.inputs, project.outputs)
    file = read_tflite(source)
    return Artifact(file, file.own, tensor_infos(file), tensor_infos(file, outputs=True))


def chosen_runtime(artifact: Artifact, wanted: str | None) -> str:
    """The runtime that is asked for, or the usual one of the artifact.

    Raises:
        InputError: there is no such runtime, or it is not for this kind of artifact.
    """
    known = runtimes_of(artifact.content)
    if wanted is None:
        return known[0]
    one_of("runtime", wanted, RUNTIMES)
    if wanted not in known:
        kind = "a folder of C" if isinstance(artifact.content, CProject) else "a .tflite"
        raise InputError(f"runtime: must be one of {', '.join(known)} for {kind}. Found: '{wanted}'.")
    return wanted


def score(artifact: ArtifactSource, data: Source, *, runtime: str | None = None) -> Metric | None:
    """How well an artifact does its task, without the model that it was made from; None for samples without targets.

    Args:
        artifact: a `.tflite` file of any tool or its content, or a folder of C.
        data: samples, `.npz`, with targets under `y`.
        runtime: litert, micro or c; by default the artifact's usual one.

    Returns:
        The metric, whose two values are both the artifact's.

    Raises:
        InputError: the artifact does not run, or the samples do not suit it.
        EnvironmentProblem: the runtime is not installed.
    """
    read = read_artifact(artifact)
    samples, pairs = artifact_samples(read, data)
    if samples.targets is None:
        return None
    answers = run_samples(read.open(chosen_runtime(read, runtime)), pairs, samples, lambda done, of: None)
    return task_metric(samples.targets, answers[0], answers[0])


def artifact_samples(artifact: Artifact, data: Source, *, whole: bool = False) -> tuple[Samples, Pairs]:
    """Samples for an artifact whose model is not at hand, and how they are fed to it.

    Args:
        artifact: of whole windows.
        data: samples.
        whole: whether all are taken, however many there are, and targets are left out.

    Raises:
        InputError: the samples do not suit it.
    """
    masks = masks_of(artifact)
    infos = [info for info in artifact.inputs if info.name not in masks]
    values = tuple(Value(info.name, info.shape[1:], sample_type(info)) for info in infos)
    samples = load_samples(
        data, Graph("artifact", values, (), ()), "data", with_targets=not whole, rows=table_rows(artifact), whole=whole
    )
    pairs = Pairs({info.name: info.name for info in infos}, masks, tuple(info.name for info in artifact.outputs))
    return samples, pairs


def sample_type(info: TensorInfo) -> DType:
    """The type in which samples are given: real numbers, ids, or a mask."""
    if info.scale or info.dtype.startswith("float"):
        return "float32"
    return "bool" if info.dtype == "bool" else "int32"


@dataclass(frozen=True)
class Pairs:
    """Which tensor of the artifact stands for which value of the model.

    Attributes:
        inputs: model input per artifact input, by name.
        masks: per artifact input that is a mask: the model input it is taken from, and the value that is masked.
        outputs: artifact output per model output, in the model's order.
    """

    inputs: Mapping[str, str]
    masks: Mapping[str, tuple[str, float]]
    outputs: tuple[str, ...]

    @classmethod
    def match(cls, read: ReadModel, artifact: Artifact) -> Pairs:
        """By name, then by order.

        Raises:
            InputError: the artifact has other inputs or outputs than the model.
        """
        masks = masks_of(artifact)
        infos = [info for info in artifact.inputs if info.name not in masks]
        inputs = _matched(read.graph.inputs, infos, "inputs")
        outputs = _matched(read.graph.outputs, artifact.outputs, "outputs")
        by_value = {value: name for name, value in outputs.items()}
        return cls(inputs, masks, tuple(by_value[name] for name in read.outputs))


def masks_of(artifact: Artifact) -> dict[str, tuple[str, float]]:
    """The masks that an artifact wants from its caller, as its metadata says."""
    entries = artifact.own.get("masks", ())
    try:
        return {str(entry["name"]): (str(entry["source"]), float(entry["differs_from"])) for entry in entries}
    except (TypeError, KeyError, ValueError):
        return {}


def _matched(values: Sequence[Value], infos: Sequence[TensorInfo], what: str) -> dict[str, str]:
    """The model's value for each tensor of the artifact, both by name."""
    names = {info.name for info in infos}
    found = {value.name: value.name for value in values if value.name in names}
    left = [value for value in values if value.name not in found]
    rest = [info for info in infos if info.name not in found]
    if len(left) == len(rest):
        by_shape = [[value for value in left if (1, *value.shape) == info.shape] for info in rest]
        unique = all(len(fitting) == 1 for fitting in by_shape) and len({id(fit[0]) for fit in by_shape}) == len(left)
        order = [fitting[0] for fitting in by_shape] if unique else left
        found.update({info.name: value.name for info, value in zip(rest, order, strict=True)})
    shapes = {value.name: (1, *value.shape) for value in values}
    if len(found) != len(infos) or any(shapes[found[info.name]] != info.shape for info in infos):
        ours = ", ".join(f"'{info.name}' {list(info.shape)}" for info in infos)
        theirs = ", ".join(f"'{name}' {list(shape)}" for name, shape in shapes.items())
        raise InputError(
            f"artifact: must have the model's {what}: {theirs}. Found: {ours or 'none'}.",
            hint="give the model that the artifact was made from.",
        )
    return found


def run_samples(
    session: Session, pairs: Pairs, samples: Samples, on_count: Callable[[int, int], None], together: int = 1
) -> tuple[Array, ...]:
    """The artifact's outputs `[samples, *shape]` in the model's order, as real numbers.

    Args:
        session: of the artifact.
        pairs: which tensor is which.
        samples: to run.
        on_count: is told how many are done, and of how many.
        together: so many belong together, and only the first of them begins from a fresh state.
    """
    fed = {}
    for info in session.inputs:
        if info.name in pairs.masks:
            source, value = pairs.masks[info.name]
            fed[info.name] = (samples.inputs[source] != np.float32(value)).any(-1)
        else:
            fed[info.name] = info.quantize(samples.inputs[pairs.inputs[info.name]])
    infos = {info.name: info for info in session.outputs}
    rows: list[list[Array]] = []
    for start in range(0, samples.count, _AT_ONCE):
        end = min(start + _AT_ONCE, samples.count)
        batch = [{name: a[k : k + 1] for name, a in fed.items()} for k in range(start, end)]
        for outputs in _answers(session, batch, start, together):
            rows.append([infos[name].dequantize(outputs[name]) for name in pairs.outputs])
            on_count(len(rows), samples.count)
    return tuple(np.concatenate(column) for column in zip(*rows, strict=True))


def _answers(
    session: Session, samples: Sequence[Mapping[str, Array]], first: int, together: int
) -> Iterator[dict[str, Array]]:
    """To samples from number `first` on; an emulated machine takes them in one go, since starting it takes long."""
    from edgernn.devices.emulators.model import EmulatedSession

    if isinstance(session, EmulatedSession):
        yield from session.run_many(samples)
        return
    for number, sample in enumerate(samples, first):
        if number % together == 0:
            session.reset()
        yield session.run(sample)
