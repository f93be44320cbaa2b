"""An Android project around an artifact, with recorded answers that the app compares its own with."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgernn import __version__
from edgernn.converters.tflite.counting import count
from edgernn.deployment.job import sample_noise, steps_of
from edgernn.devices.android.project import android_files
from edgernn.devices.host.c import CProject
from edgernn.devices.host.session import Array
from edgernn.devices.linux.feed import feed_of
from edgernn.judgement import RELATIVE_TOLERANCES
from edgernn.owned_folder import MANIFEST, check_folder, manifest, write_folder
from edgernn.running import Artifact, artifact_samples, chosen_runtime, read_artifact, run_samples
from edgernn.samples import Source, read_once
from edgernn.streaming.session import StreamingSession
from edgernn.streaming.window import is_stream, window_of
from edgernn.verification import artifact_scheme

_RECORDED = 8  # samples
SCHEMA = "edgernn.android"


def write_android_project(
    artifact: Any, folder: Path, data: Source | None, package: str, *, force: bool = False
) -> tuple[list[Path], tuple[str, ...]]:
    """Write the project, in place of one that was written before; of that, only what is unchanged is replaced.

    Args:
        artifact: a .tflite, or a folder of C.
        folder: of the project.
        data: samples to record answers to; without, some noise.
        package: of the app.
        force: whether the folder may hold other files; none of them is deleted or overwritten.

    Returns:
        The project's files, and which of the user's are kept under another name.

    Raises:
        InputError: the folder holds something else, or the artifact has more than one input.
        EnvironmentProblem: the runtime is not installed, or the disk is full.
    """
    check_folder(folder, SCHEMA, force=force)
    read = read_artifact(artifact)
    scheme = artifact_scheme(read)
    tolerance = 0.0 if scheme in ("int8", "int16x8") else RELATIVE_TOLERANCES[scheme]
    recorded = b"".join(recorded_answers(read, data))
    parameters = read.own["parameters"] if isinstance(read.content, CProject) else count(read.content).parameters
    title = f"A recurrent model, {scheme}, {parameters} parameters"
    files = android_files(read, package, recorded, title, tolerance)
    about = {"schema": SCHEMA, "version": 1, "edgernn": __version__, "package": package}
    notes = write_folder(folder, {**files, MANIFEST: manifest(about, files)}, force=force)
    return [folder / path for path in files], notes


def recorded_answers(artifact: Artifact, data: Source | None) -> Iterator[bytes]:
    """Frames, or windows, and the answers to them on this machine.

    Each is an int32, 1 where the stream begins anew; the numbers; an int32, how many numbers the answer has, none of
    them where there is no answer yet; and these. All little-endian.
    """
    feed = feed_of(artifact)
    data = None if data is None else read_once(data, "data")
    window = window_of(artifact, steps_of(artifact, data)) if is_stream(artifact) else artifact
    samples, pairs = artifact_samples(window, sample_noise(window) if data is None else data)
    chosen = [samples.only(number) for number in range(min(samples.count, _RECORDED))]
    if feed.stream is None:
        session = artifact.open(chosen_runtime(artifact, None))
        for sample in chosen:
            session.reset()
            answers = run_samples(session, pairs, sample, lambda done, of: None)
            yield _entry(True, sample.inputs[feed.source.name], np.concatenate([part.ravel() for part in answers]))
        return

    with StreamingSession(_opened(artifact)) as stream:
        for sample in chosen:
            stream.reset()
            for number, frame in enumerate(sample.inputs[feed.source.name][0]):
                answer = stream.step(frame)
                parts = list(answer.values()) if isinstance(answer, dict) else [] if answer is None else [answer]
                flat = np.concatenate([np.ravel(part) for part in parts]) if parts else np.zeros(0)
                yield _entry(number == 0, frame, flat)


def _opened(artifact: Artifact) -> Any:
    content = artifact.content
    return content.folder if isinstance(content, CProject) else content.content


def _entry(anew: bool, numbers: Array, answer: Array) -> bytes:
    head = struct.pack("<i", int(anew)) + np.asarray(numbers, "<f4").tobytes()
    return head + struct.pack("<i", answer.size) + np.asarray(answer, "<f4").tobytes()
