"""What a folder of C says and promises around its numbers: memory for each function, ids, speed, licence."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import require_system
from keras_models import randomize
from numpy.typing import NDArray
from saved_models import folder

import edgernn
from edgernn.converters.c.compile import lower
from edgernn.converters.c.reference import evaluate_integers
from edgernn.converters.keras.reader import read_model
from edgernn.devices.emulators.machines import machine
from edgernn.devices.emulators.model import EmulatedSession
from edgernn.devices.host.c import CSession, read_c_project
from edgernn.errors import InputError

ROOT = Path(__file__).parents[1]
ROWS, STEPS = 317, 9
SANITIZED = ("-std=c99", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wall", "-Werror")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that a sensor feeds, and one that takes ids for two tables, each as C in both schemes."""
    import keras
    from keras import layers

    where, random = tmp_path_factory.mktemp("wiring"), np.random.default_rng(0)
    x = random.standard_normal((20, 64, 16)).astype("f4")
    stack = [layers.Conv1D(32, 5, activation="relu"), layers.GRU(32), layers.Dense(6, activation="softmax")]
    sensor = keras.Sequential([keras.Input((64, 16)), *stack])
    many, few = keras.Input((STEPS,), name="many", dtype="int32"), keras.Input((STEPS,), name="few", dtype="int32")
    rows = layers.Concatenate()([layers.Embedding(ROWS, 6)(many), layers.Embedding(5, 3)(few)])
    words = keras.Model([many, few], layers.Dense(2)(layers.LSTM(8)(rows)))
    np.savez(where / "sensor.npz", x=x)
    np.savez(where / "words.npz", many=random.integers(0, ROWS, (40, STEPS)), few=random.integers(0, 5, (40, STEPS)))
    for name, model in (("sensor", sensor), ("words", words)):
        randomize(model, 5)
        model.save(where / f"{name}.keras")
        edgernn.convert(where / f"{name}.keras", where / f"{name}_float", format="c")
        options: dict[str, Any] = {"quantize": "int8", "calibration": where / f"{name}.npz"}
        edgernn.convert(where / f"{name}.keras", where / f"{name}_int8", format="c", **options)
    return where


def macros(project: Path) -> dict[str, int]:
    """Numbers of the header, without the model's name in front."""
    text = (project / "src" / f"{project.name}.h").read_text()
    found = re.findall(rf"#define {project.name.upper()}_(\w+) (\d+)\b", text)
    return {name: int(number) for name, number in found}


def compiled(project: Path, main: str, *flags: str) -> str:
    """What a program around the model prints."""
    require_system("gcc")
    (project.parent / "main.c").write_text(f'#include "{project.name}.h"\n{main}')
    source, program = project / "src" / f"{project.name}.c", project.parent / "program"
    words = ["gcc", *SANITIZED, *flags, "-I", str(source.parent), str(source), str(project.parent / "main.c")]
    subprocess.run([*words, "-o", str(program), "-lm"], check=True)
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run([program], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("scheme", ["float", "int8"])
@pytest.mark.parametrize("model", ["sensor", "words"])
def test_each_function_needs_no_more_memory_than_its_macro_and_its_type_say(
    models: Path, model: str, scheme: str
) -> None:
    project, n = models / f"{model}_{scheme}", f"{model}_{scheme}"
    said, own = macros(project), json.loads((project / "edgernn.json").read_text())
    header = (project / "src" / f"{n}.h").read_text()
    parameters = re.findall(rf"void {n}_run\((.*)\)", header)[0].replace("const ", "")
    tensors = re.findall(r"(\w+) (\w+)\[(\d+)\]", parameters)
    arrays = " ".join(f"{ctype} *{name} = calloc({size}, sizeof *{name});" for ctype, name, size in tensors)
    names = ", ".join(name for _, name, _ in tensors)
    out = compiled(
        project,
        f"""#include <stdio.h>
#include <stdlib.h>
int main(void) {{
    {arrays}
    {n}_state *state = malloc(sizeof *state);
    {n}_step_scratch *step = malloc({n.upper()}_STEP_SCRATCH);
    {n}_run_scratch *run = malloc({n.upper()}_RUN_SCRATCH);
    printf("%d %d %d\\n", (int)sizeof *step, (int)sizeof *run, (int)sizeof *state);
    {n}_reset(state);
    for (int t = 0; t < 3; ++t) {n}_step(state, {names}, step);
    {n}_run({names}, run);
    return 0;
}}
""",
    )
    assert [int(word) for word in out.split()] == [said["STEP_SCRATCH"], said["RUN_SCRATCH"], said["STATE_BYTES"]]
    assert own["step_scratch_bytes"] == said["STEP_SCRATCH"]
    assert own["run_scratch_bytes"] == said["RUN_SCRATCH"]


def test_firmware_that_only_steps_reserves_only_what_a_step_needs(models: Path) -> None:
    said = macros(models / "sensor_int8")
    assert said["STEP_SCRATCH"] <= 1200 < said["RUN_SCRATCH"]


def test_a_model_without_a_step_has_memory_for_run_alone(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((6, 3)), keras.layers.Bidirectional(keras.layers.GRU(4))])
    edgernn.convert(model, tmp_path / "both", format="c")
    header = (tmp_path / "both" / "src" / "both.h").read_text()
    assert "step_scratch" not in header
    assert "STEP_SCRATCH" not in header
    assert "both_run_scratch" in (tmp_path / "both" / "README.md").read_text()


