"""The parts of the keyword-spotting example: speech, scenes, detections, and how they are judged."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import require_system

from examples.keyword_spotting import speech
from examples.keyword_spotting.__main__ import THRESHOLDS, choose_threshold
from examples.keyword_spotting.detections import SECONDS_PER_ANSWER, Detection, Detector, judge
from examples.keyword_spotting.effects import in_a_room, masked, microphones, noise, spoken_otherwise
from examples.keyword_spotting.near_misses import SOUNDS, essence, near_misses, pronounced
from examples.keyword_spotting.report import ANOTHER, OTHER, TRADE_OFF, UNHEARD, Listening, trade_off
from examples.keyword_spotting.scenes import ANSWERS, FRAMES, SURE, Clip, Heard, Kind, Scene, scene, windows
from examples.keyword_spotting.words import KEYWORDS, TEST_OTHERS, TRAIN_OTHERS, VALIDATION_OTHERS


def tone(seconds: float, label: int, text: str) -> Clip:
    """A clip that is no word."""
    count = int(seconds * speech.RATE)
    return Clip(np.sin(np.arange(count) / 5).astype("f4") * np.float32(0.14), label, text)


def test_no_voice_and_no_word_is_on_two_sides() -> None:
    voices = [*speech.TRAIN, *speech.VALIDATION, *speech.TEST]
    assert len(voices) == len(set(voices))
    words = [*KEYWORDS, *TRAIN_OTHERS, *VALIDATION_OTHERS, *TEST_OTHERS]
    assert len(words) == len(set(words))


def test_both_synthesizers_speak() -> None:
    for program in ("espeak-ng", "flite"):
        require_system(program)
    random = np.random.default_rng(0)
    wanted = [*speech.lessons(["yes"], 2, random), *speech.flite_utterances(["yes"])]
    assert [bool(each.throat) for each in wanted] == [False, True] + [False] * len(speech.FLITE)
    clips = speech.speak(wanted)
    assert len(clips) == len(wanted)
    for clip in clips:
        assert 0.15 < len(clip) / speech.RATE < 1.5
        assert np.sqrt(np.mean(np.square(clip))) == pytest.approx(speech.LOUDNESS, rel=1e-3)
    assert len({clip.tobytes() for clip in clips}) == len(clips)
    for clip, again in zip(clips, speech.speak(wanted[:2]), strict=False):
        np.testing.assert_array_equal(clip, again)


def test_near_misses_sound_neither_like_a_keyword_nor_like_a_word_of_the_test() -> None:
    require_system("espeak-ng")
    assert tuple(SOUNDS) == KEYWORDS
    held_out = (*VALIDATION_OTHERS, *TEST_OTHERS)
    made = near_misses(held_out, 300, np.random.default_rng(0))
    assert len(set(made)) == 300
    essences = {essence(each.strip("[]")) for each in made}
    assert not essences & {essence(sounds) for sounds in pronounced([*KEYWORDS, *held_out])}


def test_no_word_sounds_like_one_of_another_side() -> None:
    require_system("espeak-ng")
    sides = [
        {essence(sounds) for sounds in pronounced(words)}
        for words in (KEYWORDS, TRAIN_OTHERS, VALIDATION_OTHERS, TEST_OTHERS)
    ]
    assert sum(len(side) for side in sides) == len(set.union(*sides))


def test_a_scene_says_where_its_words_are() -> None:
    random = np.random.default_rng(0)
    made = scene([tone(0.5, 3, "a"), tone(0.25, 0, "b")], [0.5, 1.0], random)
    assert [word.text for word in made.words] == ["a", "b"]
    assert [(word.begin, word.end) for word in made.words] == [(0.5, 1.0), (2.0, 2.25)]
    quiet, loud = (np.std(made.sound[int(16000 * t) : int(16000 * t) + 4000]) for t in (0.0, 0.6))
    assert loud > 2 * quiet
    assert np.std(noise(16000, random)) < speech.LOUDNESS / 3


def test_windows_know_a_keyword_after_its_end() -> None:
    kinds = [Kind([tone(0.4, 2, "a")], 0.5), Kind([tone(0.4, 0, "b")], 0.5)]
    x, y, weight = windows(kinds, 20, seed=0)
    assert x.shape == (20, FRAMES, 20)
    assert y.shape == weight.shape == (20, ANSWERS)
    assert set(np.unique(y)) == {0, 2}
    runs = np.diff(np.flatnonzero(np.diff(np.pad(y[y.any(axis=1)][0], 1))))[::2]
    assert runs.max() == pytest.approx(0.4 / SECONDS_PER_ANSWER, abs=1)
    unsure = (weight == 0).sum() / (y[:, 1:] > y[:, :-1]).sum()
    assert unsure == pytest.approx(SURE / SECONDS_PER_ANSWER, abs=0.5)
    assert (y[weight == 0] == 2).all()


def test_effects_change_a_sound_and_its_features_a_little() -> None:
    random = np.random.default_rng(0)
    word = tone(0.4, 2, "a").samples
    assert len(spoken_otherwise(word, random)) != len(word)
    echoed = in_a_room(np.pad(word, (0, 4000)), random)
    assert np.abs(echoed[-3000:]).max() > 0
    np.testing.assert_allclose(echoed[:1], word[:1], atol=1e-5)
    assert len(noise(48007, random)) == 48007
    x = random.standard_normal((8, FRAMES, 20)).astype("f4")
    change = microphones(x, random) - x
    np.testing.assert_allclose(change, np.broadcast_to(change[:, :1], x.shape), atol=1e-5)
    hidden = masked(x, random) != x
    assert 0 < hidden.mean() < 0.1


def test_detections_are_judged_by_what_was_said() -> None:
    words = (Heard(1, "yes", 1.0, 1.4), Heard(0, "less", 3.0, 3.4), Heard(2, "no", 5.0, 5.3), Heard(1, "yes", 8.0, 8.4))
    found = [Detection(1, 1.5), Detection(1, 3.6), Detection(1, 5.5), Detection(2, 20.0)]
    judged = judge(found, words, hours=0.5)
    assert (judged.keywords, judged.hits, judged.wrong, judged.false) == (3, 1, 1, 2)
    assert judged.false_per_hour == 4
    assert judged.mistaken == ("less",)
    assert judged.latencies == pytest.approx((0.1,))


def test_a_detector_waits_for_a_mean_and_then_holds_its_breath() -> None:
    answers = np.zeros((60, 11), "f4")
    answers[10, 4] = 1  # alone
    answers[20:24, 4] = 1
    answers[26:30, 4] = 1  # within the pause
    answers[50:60, 7] = 1
    found = Detector(0.9).detect(answers)
    assert [each.label for each in found] == [4, 7]
    assert found[0].seconds == pytest.approx(22 * SECONDS_PER_ANSWER + 0.04)


def test_a_detector_must_be_let_go_before_it_detects_again() -> None:
    answers = np.zeros((100, 11), "f4")
    answers[10:60, 4] = 1  # longer than the pause
    answers[30:40, 4] = 0.7  # below the threshold, not below the release
    answers[70:80, 4] = 1
    found = Detector(0.9).detect(answers)
    assert [round(each.seconds / SECONDS_PER_ANSWER) for each in found] == [13, 73]
    assert len(Detector(0.9, release=0.9).detect(answers)) == 3


def listening(answers: np.ndarray, words: tuple[Heard, ...]) -> Listening:
    """A stream of so many answers."""
    sound = np.zeros(int(len(answers) * SECONDS_PER_ANSWER * speech.RATE), "f4")
    return Listening(Scene(sound, words), answers, 100.0)


def test_a_threshold_is_chosen_by_false_accepts_and_the_trade_off_is_shown() -> None:
    answers = np.zeros((9000, 11), "f4")  # six minutes
    answers[100:110, 1] = 0.66
    answers[200:210, 1] = 0.97
    other = listening(answers, ())
    assert choose_threshold(other, 20) == THRESHOLDS[0]
    assert choose_threshold(other, 10) == 0.67
    assert choose_threshold(other, 0) == 0.98
    word = Heard(1, "yes", 199 * SECONDS_PER_ANSWER, 202 * SECONDS_PER_ANSWER)
    heard = {UNHEARD: listening(answers, (word,)), ANOTHER: listening(answers, ()), OTHER: other}
    rows = dict(zip(TRADE_OFF, trade_off(heard), strict=True))
    assert rows[0.5] == ("0.5", "1 of 1 (100.0%)", "0 of 0 (0.0%)", "20.0")
    assert rows[0.98][1:] == ("0 of 1 (0.0%)", "0 of 0 (0.0%)", "0.0")
