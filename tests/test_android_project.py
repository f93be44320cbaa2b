"""`edgernn deploy --android-project`: its files, and, slow, its Kotlin and C run on a JVM with the real LiteRT."""

from __future__ import annotations

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import require_system
from keras_models import randomize

import edgernn
from edgernn.cli.main import run
from edgernn.templates import license_text

STUBS = Path(__file__).parent / "android_stubs"
KOTLIN = "/usr/share/kotlin/kotlinc/lib/kotlin-stdlib.jar"
FRAMEWORK = "/usr/share/android-framework-res/framework-res.apk"
ANDROID = "{http://schemas.android.com/apk/res/android}"
# By the last name of the package: the model, and how it is converted.
APPS: dict[str, tuple[str, dict[str, Any]]] = {
    "outside": ("two", {"quantize": "int8", "io": "int8", "streaming": True, "hop": 2}),
    "inside": ("two", {"streaming": True, "state": "internal"}),
    "wide": ("one", {"quantize": "int16x8", "streaming": True}),
    "masked": ("masked", {"quantize": "int8", "io": "int8"}),
    "c_stream": ("two", {"format": "c", "quantize": "int8", "streaming": True, "hop": 2, "name": "one"}),
    "c_float": ("one", {"format": "c", "name": "two"}),
    "c_masked": ("masked", {"format": "c", "quantize": "int8", "name": "four"}),
    "c_window": ("both", {"format": "c", "quantize": "int8", "name": "three"}),
}


