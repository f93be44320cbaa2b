"""An artifact of any kind as one object: whole samples in, real numbers out; or, of a stream, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from edgernn.artifact_source import ArtifactSource, source_of
from edgernn.devices.host.session import Array, Session, TensorInfo
from edgernn.errors import InputError
from edgernn.graph import Graph, Value
from edgernn.running import (
    Artifact,
    artifact_samples,
    chosen_runtime,
    masks_of,
    read_artifact,
    run_samples,
    sample_type,
)
from edgernn.samples import Samples, Source, load_samples
from edgernn.streaming.description import Description, describe
from edgernn.streaming.session import StreamingSession
from edgernn.streaming.window import is_stream

_EACH_ITS_OWN = 1 << 31  # rows of a batch: whatever is given, each sample is a recording

OnCount = Callable[[int, int], None]


@dataclass(frozen=True)
class Predictions:
    """Answers to samples.

    Attributes:
        outputs: `[samples, *shape]` by name, in the artifact's order, float32. Of a stream a sample is a recording,
            and an output with a time axis has an entry per answer, the first of them as late as the stream's delay.
        notes: what was left out of the samples.
    """

    outputs: dict[str, Array]
    notes: tuple[str, ...]


def load(artifact: ArtifactSource, runtime: str | None = None) -> Predictor:
    """Open an artifact of any kind, to ask it.

    Args:
        artifact: path or content of a `.tflite` of any tool, or a folder of C, or what `edgernn.convert` returned.
        runtime: litert, micro or c; by default the artifact's usual one.

    Returns:
        The artifact, ready to run.

    Raises:
        InputError: it is none, or damaged, or the runtime does not take it.
        EnvironmentProblem: the runtime is not installed.
    """
    return Predictor(artifact, runtime)


class Predictor:
    """What `load` gives.

    ```python
    model = edgernn.load("model.tflite")   # or a folder of C
    answers = model.predict(x)             # x as Keras takes it, [samples, steps, features]
    stream = edgernn.load("stream.tflite")
    answer = stream.step(frame)            # [features]; see edgernn.StreamingSession
    ```

    Attributes:
        runtime: that runs it.
        inputs: that a caller gives, with a batch axis of 1; of a stream, those of a step.
        outputs: likewise.
        streaming: whether it takes a hop of frames at a time.
    """

    def __init__(self, artifact: ArtifactSource, runtime: str | None = None) -> None:
        """See `load`."""
        self._source = source_of(artifact)
        self._read: Artifact = read_artifact(self._source)
        self.runtime = chosen_runtime(self._read, runtime)
        self.streaming = is_stream(self._read)
        self._session: Session | None = None
        self._stream: StreamingSession | None = None
        if self.streaming:
            stream = self._streamed()
            self.inputs: tuple[TensorInfo, ...] = stream.inputs
            self.outputs: tuple[TensorInfo, ...] = stream.outputs
        else:
            self._session = self._read.open(self.runtime)
            masks = masks_of(self._read)
            self.inputs = tuple(info for info in self._session.inputs if info.name not in masks)
            self.outputs = self._session.outputs

    def __enter__(self) -> Predictor:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing stays open."""

    def __repr__(self) -> str:
        """Its inputs and outputs, in one line."""

        def listed(infos: tuple[TensorInfo, ...]) -> str:
            return ", ".join(f"'{info.name}' {list(info.shape)}" for info in infos)

        kind = "stream" if self.streaming else "model"
        return f"<edgernn {kind} on {self.runtime}: {listed(self.inputs)} -> {listed(self.outputs)}>"

    def predict(self, x: Source) -> Any:
        """What it answers to samples, in real numbers, whatever the artifact's own types.

        Args:
            x: `[samples, steps, features]` as the model takes it; arrays by name for several inputs; a file, a
                folder, or whatever else `edgernn.verify` takes. Targets are left out. Of a stream a sample is a
                recording of any length, and begins anew.

        Returns:
            `[samples, *shape]`, float32; of several outputs a dict by name.

        Raises:
            InputError: the samples do not suit it.
        """
        outputs = self.answers(x).outputs
        return outputs if len(outputs) > 1 else next(iter(outputs.values()))

    def answers(self, x: Source, on_count: OnCount | None = None) -> Predictions:
        """As `predict`, with all that there is to say.

        Args:
            x: likewise.
            on_count: is told how many samples are done, and of how many.

        Raises:
            InputError: the samples do not suit it.
        """
        report = on_count or (lambda done, of: None)
        if self.streaming:
            return self._of_recordings(x, report)
        assert self._session is not None, "only a stream has none"
        samples, pairs = artifact_samples(self._read, x, whole=True)
        found = run_samples(self._session, pairs, samples, report)
        return Predictions(dict(zip(pairs.outputs, found, strict=True)), samples.notes)

    def step(self, frame: Any) -> Any:
        """Take one frame of a stream, or a hop of them; see `edgernn.StreamingSession.step`.

        Raises:
            InputError: it has no step, or the frame does not suit it.
        """
        return self._streamed().step(frame)

    def reset(self) -> None:
        """Begin the stream anew.

        Raises:
            InputError: it has no step.
        """
        self._streamed().reset()

    def _streamed(self) -> StreamingSession:
        if self._stream is None:
            self._stream = StreamingSession(self._source, self.runtime)
        return self._stream

    def _of_recordings(self, x: Source, report: OnCount) -> Predictions:
        session = self._streamed()
        stream = describe(self._read.own, self._read.inputs, self._read.outputs)
        samples = _recordings(self._read, session, stream, x)
        of_each = samples.count // max(samples.recordings, 1)
        rows: dict[str, list[Array]] = {info.name: [] for info in session.outputs}
        for number in range(samples.recordings):
            session.reset()
            parts: dict[str, list[Array]] = {name: [] for name in rows}
            for k in range(number * of_each, (number + 1) * of_each):
                given = {info.name: samples.inputs[info.name][k].reshape(info.shape[1:]) for info in session.inputs}
                answer = session.step(given)
                named = {} if answer is None else answer if isinstance(answer, dict) else {next(iter(rows)): answer}
                for name, array in named.items():
                    parts[name].append(array)
            for info, kind in zip(session.outputs, stream.answers, strict=True):
                if not parts[info.name]:
                    raise InputError(
                        f"data: a recording must have {session.hop + session.delay} frames for an answer. "
                        f"Found: {of_each * session.hop}.",
                        hint="give longer recordings.",
                    )
                rows[info.name].append(_put_together(parts[info.name], kind.per_hop))
            report(number + 1, samples.recordings)
        session.reset()
        return Predictions({name: np.stack(arrays) for name, arrays in rows.items()}, samples.notes)


def _put_together(answers: list[Array], per_hop: int) -> Array:
    """The answers of a recording: along its time axis, or, of an output that has none, the last."""
    if not per_hop:
        return answers[-1]
    return np.stack(answers) if per_hop == 1 else np.concatenate(answers)


def _recordings(artifact: Artifact, session: StreamingSession, stream: Description, x: Source) -> Samples:
    """Whole recordings, cut into the hops of a stream."""
    values = tuple(
        Value(info.name, (session.hop, *info.shape[1 if session.hop == 1 else 2 :]), sample_type(info))
        if timed
        else Value(info.name, info.shape[1:], sample_type(info))
        for info, timed in zip(session.inputs, stream.timed, strict=False)
    )
    graph = Graph("stream", values, values, ())
    rows = session.table_rows
    return load_samples(x, graph, "data", with_targets=False, rows=rows, stateful=_EACH_ITS_OWN, whole=True)
