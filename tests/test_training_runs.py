"""Runs other than a recurrent model on all data: a CNN, a share of the recordings, no samples, no training."""

import json
from pathlib import Path
from typing import Any

import demo_package
import numpy as np
import pytest
from test_training import contents, quick, weights

import edgernn
from edgernn.cli.main import run
from edgernn.errors import EdgernnError, InputError
from edgernn.training import Shape, baselines, build, write_samples
from edgernn.training.sizes import CELLS

CONVERSIONS = [
    ("phone", "float32"),
    ("phone", "float16"),
    ("phone", "dynamic"),
    ("phone", "int8"),
    ("phone", "int16x8"),
    ("micro", "float32"),
    ("micro", "int8"),
    ("micro", "int16x8"),
]


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recipe "demo" in the table, with its package; and an empty folder to write in."""
    return demo_package.install(tmp_path, monkeypatch)


def record(folder: Path) -> dict[str, Any]:
    """The run's record."""
    document: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return document


def test_a_cnn_learns_and_converts_for_every_target_and_scheme(demo: Path) -> None:
    """As small as the GRU of as many units; the artifacts agree with Keras on both runtimes."""
    import keras

    result = quick(demo / "run", cell="cnn", units=6, epochs=40)
    assert result.score == 1
    assert result.recurrent_parameters == record(demo / "run")["recurrent_parameters"] == 0
    assert result.parameters <= 3 * 6 * (3 + 6 + 2) + 7 * 2
    names = [type(layer).__name__ for layer in keras.models.load_model(demo / "run" / "model.keras").layers]
    assert names == ["InputLayer", "Conv1D", "MaxPooling1D", "Conv1D", "GlobalMaxPooling1D", "Dense"]
    for target, scheme in CONVERSIONS:
        artifact = demo / f"{target}-{scheme}.tflite"
        calibration = demo / "run" / "calibration.npz"
        edgernn.convert(
            result.folder / "model.keras", artifact, quantize=scheme, target=target, calibration=calibration
        )
        for runtime in ("litert", "micro") if target == "micro" else ("litert",):
            verified = edgernn.verify(
                result.folder / "model.keras", artifact, demo / "run" / "test.npz", runtime=runtime
            )
            assert verified.relative_error < 0.02, (target, scheme, runtime)


def test_a_cnn_and_a_share_repeat_by_seed(demo: Path) -> None:
    """Convolutions are summed in the same order every time, over the same recordings."""
    first, again, other = (
        quick(demo / str(number), cell="cnn", fraction=0.4, seed=seed) for number, seed in enumerate((1, 1, 2))
    )
    assert weights(first.folder) == weights(again.folder) != weights(other.folder)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"layers": 2}, r"layers: must be 1 for a CNN, which has its own. Found: 2."),
        ({"units": 1}, r"units: must leave a CNN room for one filter, with which it has 24 parameters. Found: 1, and"),
    ],
)
def test_a_cnn_that_cannot_be_is_refused_before_anything_is_loaded(
    demo: Path, options: dict[str, int], error: str
) -> None:
    """It has its own layers, and needs one filter."""
    with pytest.raises(EdgernnError, match=error):
        quick(demo / "run", cell="cnn", on_stage=lambda stage: pytest.fail(stage), **options)
    assert not contents(demo)


def test_a_share_is_trained_for_as_many_updates_as_the_whole(demo: Path) -> None:
    """30 recordings make 3 batches of 8; half of them, 8 of each class, make 2; a few, one that is smaller."""
    whole, half, few = (
        quick(demo / name, cell="cnn", fraction=share) for name, share in (("a", 1.0), ("b", 0.5), ("c", 0.01))
    )
    assert [each.samples["train"] for each in (whole, half, few)] == [30, 16, 2]
    assert [each.settings.epochs for each in (whole, half, few)] == [3, round(3 * 3 / 2), 9]
    assert [each.updates for each in (whole, half, few)] == [9, 8, 9]
    assert {len(values) for values in record(few.folder)["history"].values()} == {9}
    assert (record(half.folder)["fraction"], record(half.folder)["updates"]) == (0.5, 8)
    assert whole.samples["test"] == few.samples["test"]
    kept = {row.tobytes() for row in np.load(demo / "b" / "calibration.npz")["x"]}
    assert {row.tobytes() for row in np.load(demo / "c" / "calibration.npz")["x"]} < kept


