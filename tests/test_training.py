"""The verb train: what it leaves behind, that it repeats, and that it fails without leaving anything."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import demo_package
import numpy as np
import pytest
from test_recipes import load

import edgernn
from edgernn.cli.main import run
from edgernn.errors import EnvironmentProblem, InputError
from edgernn.training import Epoch, Shape, TrainResult, find_recipe, train
from edgernn.training.network import build_network

FILES = {"model.keras", "calibration.npz", "test.npz", "run.json"}


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recipe "demo" in the table, with its package; and an empty folder to write in."""
    return demo_package.install(tmp_path, monkeypatch)


def quick(output: Path, **options: Any) -> TrainResult:
    """A run of a moment."""
    return train("demo", **{"cell": "gru", "units": 3, "output": output, **options})


def contents(folder: Path) -> dict[str, bytes]:
    """Every file in the folder, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "edgernn.json"
    }


def weights(folder: Path) -> list[bytes]:
    """The model's weights, byte by byte."""
    import keras

    return [array.tobytes() for array in keras.models.load_model(folder / "model.keras").get_weights()]


@pytest.fixture(scope="module")
def vowels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A real recipe, trained for two epochs by the command line in a process of its own: its folder and its stdout."""
    load(find_recipe("japanese-vowels"))
    folder = tmp_path_factory.mktemp("runs") / "new" / "vowels"
    options = ["--cell", "LSTM", "--units", "5", "--seed", "3", "--epochs", "2", "--output", str(folder), "--json"]
    command = [sys.executable, "-m", "edgernn", "train", "japanese-vowels", *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return folder, result.stdout


def test_the_folder_has_all_that_other_commands_need(vowels: tuple[Path, str]) -> None:
    """Arrays are named after the model's input, float32, samples first; targets are `y`."""
    import keras

    folder, _ = vowels
    assert set(contents(folder)) == FILES
    model = keras.models.load_model(folder / "model.keras")
    assert [tensor.name for tensor in model.inputs] == ["x"]
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Masking", "LSTM", "Dense"]
    calibration, test = np.load(folder / "calibration.npz"), np.load(folder / "test.npz")
    assert set(calibration) == {"x"}
    assert set(test) == {"x", "y"}
    assert (calibration["x"].shape, calibration["x"].dtype) == ((200, 29, 12), np.float32)
    assert (test["x"].shape, test["x"].dtype, test["y"].shape) == ((370, 29, 12), np.float32, (370,))


