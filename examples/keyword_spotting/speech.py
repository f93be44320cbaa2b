"""Words as two speech synthesizers say them: eSpeak NG, whose voices are split, and Flite, which is for the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgernn.audio.wav import read_wav
from edgernn.errors import EnvironmentProblem
from examples.keyword_spotting.throats import lay_out, throat

Floats = NDArray[np.float32]
RATE = 16000
LOUDNESS = 0.1  # root mean square of a word

# eSpeak NG's variants, by what makes a test honest: a voice is on one side only.
TRAIN = (
    *("adam", "Alex", "Alicia", "Andrea", "Andy", "belinda", "benjamin", "david", "Denis", "ed", "edward", "Gene"),
    *("Henrique", "Jacky", "john", "Lee", "linda", "max", "Michael", "miguel", "Mike", "pablo", "paul", "pedro"),
    *("rob", "steph2", "m1", "m2", "m3", "m4", "f1", "f2", "f3", "f5", "klatt", "klatt3"),
)
VALIDATION = ("boris", "Mario", "quincy", "marcelo", "f4", "m5")
TEST = ("Annie", "aunty", "caleb", "Diogo", "antonio", "m6", "m7", "steph", "zac", "victor", "anika", "robert")
FLITE = ("awb", "kal16", "rms", "slt")
THROATS = 150  # eSpeak NG 1.51 knows 350 voices at most, and comes with more than a hundred languages
ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-029")


@dataclass(frozen=True)
class Utterance:
    """What shall be said, and how.

    Attributes:
        word: the text.
        voice: of eSpeak NG, with its accent, as in ``en-us+f1``; or of Flite, as in ``flite:slt``.
        speed: words per minute; Flite keeps its own.
        pitch: 0 to 99; Flite keeps its own.
        throat: a variant of eSpeak NG's, made by `throats.throat`; the voice then is an accent alone.
    """

    word: str
    voice: str
    speed: int = 160
    pitch: int = 50
    throat: str = ""


def utterances(words: Sequence[str], voices: Sequence[str], each: int, random: np.random.Generator) -> list[Utterance]:
    """Every word by every voice, `each` times, in accents, speeds and pitches drawn at random."""
    return [_drawn(word, voice, random) for word in words for voice in voices for _ in range(each)]


def lessons(words: Sequence[str], each: int, random: np.random.Generator) -> list[Utterance]:
    """Every word `each` times, in turn by a voice to train with and by a throat that is made up."""
    throats = [throat(random) for _ in range(THROATS)]
    return [
        _drawn(word, "", random, random.choice(throats)) if number % 2 else _drawn(word, random.choice(TRAIN), random)
        for word in words
        for number in range(each)
    ]


def _drawn(word: str, voice: str, random: np.random.Generator, made_up: str = "") -> Utterance:
    accent, speed, pitch = random.choice(ACCENTS), int(random.integers(120, 200)), int(random.integers(25, 75))
    return Utterance(word, f"{accent}+{voice}" if voice else accent, speed, pitch, made_up)


def flite_utterances(words: Iterable[str]) -> list[Utterance]:
    """Every word by every voice of the other synthesizer."""
    return [Utterance(word, f"flite:{voice}") for word in words for voice in FLITE]


def speak(wanted: Sequence[Utterance]) -> list[Floats]:
    """Have all of it said, float32 [samples] at 16 kHz each, silence cut off at both ends.

    Raises:
        EnvironmentProblem: a synthesizer is not installed or fails.
    """
    for program in ("espeak-ng", "flite"):
        if shutil.which(program) is None:
            raise EnvironmentProblem(
                f"speech: must have the program '{program}'. Found: none.",
                hint="on Debian, Ubuntu and Raspberry Pi OS: sudo apt-get install espeak-ng flite",
            )
    with tempfile.TemporaryDirectory(prefix="edgernn-") as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        data = Path(folder) / "data"
        names = lay_out(data, (each.throat for each in wanted if each.throat))
        paths = [Path(folder) / f"{number}.wav" for number in range(len(wanted))]
        commands = [
            _command(each, path, data, names.get(each.throat, "")) for each, path in zip(wanted, paths, strict=True)
        ]
        return list(pool.map(_say, commands, paths))


def _command(wanted: Utterance, path: Path, data: Path, throat_name: str) -> list[str]:
    if wanted.voice.startswith("flite:"):
        return ["flite", "-voice", wanted.voice.removeprefix("flite:"), "-t", wanted.word, "-o", str(path)]
    how = ["-s", str(wanted.speed), "-p", str(wanted.pitch), "-w", str(path), wanted.word]
    if throat_name:
        return ["espeak-ng", "--path", str(data), "-v", f"{wanted.voice}+{throat_name}", *how]
    return ["espeak-ng", "-v", wanted.voice, *how]


def _say(command: list[str], path: Path) -> Floats:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not path.is_file():
        raise EnvironmentProblem(f"speech: '{' '.join(command)}' must work. Found: {done.stderr.strip()}.")
    samples, rate = read_wav(path)
    path.unlink()
    clip = _trimmed(_resampled(samples, rate))
    return clip * np.float32(LOUDNESS / np.sqrt(np.mean(np.square(clip))))


def _resampled(samples: Floats, rate: int) -> Floats:
    """By its spectrum, of which what the new rate cannot carry is left out."""
    count = round(len(samples) * RATE / rate)
    return (np.fft.irfft(np.fft.rfft(samples), count) * (count / len(samples))).astype(np.float32)


def _trimmed(samples: Floats) -> Floats:
    """From the first to the last 10 ms that are above a thousandth of the loudest's power."""
    blocks = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    power = np.square(blocks).mean(axis=1)
    heard = np.flatnonzero(power > power.max() / 1000)
    return blocks[heard[0] : heard[-1] + 1].reshape(-1)
