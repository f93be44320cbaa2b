"""Names in C: none is somebody else's, none is too long, whatever a model, its layers and its folder are called."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import require_system
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_models import randomize
from saved_models import folder

import edgernn
from edgernn.cli.main import run
from edgernn.converters.c.naming import LONGEST_IDENTIFIER, LONGEST_NAME, in_comment, legal_name, name_from
from edgernn.converters.c.program import Constants
from edgernn.devices.host.c import read_c_project
from edgernn.devices.linux.binary import runner_source
from edgernn.devices.serial.source import firmware_files
from edgernn.errors import InputError

ARDUINO = Path(__file__).parent / "arduino"
STRICT = ("-Wall", "-Wextra", "-Wshadow", "-Werror")
LANGUAGE = """
    assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdarg stdatomic stdbool
    stddef stdint stdio stdlib string tgmath time wchar wctype unistd pthread semaphore sched poll fcntl netdb regex
"""
CPLUSPLUS = "algorithm atomic chrono fstream functional iostream map memory new random regex string thread vector"


@given(st.text(max_size=80))
def test_every_text_gives_a_legal_name(text: str) -> None:
    name = name_from(text)
    assert legal_name(name) == name == name_from(name)
    assert len(name) <= LONGEST_NAME


@given(st.from_regex(r"[a-z]{1,9}(_[a-z0-9]{1,4})?-[a-z0-9]{1,6}", fullmatch=True))
def test_a_hyphen_becomes_an_underscore(text: str) -> None:
    assert name_from(text) in (text.replace("-", "_"), f"model_{text.replace('-', '_')}")


def included(compiler: str, language: str, headers: list[str], suffix: str) -> set[str]:
    """Stems of the files that these headers read, of those that a program could include by their name alone."""
    found: set[str] = set()
    for header in headers:
        command = [compiler, "-x", language, "-M", "-"]
        text = f"#include <{header}{suffix}>\n"
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        found |= {Path(word).name for word in done.stdout.split() if re.search(r"/include(-fixed)?/[^/]+$", word)}
    return found


@pytest.mark.parametrize(
    "compiler",
    [
        *("gcc", "g++", "clang", "arm-none-eabi-gcc"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("avr-gcc", "riscv64-unknown-elf-gcc")),
    ],
)
def test_no_name_is_that_of_a_header_of_an_installed_system(compiler: str) -> None:
    require_system(compiler)
    if compiler == "g++":
        headers = included(compiler, "c++", CPLUSPLUS.split(), "")
    else:
        headers = included(compiler, "c", LANGUAGE.split(), ".h")
    if compiler != "clang":  # whose own folder has many for other processors
        own = subprocess.run([compiler, "-print-file-name=include"], capture_output=True, text=True, check=True).stdout
        headers |= {path.name for path in Path(own.strip()).glob("*.h")}
    if "-none-" in compiler or compiler == "avr-gcc":  # nothing but the C library is there
        library = subprocess.run(
            [compiler, "-print-sysroot"], capture_output=True, text=True, check=True
        ).stdout.strip()
        roots = [Path(library or "/usr/lib/avr") / "include", Path("/usr/lib/arm-none-eabi/include")]
        headers |= {path.name for root in roots for path in root.glob("*.h")}
    assert "stdint.h" in headers or "cstdint" in headers
    taken = {header.removesuffix(".h") for header in headers}
    assert not {stem for stem in taken if name_from(stem) == stem}


@pytest.mark.parametrize(
    "name",
    ["2fast", "a-b", "a b", "modèle", "", "class", "typeof", "co_await", "edgernn_x", "Time", "all", "CON", "lpt3"],
)
def test_a_name_that_is_asked_for_is_refused_where_something_else_has_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a C identifier") as error:
        edgernn.convert(folder() / "gru.keras", tmp_path / "out", format="c", name=name)
    assert error.value.hint
    assert "--name" in error.value.hint
    assert not (tmp_path / "out").exists()


def test_a_folder_gives_the_name_and_a_note_where_it_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"gru-int8-c": "gru_int8_c", "v1.2 final": "v1_2_final", "2fast": "model_2fast", "math": "model_math"}
    for called, name in names.items():
        done = edgernn.convert(folder() / "gru.keras", tmp_path / called, format="c")
        assert (tmp_path / called / "src" / f"{name}.h").is_file()
        assert any(f"'{name}'" in note for note in done.notes)
    plain = edgernn.convert(folder() / "gru.keras", tmp_path / "gesture", format="c")
    assert not any("called" in note for note in plain.notes)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(min_size=0, max_size=90), max_size=30), st.sampled_from(["m", "GRU", "n" * LONGEST_NAME]))
def test_constants_have_names_of_their_own_within_c_s_limit(names: list[str], prefix: str) -> None:
    constants = Constants(prefix)
    chosen = [constants.add(name, np.array([number])) for number, name in enumerate([*names, "run", "STEP", "state"])]
    assert len(set(chosen)) == len(chosen)
    header = {f"{prefix}_{word}" for word in ("run", "step", "reset", "state", "run_scratch", "step_scratch")}
    for name in chosen:
        assert re.fullmatch(rf"{prefix}_[a-z0-9_]+", name)
        assert len(name) <= LONGEST_IDENTIFIER
        assert name not in header


@cache
def hostile(where: Path) -> Path:
    """A model of two inputs and two outputs whose layers have long names, and such as the C itself uses."""
    import keras
    from keras import layers

    x, ids = keras.Input((8, 4), name="scratch"), keras.Input((8,), name="y0", dtype="int32")
    rows = layers.Embedding(30, 3, name="run")(ids)
    h = layers.LSTM(6, name="state" + "_and_more" * 20, return_sequences=True)(layers.Concatenate()([x, rows]))
    h = layers.GRU(5, name="STEP")(h)
    model = keras.Model([x, ids], [layers.Dense(2, name="B0" + "x" * 200)(h), layers.Dense(3, name="min")(h)])
    randomize(model, 3)
    random = np.random.default_rng(0)
    x_samples, id_samples = random.standard_normal((20, 8, 4)).astype("f4"), random.integers(0, 30, (20, 8))
    np.savez(where / "samples.npz", scratch=x_samples, y0=id_samples)
    path: Path = where / "hostile.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("names")


@pytest.fixture(scope="module", params=["float32", "int8"])
def made(place: Path, request: pytest.FixtureRequest) -> Path:
    """Its folder, with the longest name that there may be."""
    name: str = "n" * (LONGEST_NAME - len(request.param)) + request.param
    model = hostile(place)
    samples: dict[str, Any] = {}
    if request.param == "int8":
        samples["calibration"] = place / "samples.npz"
    edgernn.convert(model, place / name, format="c", quantize=request.param, **samples)
    return place / name


def test_no_identifier_is_longer_than_c_tells_apart(made: Path) -> None:
    for path in made.rglob("*"):
        if path.suffix in (".c", ".h", ".ino"):
            code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
            words = re.findall(r"[A-Za-z_]\w*", code)
            assert max(map(len, words)) <= LONGEST_IDENTIFIER, path.name


@pytest.mark.parametrize(
    "compiler",
    [
        ("gcc", "-std=gnu17"),
        ("gcc", "-std=c99", "-pedantic"),
        ("clang",),
        ("g++", "-x", "c++"),
        ("clang++", "-x", "c++"),
    ],
)
def test_all_sources_compile_without_a_warning(made: Path, compiler: tuple[str, ...]) -> None:
    require_system(compiler[0])
    sources = [made / "src" / f"{made.name}.c", made / "examples" / f"{made.name}_example" / "main.c"]
    words = [*compiler, *STRICT, "-Wconversion", "-fsyntax-only", "-I", str(made / "src"), *map(str, sources)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_the_sketch_compiles_behind_arduino_s_own_names(made: Path, compiler: str) -> None:
    require_system(compiler)
    (sketch,) = made.rglob("*.ino")
    words = [compiler, "-std=gnu++11", *STRICT, "-fsyntax-only", "-x", "c++", "-include", str(ARDUINO / "Arduino.h")]
    done = subprocess.run([*words, "-I", str(made / "src"), str(sketch)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_programs_around_it_compile_behind_everything_of_libc(made: Path, compiler: str, tmp_path: Path) -> None:
    require_system(compiler)
    project = read_c_project(made)
    (tmp_path / "run_model.c").write_text(runner_source(project))
    for name, text in firmware_files(project, "00" * 32).items():
        (tmp_path / name).write_text(text)
    words = [compiler, "-std=gnu11", *STRICT, "-fsyntax-only", "-D_GNU_SOURCE=", "-I", str(made / "src")]
    words += [part for header in ("math", "time", "unistd", "stdlib", "signal") for part in ("-include", f"{header}.h")]
    done = subprocess.run([*words, *map(str, tmp_path.glob("*.c"))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("called", ["all", "m"])
def test_cmake_builds_it_whatever_the_folder_is_called(called: str, tmp_path: Path) -> None:
    cmake = require_system("cmake")
    edgernn.convert(folder() / "gru.keras", tmp_path / called, format="c")
    for words in (["-S", called, "-B", "build"], ["--build", "build"]):
        done = subprocess.run([cmake, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    (example,) = (tmp_path / "build").glob("*_example")
    assert subprocess.run([example], capture_output=True, check=True).stdout


@given(st.text(max_size=40))
def test_a_text_of_the_model_ends_no_comment(text: str) -> None:
    for each in (text, f"{text}*/{text}", f"{text}\\"):
        found = in_comment(each)
        assert "*/" not in found
        assert found.isprintable()
        assert "\\" not in found


def test_zephyr_s_symbol_and_library_are_in_our_own_name_space(tmp_path: Path) -> None:
    edgernn.convert(folder() / "gru.keras", tmp_path / "sensor", format="c")
    wiring = {path.name: path.read_text() for path in (tmp_path / "sensor" / "zephyr").iterdir()}
    assert re.findall(r"^config (\w+)", wiring["Kconfig"], re.MULTILINE) == ["EDGERNN_SENSOR"]
    assert "if(CONFIG_EDGERNN_SENSOR)" in wiring["CMakeLists.txt"]
    assert "zephyr_library_named(edgernn_sensor)" in wiring["CMakeLists.txt"]
    assert "CONFIG_EDGERNN_SENSOR=y" in (tmp_path / "sensor" / "README.md").read_text()


def test_the_command_says_the_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = str(tmp_path / "gru-int8-c")
    assert run(["convert", str(folder() / "gru.keras"), "-o", output, "--format", "c"]) == 0
    said = capsys.readouterr()
    assert "gru_int8_c" in said.out + said.err
    assert run(["convert", str(folder() / "gru.keras"), "-o", output, "--format", "c", "--name", "a-b"]) == 2
    assert "give --name a_b" in capsys.readouterr().err
