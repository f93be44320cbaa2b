"""What is deployed, from what the user has: an artifact as it is, a Keras model converted first."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edgernn.conversion import convert
from edgernn.errors import InputError

_KERAS = (".keras", ".h5", ".hdf5")
_C_ONLY = ("android", "qemu", "simavr", "serial")


@contextmanager
def as_artifact(
    source: Path,
    devices: Sequence[str],
    runtime: str | None,
    quantize: str | None,
    calibration: Path | None,
    on_stage: Callable[[str], None],
    *,
    benchmark: bool = False,
) -> Iterator[tuple[Path, str | None]]:
    """The artifact, as long as the block runs, and the runtime that is to run it.

    A Keras model becomes C where a device needs native code or C is asked for, else a .tflite. A phone with Google's
    benchmark tool does not need native code.

    Raises:
        InputError: the model does not convert, or options of a conversion are given for an artifact.
    """
    if source.suffix.lower() not in _KERAS or source.is_dir():
        if quantize is not None or calibration is not None:
            raise InputError(
                f"artifact '{source}': must be a Keras model to be quantized. Found: an artifact.",
                hint="leave --quantize and --calibration out, or give the model.",
            )
        yield source, runtime
        return
    kinds = {device.partition(":")[0] for device in devices} - ({"android"} if benchmark else set())
    native = runtime == "c" or any(kind in _C_ONLY for kind in kinds)
    with tempfile.TemporaryDirectory(prefix="edgernn-") as folder:
        on_stage("converting")
        path = Path(folder) / ("model" if native else "model.tflite")
        convert(
            source,
            path,
            quantize=quantize or "float32",
            calibration=calibration,
            format="c" if native else "tflite",
            name="model" if native else None,
        )
        yield path, "c" if native else runtime
