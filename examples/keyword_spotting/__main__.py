"""Keyword spotting: learn from windows, listen to a stream.

    python -m examples.keyword_spotting [--minutes 60] [--output runs/keyword-spotting]

Ten words are spoken by a speech synthesizer in 36 voices, among other words, in noise. A causal convolution and a GRU
learn from windows of three seconds. The model is quantized to int8 and becomes a stream for a microcontroller, which is
then run on the TFLite-Micro interpreter, frame by frame, over WAV files of voices that it never heard, and of another
synthesizer. Printed are the share of words found, false accepts per hour of speech without keywords, and how long after
the end of a word it is known. All speech is synthetic: people will be understood less well.
"""

from __future__ import annotations

import json
import os
import sys
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

import edgernn
from edgernn.cli.main import guarded
from edgernn.cli.output import note, print_table, progress
from edgernn.streaming.frames import read_frames
from edgernn.training.network import import_keras
from examples.keyword_spotting import speech, spotter
from examples.keyword_spotting.scenes import FRAMES, FRONT_END, STRIDE, Clip, Scene, scene, windows
from examples.keyword_spotting.speech import RATE
from examples.keyword_spotting.words import CLASSES, KEYWORDS, OTHERS, UNHEARD

Floats = NDArray[np.float32]
WINDOWS, SEED = 16000, 0
THRESHOLDS = tuple(step / 100 for step in range(40, 100))
FALSE_PER_HOUR = 20.0  # on the validation voices, to choose the threshold by


@dataclass(frozen=True)
class Listening:
    """One stream and what the spotter made of it."""

    name: str
    judgement: spotter.Judgement
    microseconds: float


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


def choose_threshold(words: tuple[Floats, Scene], other: tuple[Floats, Scene]) -> float:
    """The lowest threshold that keeps false accepts of the validation voices below the limit, or else the highest."""
    for threshold in THRESHOLDS:
        detector = spotter.Detector(threshold)
        judged = [judge(detector, *each) for each in (words, other)]
        if judged[1].false_per_hour <= FALSE_PER_HOUR:
            return threshold
    return THRESHOLDS[-1]


def judge(detector: spotter.Detector, answers: Floats, heard: Scene) -> spotter.Judgement:
    """What the detector makes of a stream's answers."""
    return spotter.judge(detector.detect(answers), heard.words, len(heard.sound) / RATE / 3600)


def train(folder: Path, random: np.random.Generator) -> tuple[Any, Floats]:
    """The trained Keras model, saved, and windows to calibrate with."""
    with progress("speaking", spotter.EPOCHS) as bar:
        known = clips(speech.utterances(KEYWORDS, speech.TRAIN, 4, random))
        others = clips(speech.utterances(OTHERS, speech.TRAIN, 1, random))
        bar.describe("mixing windows")
        x, y = windows(known, others, WINDOWS, SEED)
        bar.describe("starting Keras")
        keras = import_keras()
        keras.utils.set_random_seed(SEED)
        model = spotter.build(keras, x)

        def told(loss: float) -> None:
            bar.describe(f"training, loss {loss:.3f}")
            bar.advance()

        spotter.fit(keras, model, x, y, SEED, told)
    model.save(folder / "model.keras")
    return model, x[:100]


@click.command()
@click.option(
    "--minutes", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Of speech without keywords."
)
@click.option("--output", type=click.Path(path_type=Path), default=Path("runs/keyword-spotting"), show_default=True)
@click.option("--runtime", type=click.Choice(["litert", "micro"]), default="micro", show_default=True)
def command(minutes: float, output: Path, runtime: str) -> None:
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
        "validation, words": (speech.utterances(KEYWORDS + OTHERS[::9], speech.VALIDATION, 2, random), None),
        "validation, other words": (speech.utterances(OTHERS[::2], speech.VALIDATION, 1, random), min(minutes, 20.0)),
        "unheard voices": (speech.utterances(KEYWORDS + UNHEARD[::9], speech.TEST, 2, random), None),
        "other synthesizer": (speech.flite_utterances(KEYWORDS + UNHEARD[::9]), None),
        "no keywords": (
            speech.utterances(UNHEARD, speech.TEST, 1, random) + speech.flite_utterances(UNHEARD),
            minutes,
        ),
    }
    answers: dict[str, tuple[Floats, Scene, float]] = {}
    with progress("listening", len(streams)) as bar:
        for number, (name, (wanted, length)) in enumerate(streams.items()):
            bar.describe(f"listening: {name}")
            heard = in_a_row(clips(wanted), number, length)
            path = output / f"{name.replace(', ', '-').replace(' ', '-')}.wav"
            write_wav(path, heard.sound)
            found, microseconds = listen(artifact, path, runtime)
            answers[name] = (found, heard, microseconds)
            bar.advance()
    validation = [answers[name][:2] for name in ("validation, words", "validation, other words")]
    detector = spotter.Detector(choose_threshold(validation[0], validation[1]))
    listenings = [
        Listening(name, judge(detector, found, heard), microseconds)
        for name, (found, heard, microseconds) in answers.items()
    ]
    report(listenings, detector, result, output)


def report(listenings: list[Listening], detector: spotter.Detector, result: Any, output: Path) -> None:
    """One table, and the same as JSON beside the model."""
    rows = []
    for each in listenings:
        judged = each.judgement
        late = np.asarray(judged.latencies) * 1000
        rows.append(
            (
                each.name,
                f"{60 * judged.hours:.1f}",
                f"{judged.hits} of {judged.keywords}" if judged.keywords else "",
                f"{judged.hit_rate:.1%}" if judged.keywords else "",
                judged.wrong,
                judged.false,
                f"{judged.false_per_hour:.1f}",
                f"{np.median(late):.0f} / {np.percentile(late, 90):.0f}" if len(late) else "",
                f"{each.microseconds:.0f}",
            )
        )
    columns = ("Stream", "Minutes", "Found", "", "Confused", "False", "False per hour", "ms p50 / p90", "us per frame")
    print_table(f"threshold {detector.threshold:g}, {result.size:,} bytes", columns, rows)
    mistaken = [word for each in listenings for word in each.judgement.mistaken[:3] if each.name == "no keywords"]
    if mistaken:
        note(f"most often taken for a keyword: {', '.join(mistaken)}")
    note("ms: from the end of a word to its detection, by the sound heard until then. us: on this machine, in Python.")
    note("All speech is synthetic (eSpeak NG, Flite): people will be understood less well.")
    record = {
        "threshold": detector.threshold,
        "bytes": result.size,
        "window_frames": FRAMES,
        "streams": {
            each.name: {
                "hours": each.judgement.hours,
                "keywords": each.judgement.keywords,
                "hits": each.judgement.hits,
                "confused": each.judgement.wrong,
                "false": each.judgement.false,
                "false_per_hour": each.judgement.false_per_hour,
                "mistaken": each.judgement.mistaken,
                "latency_seconds": each.judgement.latencies,
            }
            for each in listenings
        },
    }
    (output / "report.json").write_text(json.dumps(record, indent=2), encoding="utf-8")
    note(f"say more: edgernn stream {output / 'spotter.tflite'} --input FILE.wav --front-end log-mel")


if __name__ == "__main__":
    sys.exit(guarded(lambda: command.main(standalone_mode=False) or 0))
