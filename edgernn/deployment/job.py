"""What a device is to do: invocations of an artifact, with their inputs as bytes, and the answers of this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from edgernn.converters.tflite.file import TfliteFile
from edgernn.devices.host.session import Array, Session
from edgernn.errors import EnvironmentProblem, InputError
from edgernn.running import Artifact, artifact_samples, chosen_runtime, read_artifact, run_samples
from edgernn.samples import Source, read_once, steps_in
from edgernn.streaming.description import hop_of
from edgernn.streaming.window import Window, WindowSession, is_stream, window_of

NOISE_SAMPLES, NOISE_HOPS = 8, 16  # without data


@dataclass(frozen=True)
class Plan:
    """How often a device runs, and for how long at most.

    Attributes:
        runs: timed invocations, of the samples in turn; the answers come from a pass over all samples before them.
        warmup: invocations between that pass and these.
        seconds: that the device is given for all of it.
    """

    runs: int = 100
    warmup: int = 10
    seconds: float = 120.0

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            InputError: a value is out of range.
        """
        if not (1 <= self.runs <= 10_000_000 and 0 <= self.warmup <= 10_000_000 and 0 < self.seconds <= 86_400):
            raise InputError(
                "plan: runs must be 1 to 10,000,000, warmup 0 to 10,000,000, seconds above 0 and at most a day. "
                f"Found: {self.runs}, {self.warmup} and {self.seconds:g}."
            )


@dataclass(frozen=True)
class Job:
    """An artifact and what it is run on.

    A stream whose states are inputs is given, at every step, the states that this machine had: each of its steps is
    compared by itself, so that a difference shows where it arises.

    Attributes:
        artifact: what is deployed.
        digest: SHA-256 of it.
        runtime: that runs it here, and on the device.
        session: that of this machine, with its version.
        samples: how many they were; an invocation each, or, of a stream, one for each step.
        invocations: raw inputs in the artifact's order, one tuple per invocation.
        resets: invocations before which the artifact forgets its state.
        expected: raw outputs of this machine, likewise.
        plan: how often to run.
    """

    artifact: Artifact
    digest: str
    runtime: str
    session: str
    samples: int
    invocations: tuple[tuple[Array, ...], ...]
    resets: frozenset[int]
    expected: tuple[tuple[Array, ...], ...]
    plan: Plan

    @property
    def input_bytes(self) -> bytes:
        """All inputs, one invocation after the other, as a runner reads them."""
        return b"".join(map(self.bytes_of, self.invocations))

    def bytes_of(self, arrays: tuple[Array, ...]) -> bytes:
        """The inputs of one invocation, as they lie in a device's memory."""
        return b"".join(_stored(array).tobytes() for array in arrays)

    @property
    def output_size(self) -> int:
        """Bytes of the outputs of one invocation."""
        return sum(_stored(np.zeros(info.shape, info.dtype)).nbytes for info in self.artifact.outputs)

    def answers(self, content: bytes) -> tuple[tuple[Array, ...], ...]:
        """The outputs in what a device wrote, one tuple per invocation.

        Raises:
            EnvironmentProblem: it is not as long as it must be.
        """
        wanted = self.output_size * len(self.invocations)
        if len(content) != wanted:
            raise EnvironmentProblem(
                f"outputs of the device: must be {wanted:,} bytes. Found: {len(content):,}.", hint="deploy again."
            )
        parts = (content[start : start + self.output_size] for start in range(0, wanted, self.output_size))
        return tuple(tuple(self._split(part)) for part in parts)

    def _split(self, content: bytes) -> Iterator[Array]:
        at = 0
        for info in self.artifact.outputs:
            empty = _stored(np.zeros(info.shape, info.dtype))
            part = content[at : at + empty.nbytes]
            yield np.frombuffer(part, empty.dtype).reshape(info.shape).astype(info.dtype)
            at += empty.nbytes


def _stored(array: Array) -> Array:
    """Masks are bytes, all is little-endian."""
    array = np.ascontiguousarray(array)
    return array.astype("u1") if array.dtype == np.bool_ else array.astype(array.dtype.newbyteorder("<"))


def prepare(artifact: Any, data: Source | None, plan: Plan, *, runtime: str | None = None) -> Job:
    """Run an artifact here on samples, and keep what went in and came out.

    Args:
        artifact: a .tflite or a folder of C.
        data: samples `[samples, steps, features]`, as `verify` takes them; without, some noise.
        plan: how often to run.
        runtime: litert, micro or c; by default the artifact's usual one.

    Raises:
        InputError: bad artifact or samples, or no such runtime for them.
        EnvironmentProblem: the runtime is not installed here.
    """
    plan.check()
    read = read_artifact(artifact)
    wanted = chosen_runtime(read, runtime)
    data = None if data is None else read_once(data, "data")
    window = window_of(read, steps_of(read, data)) if is_stream(read) else read
    samples, pairs = artifact_samples(window, sample_noise(window) if data is None else data)
    recorder = _Recorder(read.open(wanted))
    session: Session = WindowSession(recorder, window) if isinstance(window, Window) else recorder
    for number in range(samples.count):
        recorder.reset()
        run_samples(session, pairs, samples.only(number), lambda done, of: None)
    return Job(
        artifact=read,
        digest=content_hash(read),
        runtime=wanted,
        session=recorder.description,
        samples=samples.count,
        invocations=tuple(recorder.fed),
        resets=frozenset(recorder.resets),
        expected=tuple(recorder.found),
        plan=plan,
    )


class _Recorder:
    """A session that keeps what goes in and comes out; see `edgernn.devices.host.session.Session`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.runtime, self.description, self.opening = session.runtime, session.description, session.opening
        self.inputs, self.outputs = session.inputs, session.outputs
        self.fed: list[tuple[Array, ...]] = []
        self.found: list[tuple[Array, ...]] = []
        self.resets: set[int] = set()

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        found = self._session.run(values)
        self.fed.append(tuple(np.array(values[info.name]) for info in self.inputs))
        self.found.append(tuple(found[info.name] for info in self.outputs))
        return found

    def feed(self, values: Mapping[str, Array]) -> None:
        self._session.feed(values)

    def invoke(self) -> None:
        self._session.invoke()

    def reset(self) -> None:
        self._session.reset()
        self.resets.add(len(self.fed))


def steps_of(artifact: Artifact, data: Source | None) -> int:
    """The steps of a window of samples for a stream."""
    if data is not None:
        return steps_in(data, "data")
    return NOISE_HOPS * hop_of(artifact.own)


def sample_noise(artifact: Artifact) -> dict[str, Array]:
    """Samples of noise for every input."""
    found = {}
    for info in artifact.inputs:
        rows = [info.dequantize(info.noise(seed)) for seed in range(NOISE_SAMPLES)]
        real = info.scale or info.dtype.startswith("float")
        found[info.name] = np.concatenate(rows).astype("f4" if real else info.dtype)
    return found


def now() -> str:
    """The time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def content_hash(artifact: Artifact) -> str:
    """SHA-256 of a .tflite, or of a folder's files and their paths."""
    content = artifact.content
    if isinstance(content, TfliteFile):
        return hashlib.sha256(content.content).hexdigest()
    digest = hashlib.sha256()
    for path in content.files:
        digest.update(f"{path.relative_to(content.folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()
