"""The files of an Android project: a model, a typed wrapper, and a screen that measures it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from edgernn import __version__
from edgernn.converters.c.seals import sealed
from edgernn.converters.tflite.file import TfliteFile
from edgernn.devices.android.litert import engine_words
from edgernn.devices.host.c import CProject
from edgernn.devices.host.session import TensorInfo
from edgernn.devices.linux.conversions import arguments, declarations, named_outputs, to_numbers, to_tensors
from edgernn.devices.linux.feed import Feed, feed_of
from edgernn.errors import InputError
from edgernn.running import Artifact
from edgernn.streaming.description import Answer
from edgernn.templates import license_text, templates_of

# The Android plugin, which has Kotlin built in, what it needs, and a LiteRT whose Interpreter takes any tensor.
VERSIONS = {
    "plugin": "9.0.1",
    "gradle": "9.1.0",
    "ndk": "28.2.13676358",
    "sdk": 36,
    "oldest": 24,
    "litert": "1.4.2",
}
_KEYWORDS = """
    as break class continue do else false for fun if in interface is null object package return super this throw true
    try typealias typeof val var when while numbers
"""
_WORDS = frozenset(_KEYWORDS.split())  # Kotlin's, and what an answer has besides its outputs


@dataclass(frozen=True)
class Output:
    """An output as Kotlin and C see it.

    Attributes:
        property: its name in Kotlin.
        variable: its name in C.
        shape: without the batch axis.
        offset: of its first number among all answers.
        size: in numbers.
        skip: answers after a reset that are not valid yet.
        first: numbers of the first valid one that are not valid yet.
    """

    property: str
    variable: str
    shape: tuple[int, ...]
    offset: int
    size: int
    skip: int
    first: int


def android_files(
    artifact: Artifact, package: str, recorded: bytes, title: str, tolerance: float
) -> dict[str, str | bytes]:
    """Every file of the project, by its path.

    Args:
        artifact: a .tflite, which LiteRT runs there, or a folder of C, which JNI calls.
        package: of the app; its last part names the model's class.
        recorded: frames and the answers to them, for `Benchmark.difference`.
        title: one line about the model.
        tolerance: by which answers may differ, relative to the largest.

    Raises:
        InputError: the package is none, or the model has more than one input.
        EnvironmentProblem: Jinja is not installed.
    """
    _check_package(package)
    feed = feed_of(artifact)
    outputs = _outputs(feed)
    native = isinstance(artifact.content, CProject)
    name = package.rpartition(".")[2]
    words: dict[str, Any] = {
        "package": package,
        "name": name,
        "class_name": _class_name(name),
        "title": title,
        "version": __version__,
        "versions": VERSIONS,
        "native": native,
        "stream": feed.stream is not None,
        "hop": feed.hop,
        "frame": feed.frame,
        "shape": feed.source.shape[1:],
        "features": feed.source.shape[-1],
        "outputs": outputs,
        "answers": sum(output.size for output in outputs),
        "skip": min(output.skip for output in outputs),
        "tolerance": tolerance,
        **_answer_words(outputs, stream=feed.stream is not None),
    }
    code, main = f"app/src/main/kotlin/{package.replace('.', '/')}", "app/src/main"
    templates = {
        "settings.gradle.kts": "settings.gradle.kts",
        "build.gradle.kts": "build.gradle.kts",
        "gradle.properties": "gradle.properties",
        "gradle/wrapper/gradle-wrapper.properties": "gradle-wrapper.properties",
        ".gitignore": "gitignore",
        "README.md": "README.md",
        "app/build.gradle.kts": "app.build.gradle.kts",
        f"{main}/AndroidManifest.xml": "AndroidManifest.xml",
        f"{main}/res/values/strings.xml": "strings.xml",
        f"{code}/Engine.kt": "Engine.kt",
        f"{code}/{words['class_name']}.kt": "Model.kt",
        f"{code}/Benchmark.kt": "Benchmark.kt",
        f"{code}/MainActivity.kt": "MainActivity.kt",
    }
    files: dict[str, str | bytes] = {f"{main}/assets/recorded.bin": recorded, "LICENSE": license_text()}
    texts: dict[str, str] = {}
    if isinstance(artifact.content, TfliteFile):
        words |= {"engine": "LiteRtEngine(modelFile())", "example_engine": "LiteRtEngine(modelFile)"}
        words |= engine_words(artifact, feed)
        templates[f"{code}/LiteRtEngine.kt"] = "LiteRtEngine.kt"
        files[f"{main}/assets/model.tflite"] = artifact.content.content
    else:
        words |= {"engine": "NativeEngine()", "example_engine": "NativeEngine()"}
        words |= _native_words(artifact.content, feed, package)
        templates[f"{code}/NativeEngine.kt"] = "NativeEngine.kt"
        templates |= {f"{main}/cpp/CMakeLists.txt": "cpp.CMakeLists.txt", f"{main}/cpp/jni.c": "jni.c"}
        for path in artifact.content.sources:
            texts[f"{main}/cpp/{path.name}"] = path.read_text(encoding="utf-8")
    environment = templates_of("edgernn.devices.android", "Writing an Android project")
    texts |= {path: environment.get_template(f"{template}.j2").render(words) for path, template in templates.items()}
    return {**files, **sealed(texts)}


def _check_package(package: str) -> None:
    parts = package.split(".")
    good = all(re.fullmatch(r"[a-z][a-z0-9_]*", part) and part not in _WORDS for part in parts)
    if len(parts) < 2 or not good:
        raise InputError(
            f"package: must be names of small letters, digits and _ with dots between them. Found: '{package}'.",
            hint="--package com.example.gesture, say; its last name becomes the model's.",
        )


def _class_name(name: str) -> str:
    camel = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    return f"{camel}Model" if camel in ("Engine", "Benchmark", "MainActivity", "Answer", "LiteRtEngine", "R") else camel


def _outputs(feed: Feed) -> tuple[Output, ...]:
    found: list[Output] = []
    offset = 0
    named = zip(named_outputs(feed), (answer for _, answer in feed.outputs), strict=True)
    for (variable, info), answer in named:
        size = math.prod(info.shape)
        name = _property(info, [each.property for each in found])
        found.append(Output(name, variable, info.shape[1:], offset, size, answer.skip, _lacking(info, answer)))
        offset += size
    return tuple(found)


def _lacking(info: TensorInfo, answer: Answer) -> int:
    return answer.first * math.prod(info.shape[2:])


def _property(info: TensorInfo, taken: list[str]) -> str:
    """A property's name that Kotlin takes, and no other output has."""
    parts = [part for part in re.split(r"[^A-Za-z0-9]+", info.name) if part]
    name = "".join(part if at == 0 else part[:1].upper() + part[1:] for at, part in enumerate(parts)) or "output"
    name = name[:1].lower() + name[1:]
    if not name[0].isalpha() or name in _WORDS:
        name = f"output{name}"
    while name in taken:
        name += "_"
    return name


