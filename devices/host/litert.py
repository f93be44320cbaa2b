"""LiteRT on this machine, from whichever package brings it."""

from __future__ import annotations

import importlib
import time
import warnings
from collections.abc import Mapping
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import numpy as np

from edgernn.converters.tflite.file import TfliteFile
from edgernn.devices.host.packages import LITERT_PACKAGES, RuntimePackage
from edgernn.devices.host.session import Array, Opening, Runtime, tensor_infos
from edgernn.devices.host.stderr import captured_stderr
from edgernn.errors import EnvironmentProblem, InputError, missing_extra


def find_interpreter() -> tuple[Any, RuntimePackage]:
    """The class `Interpreter` of the first package that is installed and can be imported.

    Raises:
        EnvironmentProblem: there is none, or none can be imported.
    """
    failures = []
    for package in LITERT_PACKAGES:
        if find_spec(package.module) is None:
            continue
        try:
            with captured_stderr():
                return importlib.import_module(package.interpreter).Interpreter, package
        except ImportError as error:
            failures.append(f"{package.package}: {error}")
    if failures:
        raise EnvironmentProblem(
            f"LiteRT: a package that is installed must be importable. Found: {'; '.join(failures)}.",
            hint="pip install --upgrade --force-reinstall 'edgernn[runtime]'",
        )
    raise missing_extra(LITERT_PACKAGES[0].package, "runtime", "Running a .tflite file")


class LiteRtSession:
    """An artifact in a LiteRT interpreter; see `edgernn.devices.host.session.Session`."""

    runtime: Runtime = "litert"

    def __init__(self, file: TfliteFile, threads: int = 1, path: str = "", *, plain: bool = False) -> None:
        """Load the file and plan its memory.

        Args:
            file: the artifact.
            threads: how many LiteRT may use.
            path: where the file is, to be mapped from there instead of taken from `file`.
            plain: without XNNPACK, which keeps a packed copy of its weights for every operator.

        Raises:
            InputError: LiteRT refuses the file.
            EnvironmentProblem: LiteRT is not installed.
        """
        self._interpreter_class, package = find_interpreter()
        self._options: dict[str, Any] = {"num_threads": threads}
        if plain:
            kernels = importlib.import_module(package.interpreter).OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            self._options["experimental_op_resolver_type"] = kernels
        self.description = f"{package.package} {metadata.version(package.package)}"
        self.inputs, self.outputs = tensor_infos(file), tensor_infos(file, outputs=True)
        self._file, self._path = file, path
        self._has_memory = any(name in file.operators for name in ("CALL_ONCE", "VAR_HANDLE"))
        self._open()

    def _open(self) -> None:
        try:
            with captured_stderr(), warnings.catch_warnings():  # the delegates announce themselves
                warnings.simplefilter("ignore")  # TensorFlow's own interpreter says that it moves to ai-edge-litert
                start = time.perf_counter()
                source = {"model_path": self._path} if self._path else {"model_content": self._file.content}
                self.interpreter = self._interpreter_class(**source, **self._options)
                loaded = time.perf_counter()
                self.interpreter.allocate_tensors()
                self.opening = Opening(loaded - start, time.perf_counter() - loaded)
        except Exception as error:  # the bindings have no common class of errors
            raise refused(f"LiteRT ({self.description})", self._file, error) from error

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Run once."""
        self.feed(values)
        self.invoke()
        outputs = [self.interpreter.get_tensor(index) for index in self._file.main.outputs]
        return {info.name: array for info, array in zip(self.outputs, outputs, strict=True)}

    def feed(self, values: Mapping[str, Array]) -> None:
        """Set the inputs only."""
        arrays = [np.ascontiguousarray(values[info.name]) for info in self.inputs]
        try:
            for index, array in zip(self._file.main.inputs, arrays, strict=True):
                self.interpreter.set_tensor(index, array)
        except Exception as error:
            raise refused(f"LiteRT ({self.description})", self._file, error) from error

    def invoke(self) -> None:
        """Compute only, from the inputs that were fed last."""
        try:
            self.interpreter.invoke()
        except Exception as error:
            raise refused(f"LiteRT ({self.description})", self._file, error) from error

    def reset(self) -> None:
        """Forget the state: a fused LSTM's by resetting it; resource variables have no reset but a new interpreter."""
        if self._has_memory:
            self._open()
        else:
            self.interpreter.reset_all_variables()


def refused(runtime: str, file: TfliteFile, error: Exception, words: str = "") -> InputError:
    """The error for a file that a runtime does not take, in the runtime's own words.

    Args:
        runtime: its name for people, with its package.
        file: what it was given.
        error: what Python saw.
        words: what the runtime wrote to standard error.
    """
    known = first_words(words) or first_words(str(error)) or type(error).__name__
    custom = sorted(name for name in file.operators if not name.isupper())
    hint = makers_hint(file)
    if custom:
        hint = f"it holds operators that are not built in: {', '.join(custom)}. {hint[0].upper()}{hint[1:]}"
    elif runtime == "TFLite-Micro":
        hint = hint if file.own.get("target") == "micro" else "convert with --target micro."
    elif LITERT_PACKAGES[0].package not in runtime:
        hint = f"{LITERT_PACKAGES[0].package} runs more than this package: pip install 'edgernn[runtime]'"
    return InputError(f"artifact: must run on {runtime}. Found: {known}", hint=hint)


def makers_hint(file: TfliteFile) -> str:
    """What to do about a file that a runtime does not take: whoever wrote it is to blame, and that may be edgernn."""
    from edgernn import __version__

    maker = file.own.get("edgernn")  # whatever the file says
    if maker is None:
        return "copy it again, or ask whoever exported it; edgernn convert makes another of the Keras model."
    again = "making it again changes nothing" if maker == __version__ else "make it again with this one"
    report = "if nobody changed the file, that is a fault of edgernn: please report it, with the model."
    return f"edgernn {str(maker)[:40]} wrote it; {again}. {report[0].upper()}{report[1:]}"


def first_words(text: str) -> str:
    """The first line of what a runtime said that is no chatter."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line[:200] for line in lines if not line.startswith(("INFO", "WARNING"))), "")