def test_the_header_and_the_readme_say_how_many_ids_there_are(models: Path) -> None:
    for scheme in ("float", "int8"):
        said = macros(models / f"words_{scheme}")
        assert (said["X0_IDS"], said["X1_IDS"]) == (ROWS, 5)
        readme = (models / f"words_{scheme}" / "README.md").read_text()
        assert "ids from 0 to 316" in readme
        assert f"WORDS_{scheme.upper()}_X1_IDS" in readme
    assert not [name for name in macros(models / "sensor_int8") if name.endswith("IDS")]


def wild_ids() -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(3)
    ends = np.array([-(2**31), -1, 0, 1, 4, 5, 316, 317, 2**31 - 1])
    return {"many": random.choice(ends, (30, STEPS)).astype("i4"), "few": random.choice(ends, (30, STEPS)).astype("i4")}


def answers(project: Path, inputs: dict[str, NDArray[Any]]) -> NDArray[Any]:
    session = CSession(read_c_project(project))
    rows = [session.run({name: array[k : k + 1] for name, array in inputs.items()}) for k in range(30)]
    return np.concatenate([row[session.outputs[0].name] for row in rows])


def test_ids_beyond_a_table_are_its_nearest_ones(models: Path) -> None:
    ids = wild_ids()
    near = {"many": ids["many"].clip(0, ROWS - 1), "few": ids["few"].clip(0, 4)}
    for scheme in ("float", "int8"):
        found = answers(models / f"words_{scheme}", ids)
        np.testing.assert_array_equal(found, answers(models / f"words_{scheme}", near))
        assert len(np.unique(found, axis=0)) > 20
    with np.load(models / "words.npz") as data:
        samples = {name: data[name].astype("i4") for name in data}
    graph, _ = lower(read_model(models / "words.keras").graph, "int8", "int8", "mse", samples)
    np.testing.assert_array_equal(evaluate_integers(graph, ids)[graph.outputs[0].name], found)


@pytest.mark.parametrize("scheme", ["float", "int8"])
def test_no_id_makes_step_or_run_read_beyond_a_table(models: Path, scheme: str) -> None:
    n = f"words_{scheme}"
    out = "float" if scheme == "float" else "int16_t"
    main = f"""
static {n}_step_scratch step;
static {n}_run_scratch run;
static {n}_state state;
int main(void) {{
    int32_t many[{STEPS}] = {{INT32_MIN, INT32_MAX, -1, 317, 316, 0, -7, 1 << 20, 5}};
    int32_t few[{STEPS}] = {{5, -1, INT32_MAX, INT32_MIN, 4, 0, 6, 7, 8}};
    {out} y[2];
    {n}_run(many, few, y, &run);
    {n}_reset(&state);
    for (int t = 0; t < {STEPS}; ++t) {n}_step(&state, many + t, few + t, y, &step);
    return 0;
}}
"""
    compiled(models / n, main)
    harmless = main.replace("INT32_MIN", "3").replace("INT32_MAX", "2").replace("317", "7").replace("1 << 20", "4")
    harmless = (
        harmless.replace("-1", "1").replace("-7", "3").replace("4, 0, 6, 7, 8", "4, 0, 1, 2, 3").replace("{5,", "{4,")
    )
    compiled(models / n, harmless, "-DEDGERNN_TRUST_IDS")


