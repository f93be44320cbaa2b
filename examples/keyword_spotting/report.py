"""What the spotter found in each stream, and what it would have found with other thresholds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgernn.cli.output import note, print_table
from examples.keyword_spotting.detections import Detector, Judgement, judge
from examples.keyword_spotting.scenes import FRAMES, Scene
from examples.keyword_spotting.speech import RATE

VALIDATION, VALIDATION_OTHER = "validation, words", "validation, other words"
UNHEARD, ANOTHER, OTHER = "unheard voices", "other synthesizer", "no keywords"
TRADE_OFF = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)


@dataclass(frozen=True)
class Listening:
    """A stream, the answers to it, [answers, classes], and the microseconds that a frame took."""

    scene: Scene
    answers: NDArray[np.float32]
    microseconds: float

    def judged(self, detector: Detector) -> Judgement:
        """What the detector makes of the answers."""
        return judge(detector.detect(self.answers), self.scene.words, len(self.scene.sound) / RATE / 3600)


def report(heard: Mapping[str, Listening], threshold: float, size: int, output: Path) -> None:
    """Two tables, and the same as JSON beside the model."""
    detector = Detector(threshold)
    judged = {name: each.judged(detector) for name, each in heard.items()}
    columns = ("Stream", "Minutes", "Found", "", "Confused", "False", "False per hour", "ms p50 / p90", "us per frame")
    rows = [_row(name, judged[name], each.microseconds) for name, each in heard.items()]
    print_table(f"threshold {threshold:g}, {size:,} bytes", columns, rows)
    if mistaken := judged[OTHER].mistaken[:5]:
        note(f"most often taken for a keyword: {', '.join(mistaken)}")
    note("ms: from the end of a word to its detection, by the sound heard until then. us: on this machine, in Python.")
    print_table("other thresholds", ("Threshold", UNHEARD, ANOTHER, "False per hour"), trade_off(heard))
    note("The threshold was chosen on the validation streams alone.")
    note("All speech is synthetic (eSpeak NG, Flite): people will be understood less well.")
    record = {
        "threshold": threshold,
        "bytes": size,
        "window_frames": FRAMES,
        "streams": {name: asdict(each) | {"false_per_hour": each.false_per_hour} for name, each in judged.items()},
    }
    (output / "report.json").write_text(json.dumps(record, indent=2), encoding="utf-8")
    note(f"say more: edgernn stream {output / 'spotter.tflite'} --input FILE.wav --front-end log-mel")


def trade_off(heard: Mapping[str, Listening]) -> list[tuple[str, str, str, str]]:
    """What each threshold would have found in the test's streams, and how often it would have been wrong."""
    rows = []
    for threshold in TRADE_OFF:
        unheard, another, other = (heard[name].judged(Detector(threshold)) for name in (UNHEARD, ANOTHER, OTHER))
        rows.append((f"{threshold:g}", _share(unheard), _share(another), f"{other.false_per_hour:.1f}"))
    return rows


def _row(name: str, judged: Judgement, microseconds: float) -> tuple[object, ...]:
    late = 1000 * np.asarray(judged.latencies)
    return (
        name,
        f"{60 * judged.hours:.1f}",
        f"{judged.hits} of {judged.keywords}" if judged.keywords else "",
        f"{judged.hit_rate:.1%}" if judged.keywords else "",
        judged.wrong,
        judged.false,
        f"{judged.false_per_hour:.1f}",
        f"{np.median(late):.0f} / {np.percentile(late, 90):.0f}" if len(late) else "",
        f"{microseconds:.0f}",
    )


def _share(judged: Judgement) -> str:
    return f"{judged.hits} of {judged.keywords} ({judged.hit_rate:.1%})"