def _models(place: Path) -> None:
    import keras
    from keras import layers

    frames = keras.Input((10, 5), name="signal")
    hidden = layers.GRU(7, return_sequences=True)(layers.Conv1D(6, 3, activation="relu")(frames))
    heads = [layers.Dense(3, activation="softmax", name="which")(hidden), layers.Dense(1, name="how much")(hidden)]
    models = {
        "one": keras.Sequential([keras.Input((10, 5)), layers.LSTM(6), layers.Dense(3)]),
        "two": keras.Model(frames, heads),
        "masked": keras.Sequential([keras.Input((10, 5)), layers.Masking(0.0), layers.GRU(6), layers.Dense(2)]),
        "both": keras.Sequential([keras.Input((10, 5)), layers.Bidirectional(layers.GRU(4)), layers.Dense(2)]),
    }
    for name, model in models.items():
        randomize(model, 4)
        model.save(place / f"{name}.keras")


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of each kind, `com.example.NAME` in the folder NAME."""
    place = tmp_path_factory.mktemp("apps")
    _models(place)
    x = np.random.default_rng(0).standard_normal((12, 10, 5)).astype("f4")
    x[:, 7:] *= np.arange(12)[:, None, None] % 2  # padding in every other sample
    np.savez(place / "x.npz", x=x)
    for name, (model, options) in APPS.items():
        artifact = place / ("converted" if options.get("format") == "c" else "converted.tflite")
        calibration: dict[str, Any] = {"calibration": x} if "quantize" in options else {}
        edgernn.convert(place / f"{model}.keras", artifact, **options, **calibration)
        words = ["--data", str(place / "x.npz"), "--package", f"com.example.{name}"]
        assert run(["deploy", str(artifact), "--android-project", str(place / name), *words]) == 0
    return place


def main_of(app: Path) -> Path:
    """The folder of its sources."""
    return app / "app/src/main"


@pytest.mark.parametrize("name", APPS)
def test_the_manifest_and_the_gradle_files_are_whole(apps: Path, name: str) -> None:
    manifest = ET.parse(main_of(apps / name) / "AndroidManifest.xml").getroot()
    (activity,) = manifest.iter("activity")
    assert activity.get(f"{ANDROID}exported") == "true"  # or Android 12 refuses to install it
    assert [each.get(f"{ANDROID}name") for each in activity.iter("action")] == ["android.intent.action.MAIN"]
    assert [each.get(f"{ANDROID}name") for each in activity.iter("category")] == ["android.intent.category.LAUNCHER"]
    assert not list(manifest.iter("uses-permission"))
    code = main_of(apps / name) / "kotlin/com/example" / name
    assert (code / f"{activity.get(f'{ANDROID}name', '')[1:]}.kt").is_file()
    labels = {each.get("name") for each in ET.parse(main_of(apps / name) / "res/values/strings.xml").getroot()}
    assert next(manifest.iter("application")).get(f"{ANDROID}label") == "@string/app_name"
    assert {"app_name", "measure", "measuring"} == labels
    gradle = (apps / name / "app/build.gradle.kts").read_text()
    assert f'namespace = "com.example.{name}"' in gradle
    assert gradle.count("{") == gradle.count("}")
    assert 'include(":app")' in (apps / name / "settings.gradle.kts").read_text()
    native = name.startswith("c_")
    assert ("externalNativeBuild" in gradle, "litert" in gradle) == (native, not native)
    assert (main_of(apps / name) / "cpp/CMakeLists.txt").exists() == native
    assert (main_of(apps / name) / "assets/model.tflite").exists() != native
    readme = (apps / name / "README.md").read_text()
    assert "**Not verified**: the Gradle build" in readme


def test_a_project_of_ours_is_updated_and_everything_else_stays(
    apps: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["deploy", str(apps / "converted"), "--android-project"]
    app = tmp_path / "app"
    assert run([*words, str(app), "--package", "com.example.first"]) == 0
    (app / "app/build").mkdir()
    (app / "app/build/mine.apk").write_text("built")
    activity = app / "app/src/main/kotlin/com/example/first/MainActivity.kt"
    activity.write_text(activity.read_text() + "// mine")
    assert run([*words, str(app), "--package", "com.example.second"]) == 0
    assert "MainActivity.kt.orig" in capsys.readouterr().err
    assert [path.name for path in activity.parent.iterdir()] == ["MainActivity.kt.orig"]
    assert activity.with_name("MainActivity.kt.orig").read_text().endswith("// mine")
    assert (app / "app/build/mine.apk").read_text() == "built"
    assert (app / "app/src/main/kotlin/com/example/second/MainActivity.kt").is_file()


def test_a_project_that_is_not_ours_is_refused_or_added_to(
    apps: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["deploy", str(apps / "converted"), "--android-project", str(tmp_path / "mine")]
    files = {"app/src/main/AndroidManifest.xml": "<manifest/>", "settings.gradle": "mine", ".git/HEAD": "ref: x"}
    for name, text in files.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text(text)
    assert run(words) == 2
    assert "--force" in capsys.readouterr().err
    assert {str(path.relative_to(tmp_path / "mine")) for path in (tmp_path / "mine").rglob("*") if path.is_file()} == {
        *files
    }
    assert run([*words, "--force"]) == 0
    kept = main_of(tmp_path / "mine") / "AndroidManifest.xml.orig"
    assert kept.read_text() == "<manifest/>"
    assert (tmp_path / "mine/.git/HEAD").read_text() == "ref: x"


@pytest.mark.parametrize(
    "package", ["gesture", "com.Example.x", "com.example.class", "com..x", "com.example.x;", "a.1b"]
)
def test_a_package_that_is_none_is_refused(
    apps: Path, tmp_path: Path, package: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["deploy", str(apps / "converted"), "--android-project", str(tmp_path / "app"), "--package", package]
    assert run(words) == 2
    assert "package: must be names of small letters" in capsys.readouterr().err
    assert not (tmp_path / "app").exists()


def test_a_model_of_keras_becomes_an_app(apps: Path, tmp_path: Path) -> None:
    for runtime, file in (("litert", "assets/model.tflite"), ("c", "cpp/jni.c")):
        words = ["--runtime", runtime, "--android-project", str(tmp_path / runtime)]
        assert run(["deploy", str(apps / "one.keras"), *words]) == 0
        assert (main_of(tmp_path / runtime) / file).is_file()


@pytest.mark.parametrize("name", APPS)
def test_every_source_names_its_licence_and_the_project_has_its_text(apps: Path, name: str) -> None:
    assert (apps / name / "LICENSE").read_text() == license_text()
    sources = (".kt", ".kts", ".c", ".h", ".txt", ".xml")
    for path in (apps / name).rglob("*"):
        if path.is_file() and path.suffix in sources:
            assert "SPDX-License-Identifier: Apache-2.0" in "".join(path.read_text().splitlines()[:2]), path


@pytest.mark.parametrize("name", [name for name in APPS if name.startswith("c_")])
@pytest.mark.parametrize("compiler", ["gcc", "aarch64-linux-gnu-gcc"])
def test_the_sources_of_the_library_compile_without_a_warning(
    apps: Path, tmp_path: Path, name: str, compiler: str
) -> None:
    require_system(compiler)
    # What jni.h declares, as far as it is used, where no JDK is installed.
    (tmp_path / "jni.h").write_text(
        "#include <stdint.h>\n#define JNIEXPORT\n#define JNICALL\ntypedef int64_t jlong;typedef int jint;\n"
        "typedef void *jobject, *jclass, *jfloatArray;typedef struct Table *JNIEnv;\n"
        "struct Table { jclass (*FindClass)(JNIEnv *, const char *);\n"
        "jint (*ThrowNew)(JNIEnv *, jclass, const char *);\n"
        "void (*GetFloatArrayRegion)(JNIEnv *, jfloatArray, jint, jint, float *);\n"
        "void (*SetFloatArrayRegion)(JNIEnv *, jfloatArray, jint, jint, const float *);\n"
        "int (*ExceptionCheck)(JNIEnv *); };\n"
    )
    _library(main_of(apps / name) / "cpp", tmp_path / "libx.so", compiler, tmp_path)


def _library(sources: Path, output: Path, compiler: str, *include: Path) -> None:
    words = [compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden"]
    words += [word for path in include for word in ("-I", str(path))]
    words += [*map(str, sorted(sources.glob("*.c"))), "-o", str(output), "-lm"]
    subprocess.run(words, check=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["outside", "c_stream"])
def test_android_s_own_tool_packages_the_manifest_and_the_resources(apps: Path, tmp_path: Path, name: str) -> None:
    require_system("aapt")
    main = main_of(apps / name)
    manifest = tmp_path / "AndroidManifest.xml"  # Gradle puts these two in
    text = (main / "AndroidManifest.xml").read_text().replace("<manifest", f'<manifest package="com.example.{name}"')
    manifest.write_text(text.replace("<application", '<uses-sdk android:minSdkVersion="24" />\n<application'))
    words = ["aapt", "package", "-f", "-M", str(manifest), "-S", str(main / "res"), "-A", str(main / "assets")]
    subprocess.run([*words, "-I", FRAMEWORK, "-F", str(tmp_path / "app.apk")], check=True)
    found = subprocess.run(
        ["aapt", "dump", "badging", str(tmp_path / "app.apk")], check=True, capture_output=True, text=True
    ).stdout
    assert f"launchable-activity: name='com.example.{name}.MainActivity'" in found


@pytest.fixture(scope="module")
def compiled(apps: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The classes of all projects, compiled by one call of the compiler, which takes long to begin."""
    require_system("kotlinc")
    require_system("javac")
    classes = tmp_path_factory.mktemp("classes")
    sources = classes / "sources"
    shutil.copytree(STUBS, sources, ignore=shutil.ignore_patterns("*.py"))
    for name in APPS:
        code = main_of(apps / name) / "kotlin/com/example" / name
        kind = "".join(part.capitalize() for part in name.split("_"))
        engine = "NativeEngine()"
        if not name.startswith("c_"):
            engine = "LiteRtEngine(java.nio.ByteBuffer.wrap(java.io.File(words[1]).readBytes()))"
        shutil.copytree(code, sources / "com/example" / name)
        (sources / "com/example" / name / "R.java").write_text(
            f"package com.example.{name};\npublic final class R {{ public static final class string {{\n"
            "public static final int measure = 1, measuring = 2; } }\n"
        )
        (sources / "com/example" / name / "Try.kt").write_text(
            f"package com.example.{name}\nfun main(words: Array<String>) {{ {kind}({engine}).use {{ model ->\n"
            "val benchmark = Benchmark(model)\n"
            "for (times in 1..2) println(java.io.File(words[0]).inputStream().use { benchmark.difference(it) })\n"
            "println(benchmark.latency(20).runs)\nprintln(Benchmark.TOLERANCE)\n"
            f"try {{ model.{'step' if 'private fun part' in (code / f'{kind}.kt').read_text() else 'run'}"
            "(FloatArray(1)) } catch (error: IllegalArgumentException) { println(error.message) }\n} }\n"
        )
    stubs = [str(path) for path in sorted(sources.rglob("*.java"))]
    subprocess.run(["javac", "-d", str(classes), *stubs], check=True)
    words = ["kotlinc", "-nowarn", "-cp", str(classes), "-d", str(classes), str(sources)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return classes


@pytest.mark.slow
@pytest.mark.parametrize("name", APPS)
def test_the_app_answers_on_a_jvm_as_the_model_does_here(apps: Path, compiled: Path, name: str) -> None:
    library = compiled / name
    library.mkdir()
    if name.startswith("c_"):
        java = Path(shutil.which("javac") or "").resolve().parents[1] / "include"
        project = APPS[name][1]["name"]
        sources = main_of(apps / name) / "cpp"
        _library(sources, library / f"lib{project}_jni.so", "gcc", java, java / "linux")
        _library(sources, library / "arm64.so", "aarch64-linux-gnu-gcc", java, java / "linux")
    kind = f"com.example.{name}.TryKt"
    words = ["java", "-cp", f"{compiled}:{KOTLIN}", f"-Djava.library.path={library}", f"-Dpython={sys.executable}"]
    words += [f"-Dinterpreter={STUBS / 'interpreter.py'}", kind]
    assets = main_of(apps / name) / "assets"
    words += [str(assets / "recorded.bin"), str(assets / "model.tflite")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second, runs, tolerance, refused = done.stdout.splitlines()
    exact = APPS[name][1].get("quantize") is not None
    assert (float(first) == 0) if exact else (float(first) <= 1e-6)
    assert second == first  # after a reset, the same
    assert runs == "20"
    assert float(tolerance) == (0 if exact else 1e-4)
    what = "window" if name in ("masked", "c_window") else "frame"
    assert refused == f"{what}: must be {50 if what == 'window' else 5} numbers. Found: 1."
