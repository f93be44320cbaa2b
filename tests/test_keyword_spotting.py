"""The parts of the keyword-spotting example: speech, scenes, detections, and how they are judged."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import require_system

from examples.keyword_spotting import speech
from examples.keyword_spotting.scenes import ANSWERS, FRAMES, Clip, Heard, noise, scene, varied, windows
from examples.keyword_spotting.spotter import SECONDS_PER_ANSWER, Detection, Detector, judge
from examples.keyword_spotting.words import KEYWORDS, OTHERS, UNHEARD


def tone(seconds: float, label: int, text: str) -> Clip:
    """A clip that is no word."""
    count = int(seconds * speech.RATE)
    return Clip(np.sin(np.arange(count) / 5).astype("f4") * np.float32(0.14), label, text)


def test_no_voice_and_no_other_word_is_on_two_sides() -> None:
    voices = [*speech.TRAIN, *speech.VALIDATION, *speech.TEST]
    assert len(voices) == len(set(voices))
    assert not set(OTHERS) & set(UNHEARD)
    assert not set(KEYWORDS) & {*OTHERS, *UNHEARD}


def test_both_synthesizers_speak() -> None:
    for program in ("espeak-ng", "flite"):
        require_system(program)
    wanted = [speech.Utterance("yes", f"en-us+{speech.TRAIN[0]}"), *speech.flite_utterances(["yes"])]
    clips = speech.speak(wanted)
    assert len(clips) == 1 + len(speech.FLITE)
    for clip in clips:
        assert 0.15 < len(clip) / speech.RATE < 1.5
        assert np.sqrt(np.mean(np.square(clip))) == pytest.approx(speech.LOUDNESS, rel=1e-3)
    assert len({clip.tobytes() for clip in clips}) == len(clips)
    np.testing.assert_array_equal(clips[0], speech.speak(wanted[:1])[0])


def test_a_scene_says_where_its_words_are() -> None:
    random = np.random.default_rng(0)
    made = scene([tone(0.5, 3, "a"), tone(0.25, 0, "b")], [0.5, 1.0], random)
    assert [word.text for word in made.words] == ["a", "b"]
    assert [(word.begin, word.end) for word in made.words] == [(0.5, 1.0), (2.0, 2.25)]
    quiet, loud = (np.std(made.sound[int(16000 * t) : int(16000 * t) + 4000]) for t in (0.0, 0.6))
    assert loud > 2 * quiet
    assert np.std(noise(16000, random)) < speech.LOUDNESS / 3


def test_windows_know_a_keyword_after_its_end() -> None:
    x, y = windows([tone(0.4, 2, "a")], [tone(0.4, 0, "b")], 20, seed=0)
    assert x.shape == (20, FRAMES, 20)
    assert y.shape == (20, ANSWERS)
    assert set(np.unique(y)) == {0, 2}
    runs = np.diff(np.flatnonzero(np.diff(np.pad(y[y.any(axis=1)][0], 1))))[::2]
    assert runs.max() == pytest.approx(0.4 / SECONDS_PER_ANSWER, abs=1)
    again = varied(tone(0.4, 2, "a"), np.random.default_rng(0))
    assert again.label == 2
    assert len(again.samples) != int(0.4 * speech.RATE)


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