@pytest.mark.parametrize("fraction", ["0", "-0.5", "1.01", "nan"])
def test_a_share_is_more_than_none_and_at_most_all(
    demo: Path, fraction: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2."""
    options = ["--cell", "gru", "--units", "3", "--output", str(demo / "run"), "--fraction", fraction]
    assert run(["train", "demo", *options]) == 2
    assert f"error: fraction: must be above 0 and at most 1. Found: {float(fraction)}." in capsys.readouterr().err


def test_the_command_trains_on_a_share(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says so in the record."""
    options = ["--cell", "cnn", "--units", "5", "--output", str(demo / "run"), "--fraction", "0.5", "--json"]
    assert run(["train", "demo", *options]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["cell"], document["fraction"], document["samples"]["train"]) == ("cnn", 0.5, 16)


def test_samples_can_be_written_once_for_many_runs(demo: Path) -> None:
    """Without them a run has two files; apart from a run they are the same bytes."""
    quick(demo / "with", cell="cnn")
    quick(demo / "without", cell="cnn", samples=False)
    write_samples("demo", demo / "new" / "data")
    files = contents(demo)
    assert {name for name in files if name.startswith("without/")} == {"without/model.keras", "without/run.json"}
    assert {name for name in files if name.startswith("new/")} == {"new/data/calibration.npz", "new/data/test.npz"}
    for name in ("calibration.npz", "test.npz"):
        assert files[f"new/data/{name}"] == files[f"with/{name}"]
    assert weights(demo / "with") == weights(demo / "without")


def test_a_run_without_samples_leaves_none_of_an_earlier_run(demo: Path) -> None:
    """They might be another recipe's; but only `force` takes them away."""
    quick(demo / "run", cell="cnn")
    before = contents(demo)
    with pytest.raises(InputError, match="must not hold an earlier run"):
        build("demo", cell="cnn", units=3, output=demo / "run")
    assert contents(demo) == before
    build("demo", cell="cnn", units=3, output=demo / "run", force=True)
    assert set(contents(demo)) == {"run/model.keras", "run/run.json"}


def test_samples_in_a_place_that_cannot_be_written_are_an_error(demo: Path) -> None:
    """The folder's name is taken by a file."""
    (demo / "file").write_text("kept")
    with pytest.raises(InputError, match="must be a writable path"):
        write_samples("demo", demo / "file")
    assert contents(demo) == {"file": b"kept"}


def test_baselines_are_those_of_a_run(demo: Path) -> None:
    """Without training anything."""
    result = quick(demo / "run", cell="cnn", epochs=1)
    counts, scores = baselines("demo")
    assert counts == result.samples
    assert scores == {baseline.name: baseline.score for baseline in result.baselines}


@pytest.mark.parametrize("cell", CELLS)
def test_an_untrained_model_has_random_weights_and_biases(tmp_path: Path, cell: str) -> None:
    """Without a recipe; by seed; and it converts."""
    import keras

    first, again, other = (
        build(Shape(7, 3, 2), cell=cell, units=5, output=tmp_path / str(number), seed=seed)
        for number, seed in enumerate((1, 1, 2))
    )
    assert weights(first.folder) == weights(again.folder) != weights(other.folder)
    assert set(contents(first.folder)) == {"model.keras", "run.json"}
    model = keras.models.load_model(first.folder / "model.keras")
    assert (model.input_shape, model.output_shape) == ((None, 7, 3), (None, 2))
    assert all((np.abs(weight.numpy()) > 0).all() for weight in model.weights)
    assert any(weight.name == "bias" for weight in model.weights)
    document = record(first.folder)
    assert document == first.document
    assert (document["trained"], document["score"], document["recipe"]) == (False, None, None)
    assert document["parameters"] == first.parameters == model.count_params()
    assert document["recurrent_parameters"] == first.recurrent_parameters
    converted = edgernn.convert(first.folder / "model.keras", tmp_path / "m.tflite", quantize="dynamic")
    assert converted.size > 0


def test_an_untrained_model_of_a_recipe_has_its_mask_and_needs_no_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that its operators are those of the trained one."""
    import keras

    demo_package.use_index(monkeypatch, tmp_path / "cache", tmp_path / "nowhere")
    built = build(demo_package.recipe(), cell="GRU", units=3, layers=2, output=tmp_path / "run")
    names = [type(layer).__name__ for layer in keras.models.load_model(built.folder / "model.keras").layers]
    assert names == ["InputLayer", "Masking", "GRU", "GRU", "Dense"]
    assert (record(built.folder)["recipe"], record(built.folder)["classes"]) == ("demo", ["low", "high"])


def test_a_shape_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """All of it at once."""
    with pytest.raises(EdgernnError, match=r"(?s)units: .* Found: 0.*steps: .* Found: 0.*classes: .* Found: -1"):
        build(Shape(0, 3, -1), cell="gru", units=0, output=tmp_path / "run")
    assert not contents(tmp_path)
