"""The recipes' data: fetched for real, split honestly, prepared as the documentation says."""

import json
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from demo_package import use_index
from numpy.typing import NDArray

from edgernn.cli.main import run
from edgernn.errors import EnvironmentProblem, InputError
from edgernn.training import RECIPES, find_recipe, recipes
from edgernn.training.data import Dataset, Samples, Split
from edgernn.training.download import cache_folder, fetch
from edgernn.training.recipe import Recipe
from edgernn.training.watch_activity import TEST_SUBJECTS, VALIDATION_SUBJECTS, _rotations

ALL = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
PATIENCE = 0.35  # how far a prepared feature's mean and deviation on unseen people may be from 0 and 1


def load(recipe: Recipe) -> Dataset:
    """The recipe's samples."""
    return recipe.prepare(split(recipe))


def split(recipe: Recipe) -> Split:
    """The recipe's data; without a network and a cache the test is skipped, visibly, or fails where that is agreed."""
    try:
        return recipe.load(fetch(recipe.source))
    except EnvironmentProblem as error:
        if os.environ.get("EDGERNN_REQUIRE_SYSTEM") == "1":
            raise
        pytest.skip(str(error))


def distinct(samples: Samples) -> set[bytes]:
    """Every sample's bytes."""
    return {row.tobytes() for row in samples.x}


def real_steps(recipe: Recipe, x: NDArray[np.float32]) -> NDArray[np.bool_]:
    """[samples, steps]: which steps are data and not padding."""
    return np.ones(x.shape[:2], bool) if recipe.padding is None else (x != recipe.padding).any(axis=2)


def test_the_table_is_the_public_one() -> None:
    """Names are unique and every recipe says whose the data is."""
    assert recipes() == RECIPES
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)
    assert {"japanese-vowels", "watch-activity"} <= {recipe.name for recipe in RECIPES}
    for recipe in RECIPES:
        assert find_recipe(recipe.name) is recipe
        assert recipe.source.licence
        assert recipe.source.origin
        assert all(len(member.sha256) == 64 and member.size > 0 for member in recipe.source.members)


@pytest.mark.parametrize(
    ("name", "hint"), [("japanese-vowel", "did you mean 'japanese-vowels'"), ("x", "edgernn recip")]
)
def test_an_unknown_recipe_names_those_that_exist(name: str, hint: str) -> None:
    """And the closest, if one is close."""
    with pytest.raises(InputError, match=r"must be one of japanese-vowels, watch-activity.* Found: '" + name) as caught:
        find_recipe(name)
    assert hint in caught.value.hint


@ALL
def test_samples_are_what_the_recipe_says(recipe: Recipe) -> None:
    """Shapes, types, finite values, every class on every side."""
    data = load(recipe)
    drawn = data.epoch(np.random.default_rng(0)) if data.epoch else data.train
    for samples in (data.train, data.validation, data.test, drawn):
        assert samples.x.shape == (len(samples.y), recipe.steps, recipe.features)
        assert samples.x.dtype == np.float32
        assert samples.y.dtype == np.int64
        assert np.isfinite(samples.x).all()
        assert set(samples.y.tolist()) == set(range(len(recipe.classes)))


@ALL
def test_no_sample_is_on_two_sides(recipe: Recipe) -> None:
    """Nor twice on one."""
    data = load(recipe)
    sides = [data.train, data.validation, data.test]
    assert sum(len(side.x) for side in sides) == len(set().union(*map(distinct, sides)))


@ALL
def test_only_the_training_split_decides_the_scaling(recipe: Recipe) -> None:
    """Its real steps have mean 0 and deviation 1 to the last digit, as nobody else's have."""
    data = load(recipe)
    for samples, patience in ((data.train, 0.02), (data.test, PATIENCE)):
        steps = samples.x[real_steps(recipe, samples.x)]
        np.testing.assert_allclose(steps.mean(axis=0), 0, atol=patience)
        np.testing.assert_allclose(steps.std(axis=0), 1, atol=patience)
    unseen = data.test.x[real_steps(recipe, data.test.x)]
    assert np.abs(unseen.mean(axis=0)).max() > 0.02


@ALL
def test_epochs_differ_and_repeat_by_seed(recipe: Recipe) -> None:
    """The generator is all that decides."""
    epoch = load(recipe).epoch
    assert epoch is not None
    first, again, other = (epoch(np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.x, again.x)
    assert not distinct(first) & distinct(other)


@ALL
@pytest.mark.parametrize("fraction", [0.001, 0.25, 0.5, 1.0])
def test_a_share_takes_whole_recordings_of_every_class_and_leaves_the_rest_alone(
    recipe: Recipe, fraction: float
) -> None:
    """As many of each class as the fraction says, at least one, in the recordings' order."""
    whole = split(recipe)
    share = whole.share(fraction, seed=1)
    assert (share.validation, share.test) == (whole.validation, whole.test)
    place = {id(signal): index for index, signal in enumerate(whole.train.signals)}
    places = [place[id(signal)] for signal in share.train.signals]
    assert places == sorted(set(places))
    np.testing.assert_array_equal(share.train.classes, whole.train.classes[places])
    for label in range(len(recipe.classes)):
        count = int(np.sum(whole.train.classes == label))
        assert np.sum(share.train.classes == label) == max(1, round(fraction * count))


@ALL
def test_a_smaller_share_lies_in_a_larger_one_of_the_same_seed(recipe: Recipe) -> None:
    """Another seed's is another."""
    whole = split(recipe)

    def chosen(fraction: float, seed: int) -> set[int]:
        return {id(signal) for signal in whole.share(fraction, seed).train.signals}

    shares = [chosen(fraction, 5) for fraction in (0.1, 0.25, 0.5, 0.75, 1.0)]
    assert all(smaller < larger for smaller, larger in pairwise(shares))
    assert chosen(0.25, 5) == chosen(0.25, 5)
    assert chosen(0.25, 5) != chosen(0.25, 6)


@ALL
def test_a_share_knows_nothing_of_the_rest(recipe: Recipe) -> None:
    """What left-out recordings hold changes no sample: not in training, nor by what the test samples are scaled by."""
    whole = split(recipe)
    share = whole.share(0.5, seed=0)
    kept = {id(signal) for signal in share.train.signals}
    loud = tuple(signal if id(signal) in kept else signal * 9 for signal in whole.train.signals)
    spoilt = replace(whole, train=replace(whole.train, signals=loud))
    data, same = recipe.prepare(share), recipe.prepare(spoilt.share(0.5, seed=0))
    for ours, theirs in zip((data.train, data.test), (same.train, same.test), strict=True):
        np.testing.assert_array_equal(ours.x, theirs.x)
    first, again = (each.draw(np.random.default_rng(1)) for each in (data, same))
    np.testing.assert_array_equal(first.x, again.x)
    steps = data.train.x[real_steps(recipe, data.train.x)]
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=0.02)
    assert not np.array_equal(data.test.x, recipe.prepare(whole).test.x)