def _answer_words(outputs: tuple[Output, ...], *, stream: bool) -> dict[str, str]:
    """How Kotlin takes the answer out of all numbers."""
    if not stream:
        parts = [f"answers.copyOfRange({each.offset}, {each.offset + each.size})" for each in outputs]
    else:
        parts = [f"part({each.offset}, {each.size}, {each.skip}L, {each.first})" for each in outputs]
    if len(outputs) > 1:
        flat = "found?.numbers ?: FloatArray(0)" if stream else "found.numbers"
        return {"answer_type": "Answer", "answer": f"Answer({', '.join(parts)})", "flat": flat}
    return {
        "answer_type": "FloatArray",
        "answer": parts[0],
        "flat": "found ?: FloatArray(0)" if stream else "found",
    }


def _native_words(project: CProject, feed: Feed, package: str) -> dict[str, Any]:
    mangled = package.replace("_", "_1").replace(".", "_")
    return {
        "project": project.name,
        "library": f"{project.name}_jni",
        "prefix": f"Java_{mangled}_NativeEngine",
        "count": feed.count,
        "declarations": declarations(feed),
        "arguments": arguments(feed, "at->"),
        "to_tensors": to_tensors(feed, "at->"),
        "to_numbers": to_numbers(feed, "at->"),
    }