@pytest.mark.parametrize("name", ["cortex-m0", "cortex-m3", "cortex-m4", "cortex-m33"])
def test_a_project_that_is_compiled_for_size_runs_at_full_speed(models: Path, name: str) -> None:
    if missing := machine(name).missing():
        require_system(missing[0])
    project = read_c_project(models / "sensor_int8")
    small, fast = (EmulatedSession(project, f"qemu:{name}", each) for each in ("-Os", "-O3"))
    costs = [each.cost() for each in (small, fast)]
    steps = [cost.instructions_per_step for cost in costs]
    assert steps[0] is not None
    assert steps[1] is not None
    assert steps[0] <= 1.05 * steps[1], steps
    with np.load(models / "sensor.npz") as data:
        fed = [{"x": project.inputs[0].quantize(x[None])} for x in data["x"][:2]]
    samples = [{project.inputs[0].name: each["x"]} for each in fed]
    for one, other in zip(small.run_many(samples), fast.run_many(samples), strict=True):
        np.testing.assert_array_equal(one[project.outputs[0].name], other[project.outputs[0].name])


@pytest.mark.parametrize("processor", ["cortex-m0", "cortex-m0plus", "cortex-m23"])
def test_who_calls_a_model_compiled_for_size_keeps_its_registers(models: Path, processor: str) -> None:
    """GCC neither uses nor saves r8 to r11 with -Os on these; callers rely on them all the same."""
    compiler = require_system("arm-none-eabi-gcc")
    source = models / "sensor_int8" / "src" / "sensor_int8.c"
    words = [compiler, "-std=c99", "-Os", f"-mcpu={processor}", "-mthumb", "-S", str(source), "-o", "-"]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    body = text.partition("edgernn_matvec_s8s16:")[2].partition(".size")[0]
    for register in ("r8", "r9", "r10", "r11"):
        first = re.search(rf"mov\s+\S+, {register}\b", body)
        written = [found.start() for found in re.finditer(rf"mov\s+{register}, ", body)]
        assert first, register
        assert first.start() < written[0] < written[-1], register  # kept, used, put back


def test_every_build_file_asks_for_speed(models: Path) -> None:
    wiring = models / "sensor_int8"
    cmake = (wiring / "CMakeLists.txt").read_text()
    assert "target_compile_options(${COMPONENT_LIB} PRIVATE -O3)" in cmake
    assert len(re.findall("-O3", cmake)) == 2
    assert "zephyr_library_compile_options(-O3)" in (wiring / "zephyr" / "CMakeLists.txt").read_text()


def test_every_source_names_its_licence_and_the_folder_has_its_text(models: Path) -> None:
    project = models / "words_int8"
    for path in project.rglob("*"):
        if path.is_file() and path.suffix not in (".json", ".md", ".properties") and path.name != "LICENSE":
            assert "SPDX-License-Identifier: Apache-2.0" in path.read_text().splitlines()[0], path.name
    assert (project / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert "are yours" in (project / "README.md").read_text()
    for where in (
        "converters/c/runtime",
        "devices/emulators/firmware",
        "devices/linux/programs",
        "devices/serial/firmware",
    ):
        for path in (*(ROOT / where).glob("*.h"), *(ROOT / where).glob("*.c")):
            assert path.read_text().startswith("/* SPDX-License-Identifier: Apache-2.0 */\n"), path


def test_arduino_offers_it_where_constants_stay_in_flash(models: Path) -> None:
    text = (models / "sensor_int8" / "library.properties").read_text()
    offers = re.search("architectures=(.*)", text)
    assert offers
    assert not {"*", "esp8266"} & set(offers[1].split(","))
    assert {"avr", "esp32", "samd"} <= set(offers[1].split(","))
    assert "ESP8266" in (models / "sensor_int8" / "README.md").read_text()


def test_a_folder_of_an_earlier_version_is_said_to_be_one(tmp_path: Path) -> None:
    edgernn.convert(folder() / "gru.keras", tmp_path / "gru", format="c")
    description = tmp_path / "gru" / "edgernn.json"
    description.write_text(json.dumps({**json.loads(description.read_text()), "version": 1}))
    with pytest.raises(InputError, match="C that this version of edgernn wrote"):
        read_c_project(tmp_path / "gru")