def test_the_record_is_what_json_prints_and_true(vowels: tuple[Path, str]) -> None:
    """The score can be measured again from the folder alone."""
    import keras

    folder, stdout = vowels
    record = json.loads((folder / "run.json").read_text())
    assert json.loads(stdout) == record
    assert (record["schema"], record["version"], record["recipe"]) == ("edgernn.train", 1, "japanese-vowels")
    assert (record["cell"], record["units"], record["layers"], record["seed"]) == ("lstm", 5, 1, 3)
    assert record["parameters"] == 4 * 5 * (12 + 5 + 1) + (5 + 1) * 9
    assert record["samples"] == {"train": 243, "validation": 27, "test": 370}
    assert {len(values) for values in record["history"].values()} == {record["epochs"]} == {2}
    assert record["history"]["loss"][1] < record["history"]["loss"][0] < 3
    first, second = record["history"]["seconds"]
    assert 0 < second < first < record["seconds"]  # the first compiles
    assert record["seconds_per_epoch"] == second
    assert (record["trained"], record["fraction"], record["updates"]) == (True, 1, 2 * (243 // 32))
    assert record["recurrent_parameters"] == 4 * 5 * (12 + 5 + 1)
    assert record["versions"]["keras"] == keras.__version__
    assert record["data"]["package"] == "aeon==1.6.0"
    test = np.load(folder / "test.npz")
    output = keras.models.load_model(folder / "model.keras").predict(test["x"], verbose=0)
    assert record["score"] == np.mean(output.argmax(axis=1) == test["y"])
    naive, ordered = record["baselines"]
    assert naive == {"name": "most frequent class", "score": np.mean(test["y"] == 0)}  # all are equally frequent
    assert ordered["name"] == "nearest class mean"
    assert 0.9 < ordered["score"] < 0.95


def test_calibration_samples_are_training_samples(vowels: tuple[Path, str]) -> None:
    """As they are, never those that the model is judged by, and of every class."""
    data = load(find_recipe("japanese-vowels"))
    owner = {row.tobytes(): label for row, label in zip(data.train.x, data.train.y, strict=True)}
    rows = [row.tobytes() for row in np.load(vowels[0] / "calibration.npz")["x"]]
    assert len(set(rows)) == len(rows)
    assert {owner[row] for row in rows} == set(range(9))


def test_the_same_seed_gives_the_same_bytes_in_another_process(vowels: tuple[Path, str], tmp_path: Path) -> None:
    """Weights, samples and history, except for the time it took."""
    same = train("japanese-vowels", cell="lstm", units=5, epochs=2, seed=3, output=tmp_path / "same")
    assert weights(same.folder) == weights(vowels[0])
    for name in ("calibration.npz", "test.npz"):
        assert (same.folder / name).read_bytes() == (vowels[0] / name).read_bytes()
    ours, theirs = same.document["history"], json.loads((vowels[0] / "run.json").read_text())["history"]
    assert ours | {"seconds": None} == theirs | {"seconds": None}


@pytest.mark.parametrize(
    ("cell", "layers", "parameters"),
    [
        ("simplernn", 1, 3 * (3 + 3 + 1)),
        ("gru", 1, 3 * 3 * (3 + 3 + 2)),
        ("lstm", 2, 4 * 3 * (3 + 3 + 1) * 2),
    ],
)
def test_every_cell_in_layers(demo: Path, cell: str, layers: int, parameters: int) -> None:
    """Trained through the library; the padded steps reach every layer's mask."""
    import keras

    seen: list[Epoch] = []
    stages: list[str] = []
    result = quick(demo / "run", cell=cell, layers=layers, on_epoch=seen.append, on_stage=stages.append)
    assert result.parameters == parameters + (3 + 1) * 2
    assert tuple(seen) == result.history
    assert [epoch.number for epoch in seen] == [1, 2, 3]
    assert stages == ["loading demo", "starting Keras", "training"]
    model = keras.models.load_model(demo / "run" / "model.keras")
    x = np.load(demo / "run" / "test.npz")["x"]
    padded = x[(x[:, -1] == 0).all(axis=1)]
    assert len(padded) == 2
    shape = replace(Shape.of(demo_package.recipe()), steps=demo_package.STEPS - 1)
    shorter = build_network(keras, shape, cell, 3, layers, "shorter")
    shorter.set_weights(model.get_weights())
    np.testing.assert_allclose(model.predict_on_batch(padded), shorter.predict_on_batch(padded[:, :-1]), atol=1e-6)
    assert edgernn.train is train


def test_the_demo_is_learned(demo: Path) -> None:
    """Training trains: from chance to certainty on an easy task."""
    result = quick(demo / "run", units=8, epochs=40)
    assert result.score == 1
    assert result.history[-1].loss < 0.1 < result.history[0].loss


def test_all_wrong_numbers_are_reported_at_once(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is loaded or written."""
    options = ["--units", "0", "--layers", "9", "--epochs", "0", "--batch-size", "-1", "--learning-rate", "nan"]
    command = ["train", "demo", "--cell", "rnn", "--seed", "-1", "--output", str(demo / "run"), *options]
    assert run(command) == 2
    error = capsys.readouterr().err
    for line in (
        "cell: must be one of lstm, gru, simplernn, cnn. Found: 'rnn'.",
        "units: must be a whole number from 1 to 4096. Found: 0.",
        "layers: must be a whole number from 1 to 8. Found: 9.",
        "epochs: must be a whole number from 1 to 10000. Found: 0.",
        "batch size: must be a whole number from 1 to 65536. Found: -1.",
        "seed: must be a whole number from 0 to 4294967295. Found: -1.",
        "learning rate: must be a positive number. Found: nan.",
    ):
        assert f"error: {line}" in error
    assert not contents(demo)


def test_an_unknown_recipe_ends_with_status_2(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table and the closest name are shown."""
    assert run(["train", "watch-activty", "--cell", "gru", "--units", "3", "--output", str(demo / "run")]) == 2
    assert "did you mean 'watch-activity'?" in capsys.readouterr().err
    assert not contents(demo)


def test_an_earlier_run_stays_unless_forced(demo: Path) -> None:
    """And what the user has put beside it stays in any case."""
    quick(demo / "run", seed=1)
    (demo / "run" / "model.tflite").write_bytes(b"mine")
    before, of_seed_1 = contents(demo), weights(demo / "run")
    with pytest.raises(InputError, match=r"must not hold an earlier run. Found: model.keras, .*run.json") as caught:
        quick(demo / "run", seed=2)
    assert "--force" in caught.value.hint
    assert contents(demo) == before
    quick(demo / "run", seed=2, force=True)
    after = contents(demo)
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {"run/model.keras", "run/run.json"}
    assert weights(demo / "run") != of_seed_1


@pytest.mark.parametrize(
    "place",
    [
        "file",
        "file/below",
        pytest.param("/proc/run", marks=pytest.mark.skipif(sys.platform != "linux", reason="/proc")),
    ],
)
def test_a_place_that_cannot_be_written_is_found_before_training(demo: Path, place: str) -> None:
    """Nothing has been computed or made by then."""
    (demo / "file").write_text("kept")

    def never(epoch: Epoch) -> None:
        raise AssertionError("trained")

    with pytest.raises(InputError, match="must be a folder that can be written"):
        quick(demo / place, on_epoch=never)
    assert contents(demo) == {"file": b"kept"}


@pytest.mark.parametrize("exists", [False, True])
def test_an_interrupt_leaves_nothing_behind(demo: Path, exists: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of the training, whether or not the folder was there; exit status 130."""
    if exists:
        (demo / "a" / "run").mkdir(parents=True)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edgernn.training.fit.predict", interrupt)
    options = ["--cell", "gru", "--units", "3", "--output", str(demo / "a" / "run")]
    assert run(["train", "demo", *options]) == 130
    assert sorted(path.name for path in demo.rglob("*")) == (["a", "run"] if exists else [])


def test_a_diverging_run_is_an_error_and_leaves_nothing(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """NaN never reaches a file."""
    options = ["--units", "3", "--output", str(demo / "run"), "--learning-rate", "1e38"]
    assert run(["train", "demo", "--cell", "gru", *options]) == 2
    error = capsys.readouterr().err
    assert "error: training: the loss must stay finite. Found: " in error
    assert "hint: choose a --learning-rate below 1e+38." in error
    assert not contents(demo)


def test_a_missing_package_names_the_extra(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit status 3, and the command that installs it."""
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(EnvironmentProblem, match="training needs the package 'keras'") as caught:
        quick(demo / "run")
    assert caught.value.hint == "pip install 'edgernn[train]'"
    assert not contents(demo)


def test_the_table_shows_the_baselines_beside_the_score(demo: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Results on stdout, everything else on stderr, nothing of TensorFlow's on either."""
    assert run(["train", "demo", "--cell", "gru", "--units", "3", "--layers", "2", "--output", str(demo / "run")]) == 0
    captured = capfd.readouterr()
    record = json.loads((demo / "run" / "run.json").read_text())
    rows = [line.split() for line in captured.out.splitlines()]
    assert ["gru", "3", "+", "3", f"{record['score']:.3f}", str(record["parameters"])] in rows
    assert ["baseline:", "most", "frequent", "class", "0.500"] in rows
    assert [line.partition(" in ")[0] for line in captured.err.splitlines()] == ["3 epochs"]


def test_importing_the_training_package_imports_no_framework() -> None:
    """`edgernn recipes` must not wait for TensorFlow."""
    program = "import sys, edgernn.training; sys.exit(bool({'keras', 'tensorflow'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "cell", "floor"),
    [
        ("japanese-vowels", "gru", 0.965),
        ("japanese-vowels", "lstm", 0.959),
        ("japanese-vowels", "cnn", 0.965),
        ("watch-activity", "gru", 0.83),
        ("watch-activity", "lstm", 0.78),
        ("watch-activity", "cnn", 0.85),
    ],
)
def test_the_recipes_reach_their_scores(recipe: str, cell: str, floor: float, tmp_path: Path) -> None:
    """One seed of 32 units each; docs/recipes.md has the means of three."""
    load(find_recipe(recipe))
    assert train(recipe, cell=cell, units=32, output=tmp_path / "run").score >= floor
