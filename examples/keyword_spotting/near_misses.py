"""Words that nobody says and that a keyword is taken for: one sound more, one less, or another."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence

import numpy as np

from edgernn.errors import EnvironmentProblem
from examples.keyword_spotting.speech import ACCENTS
from examples.keyword_spotting.words import KEYWORDS

# In eSpeak NG's letters.
CONSONANTS = (*"pbtdkgfvTszSmnlrwjh", "tS", "dZ")
VOWELS = (*"IEaV0U", "i:", "u:", "eI", "aI", "oU", "aU", "OI", "3:", "A:", "O:")
SOUNDS = {
    "yes": ("j", "E", "s"),
    "no": ("n", "oU"),
    "up": ("V", "p"),
    "down": ("d", "aU", "n"),
    "left": ("l", "E", "f", "t"),
    "right": ("r", "aI", "t"),
    "on": ("0", "n"),
    "off": ("0", "f"),
    "stop": ("s", "t", "0", "p"),
    "go": ("g", "oU"),
}


def near_misses(left_out: Iterable[str], count: int, random: np.random.Generator) -> list[str]:
    """Made-up words for eSpeak NG, such as ``[[l'Efs]]``, as many of each keyword.

    Args:
        left_out: words that none of them may sound like in any accent, nor like a keyword.
        count: how many, all different.
        random: draws them.
    """
    forbidden = {essence(sounds) for sounds in pronounced([*KEYWORDS, *left_out])}
    made: dict[str, None] = {}
    while len(made) < count:
        keyword = KEYWORDS[len(made) % len(KEYWORDS)]
        sounds = _changed(SOUNDS[keyword], random)
        if essence("".join(sounds)) not in forbidden and any(sound in VOWELS for sound in sounds):
            made[f"[[{_stressed(sounds)}]]"] = None
    return list(made)


def _changed(sounds: Sequence[str], random: np.random.Generator) -> list[str]:
    """One sound replaced, which is what mistakes are made of most often, left out or put in, or a syllable behind."""

    def one_of(choice: Sequence[str]) -> str:
        return choice[int(random.integers(len(choice)))]

    place = int(random.integers(len(sounds)))
    before, now, after = sounds[:place], sounds[place], sounds[place + 1 :]
    match int(random.integers(6)):
        case 0:
            return [*before, *after]
        case 1:
            return [*before, now, one_of(CONSONANTS), *after]
        case 2:
            return [*sounds, one_of(VOWELS), one_of(CONSONANTS)]
        case _:
            return [*before, one_of(VOWELS if now in VOWELS else CONSONANTS), *after]


def _stressed(sounds: Sequence[str]) -> str:
    """As one word with its stress on the first vowel."""
    first = next(number for number, sound in enumerate(sounds) if sound in VOWELS)
    return "".join(f"'{sound}" if number == first else sound for number, sound in enumerate(sounds))


def essence(sounds: str) -> str:
    """Without stress and length, and with vowels as one that accents exchange."""
    return re.sub("[0OA]", "0", re.sub("[^A-Za-z03@]", "", sounds)).replace("3", "@")


def pronounced(words: Sequence[str]) -> list[str]:
    """The sounds of all words in all accents."""
    sounds: list[str] = []
    for accent in ACCENTS:
        command = ["espeak-ng", "-q", "-x", "-v", accent]
        done = subprocess.run(command, input="\n".join(words), capture_output=True, text=True, check=False)
        if done.returncode:
            raise EnvironmentProblem(f"speech: '{' '.join(command)}' must work. Found: {done.stderr.strip()}.")
        sounds += done.stdout.splitlines()
    return sounds