def test_vowels_are_padded_on_the_right_and_only_there() -> None:
    """The official split, 7 to 29 steps; in an epoch's noisy samples too, padding stays exactly the masked value."""
    recipe = find_recipe("japanese-vowels")
    data = load(recipe)
    assert (len(data.train.x), len(data.validation.x), len(data.test.x)) == (243, 27, 370)
    assert data.epoch
    noisy = data.epoch(np.random.default_rng(0))
    for samples in (data.train, data.validation, data.test, noisy):
        real = real_steps(recipe, samples.x)
        lengths = real.sum(axis=1)
        np.testing.assert_array_equal(real, np.arange(recipe.steps) < lengths[:, None])
        assert lengths.min() >= 7
    np.testing.assert_array_equal(real_steps(recipe, noisy.x), real_steps(recipe, data.train.x))
    assert max(real_steps(recipe, side.x).sum(axis=1).max() for side in (data.train, data.test)) == recipe.steps


def test_watch_subjects_who_exercised_together_are_on_one_side() -> None:
    """Recordings of a pair have nearly the same lengths, exercise by exercise; those of others do not."""
    recipe = find_recipe("watch-activity")
    load(recipe)
    from edgernn.training.object_array import read_object_array

    (member,) = recipe.source.members
    content = read_object_array(fetch(recipe.source)[member.path], member.path).item()
    subjects = np.asarray(content["subject"]).astype(int)
    keys = np.stack([subjects, np.asarray(content["y"]).astype(int), np.asarray(content["side"]).astype(int)])
    order = np.lexsort(keys[::-1])
    lengths = np.array([len(content["X"][index]) for index in order]).reshape(10, 14)  # subjects 1 to 10
    gap = np.abs(np.log(lengths[:, None] / lengths)).mean(axis=2) + np.eye(10)
    partner = dict(zip(range(1, 11), (gap.argmin(axis=1) + 1).tolist(), strict=True))
    assert partner == {1: 2, 2: 1, 3: 4, 4: 3, 5: 6, 6: 5, 7: 10, 10: 7, 8: 9, 9: 8}
    sides = [set(VALIDATION_SUBJECTS), set(TEST_SUBJECTS)]
    assert all(partner[subject] in side for side in sides for subject in side)
    assert not sides[0] & sides[1]


def test_rotations_turn_and_neither_stretch_nor_mirror() -> None:
    """Orthogonal with determinant 1, by the asked angle, about the asked axis."""
    random = np.random.default_rng(3)
    axes, angles = random.normal(size=(20, 3)), random.uniform(-1, 1, 20)
    turns = _rotations(axes, angles).astype(np.float64)
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (20, 3, 3)), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(turns), 1, atol=1e-6)
    np.testing.assert_allclose(np.trace(turns, axis1=1, axis2=2), 1 + 2 * np.cos(angles), atol=1e-6)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", turns, axes), axes, atol=1e-5)


def test_the_list_says_what_is_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a table and as JSON."""
    vowels = find_recipe("japanese-vowels")
    load(vowels)
    (tmp_path / "data").mkdir()
    kept = cache_folder() / "data" / f"{vowels.source.package}-{vowels.source.version}"
    (tmp_path / "data" / kept.name).symlink_to(kept)
    use_index(monkeypatch, tmp_path, tmp_path)
    assert run(["recipes", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["version"]) == ("edgernn.recipes", 1)
    listed = {entry["name"]: entry for entry in document["recipes"]}
    assert [listed[name]["cached"] for name in ("japanese-vowels", "watch-activity")] == [True, False]
    assert (listed["watch-activity"]["steps"], listed["watch-activity"]["features"]) == (100, 6)
    assert listed["japanese-vowels"]["variable_length"] is True
    assert run(["recipes"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["japanese-vowels"].endswith("yes")
    assert "<= 29 x 12" in lines["japanese-vowels"]
    assert lines["watch-activity"].endswith("no")


@ALL
def test_the_page_names_every_recipe_and_whose_the_data_is(recipe: Recipe) -> None:
    """Package, version, licence and the paper that the data comes from."""
    page = " ".join((Path(__file__).parent.parent / "docs" / "recipes.md").read_text().split())
    author = recipe.source.origin.partition(",")[0]
    package = f"{recipe.source.package} {recipe.source.version}, {recipe.source.licence}"
    for text in (f"`{recipe.name}`", package, f"**{recipe.name}**: {author}"):
        assert text in page
