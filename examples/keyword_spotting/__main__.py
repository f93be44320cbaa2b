"""Keyword spotting: learn from windows, listen to a stream.

    python -m examples.keyword_spotting [--minutes 60] [--false-per-hour 20] [--output runs/keyword-spotting]

Ten words are spoken by a speech synthesizer in 36 voices and by throats that are made up, among other words and made-up
words one sound away from a keyword, in rooms and noise. A causal convolution and a GRU learn from windows of three
seconds. The model is quantized to int8 and becomes a stream for a microcontroller, which is then run on the
TFLite-Micro interpreter, frame by frame, over WAV files. Validation voices, which say other words than those of
training, choose the threshold. The test has other voices and other words again, and another synthesizer. Printed are
the share of words found, false accepts per hour of speech without keywords, how long after the end of a word it is
known, and the same for other thresholds. All speech is synthetic: people will be understood less well.
"""

from __future__ import annotations

import os
import sys
import time
import wave
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

import edgernn
from edgernn.cli.main import guarded
from edgernn.cli.progress import progress
from edgernn.streaming.frames import read_frames
from edgernn.training.network import import_keras
from examples.keyword_spotting import speech, spotter
from examples.keyword_spotting.detections import Detector
from examples.keyword_spotting.near_misses import near_misses
from examples.keyword_spotting.report import ANOTHER, OTHER, UNHEARD, VALIDATION, VALIDATION_OTHER, Listening, report
from examples.keyword_spotting.scenes import FRONT_END, STRIDE, Clip, Kind, Scene, scene, windows
from examples.keyword_spotting.speech import RATE
from examples.keyword_spotting.words import CLASSES, KEYWORDS, TEST_OTHERS, TRAIN_OTHERS, VALIDATION_OTHERS

Floats = NDArray[np.float32]
WINDOWS, SEED = 16000, 0
THRESHOLDS = tuple(step / 100 for step in range(30, 100))


def clips(wanted: list[speech.Utterance]) -> list[Clip]:
    """The utterances, spoken."""
    return [
        Clip(samples, CLASSES.index(each.word) if each.word in KEYWORDS else 0, each.word)
        for each, samples in zip(wanted, speech.speak(wanted), strict=True)
    ]


def in_a_row(said: list[Clip], seed: int, minutes: float | None = None) -> Scene:
    """All clips in a random order, or as many, again and again, as fill the minutes."""
    random = np.random.default_rng(seed)
    order: list[Clip] = []
    left = 0.0 if minutes is None else 60.0 * minutes
    while not order or left > 0:
        for number in random.permutation(len(said)):
            order.append(said[number])
            left -= len(said[number].samples) / RATE + 0.65
            if minutes is not None and left <= 0:
                break
    return scene(order, list(random.uniform(0.3, 1.0, len(order))), random)


def write_wav(path: Path, sound: Floats) -> None:
    """16 bits, one channel."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(sound * 32767).astype("<i2").tobytes())


def listen(artifact: Path, path: Path, runtime: str) -> tuple[Floats, float]:
    """The answers to a WAV file, [answers, classes], and the microseconds that a frame took, front end included."""
    with edgernn.StreamingSession(artifact, runtime) as session:
        start = time.perf_counter()
        answers = list(session.run(read_frames(str(path), FRONT_END.bands, sys.stdin, FRONT_END)))
        taken = time.perf_counter() - start
        return np.stack(answers), 1e6 * taken / session.frames


def choose_threshold(other: Listening, false_per_hour: float) -> float:
    """The lowest threshold that keeps false accepts in speech of other words below a limit, or else the highest."""
    for threshold in THRESHOLDS:
        if other.judged(Detector(threshold)).false_per_hour <= false_per_hour:
            return threshold
    return THRESHOLDS[-1]


def train(folder: Path, random: np.random.Generator) -> tuple[Any, Floats]:
    """The trained Keras model, saved, and windows to calibrate with."""
    with progress("speaking", spotter.EPOCHS) as bar:
        held_out = (*VALIDATION_OTHERS, *TEST_OTHERS)
        kinds = [
            Kind(clips(speech.lessons(KEYWORDS, 120, random)), 0.4),
            Kind(clips(speech.lessons(TRAIN_OTHERS, 3, random)), 0.3),
            Kind(clips(speech.lessons(near_misses(held_out, 1000, random), 2, random)), 0.3),
        ]
        bar.describe("mixing windows")
        with ProcessPoolExecutor(2) as pool:  # always two parts, so that windows do not depend on the machine
            parts = list(pool.map(windows, (kinds, kinds), (WINDOWS // 2, WINDOWS // 2), (SEED, SEED + 1)))
        x, y, weight = (np.concatenate(each) for each in zip(*parts, strict=True))
        bar.describe("starting Keras")
        keras = import_keras()
        keras.utils.set_random_seed(SEED)
        model = spotter.build(keras, x)

        def told(loss: float) -> None:
            bar.describe(f"training, loss {loss:.3f}")
            bar.advance()

        spotter.fit(keras, model, (x, y, weight), SEED, told)
    model.save(folder / "model.keras")
    return model, x[:100]


@click.command()
@click.option(
    "--minutes", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Of speech without keywords."
)
@click.option(
    "--false-per-hour",
    type=click.FloatRange(min=0),
    default=20.0,
    show_default=True,
    help="False accepts in speech of the validation's other words; decides the threshold.",
)
@click.option("--output", type=click.Path(path_type=Path), default=Path("runs/keyword-spotting"), show_default=True)
@click.option("--runtime", type=click.Choice(["litert", "micro"]), default="micro", show_default=True)
def command(minutes: float, false_per_hour: float, output: Path, runtime: str) -> None:
    """Learn ten words from windows, and find them in a stream."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no start-up chatter of TensorFlow
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # slower than the processor for models this small
    output.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(SEED)
    _, calibration = train(output, random)
    np.savez(output / "calibration.npz", x=calibration)
    artifact = output / "spotter.tflite"
    result = edgernn.convert(
        output / "model.keras",
        artifact,
        target="micro",
        quantize="int8",
        calibration=output / "calibration.npz",
        streaming=True,
        hop=STRIDE,
    )
    streams = {
        VALIDATION: (speech.utterances(KEYWORDS + VALIDATION_OTHERS[::9], speech.VALIDATION, 2, random), None),
        VALIDATION_OTHER: (speech.utterances(VALIDATION_OTHERS, speech.VALIDATION, 2, random), min(minutes, 20.0)),
        UNHEARD: (speech.utterances(KEYWORDS + TEST_OTHERS[::9], speech.TEST, 2, random), None),
        ANOTHER: (speech.flite_utterances(KEYWORDS + TEST_OTHERS[::9]), None),
        OTHER: (
            speech.utterances(TEST_OTHERS, speech.TEST, 1, random) + speech.flite_utterances(TEST_OTHERS),
            minutes,
        ),
    }
    heard: dict[str, Listening] = {}
    with progress("listening", len(streams)) as bar:
        for number, (name, (wanted, length)) in enumerate(streams.items()):
            bar.describe(f"listening: {name}")
            made = in_a_row(clips(wanted), number, length)
            path = output / f"{name.replace(', ', '-').replace(' ', '-')}.wav"
            write_wav(path, made.sound)
            heard[name] = Listening(made, *listen(artifact, path, runtime))
            bar.advance()
    threshold = choose_threshold(heard[VALIDATION_OTHER], false_per_hour)
    report(heard, threshold, result.size, output)


if __name__ == "__main__":
    sys.exit(guarded(lambda: command.main(standalone_mode=False) or 0))
