"""What is measured: one row per network, maker, target, scheme and number of samples; and where rows are kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.child import ROOT
from benchmarks.fidelity.prepared import CACHE, Prepared
from edgernn.files import atomic_write

SAMPLES = (50, 64, 200, 256, 512)
USUAL = 200  # samples, of schemes that are not measured with each number of them
TARGETS = ("phone", "micro", "c")
SCHEMES = ("int8", "int16x8", "dynamic", "float16")
RUNS_ON = {"int8": TARGETS, "int16x8": ("phone", "micro"), "dynamic": ("phone",), "float16": ("phone",)}
CALIBRATED = ("int8", "int16x8")


@dataclass(frozen=True)
class Form:
    """What a network is converted to.

    Attributes:
        maker: edgernn, or stock for the TensorFlow converter.
        target: phone, micro or c.
        scheme: of quantization.
        samples: to calibrate with; 0 for none.
    """

    maker: str
    target: str
    scheme: str
    samples: int

    @property
    def column(self) -> str:
        """Scheme and target, as in the summary."""
        stock = "stock " if self.maker == "stock" else ""
        return f"{stock}{self.scheme} {'C' if self.target == 'c' else self.target}"


@dataclass(frozen=True)
class Row:
    """What came of it.

    Attributes:
        task: the task's name.
        cell: of the network.
        seed: of the network.
        maker: see `Form`.
        target: see `Form`.
        scheme: see `Form`.
        samples: see `Form`.
        metric: of the task.
        expected: the float network's metric.
        score: the artifact's.
        lost: points of accuracy or AUC, per cent of RMSE or bits.
        error: the standard error of that.
        bytes: of the file; of C, of its constants.
        arena: bytes that TFLite-Micro has allocated; of C, of working memory.
        latency: time on LiteRT over that of our float32 file for a phone.
        types: of the artifact's first input and output.
        seconds: that the conversion took.
        examples: in the test.
        failure: why there are no figures.
    """

    task: str
    cell: str
    seed: int
    maker: str
    target: str
    scheme: str
    samples: int
    metric: str
    expected: float
    score: float | None = None
    lost: float | None = None
    error: float | None = None
    bytes: int | None = None
    arena: int | None = None
    latency: float | None = None
    types: tuple[str, str] | None = None
    seconds: float | None = None
    examples: int = 0
    failure: str = ""

    @property
    def form(self) -> Form:
        """What it is about."""
        return Form(self.maker, self.target, self.scheme, self.samples)

    @property
    def network(self) -> str:
        """The network's name."""
        return f"{self.task}-{self.cell}-{self.seed}"


def forms(schemes: tuple[str, ...], targets: tuple[str, ...], samples: tuple[int, ...]) -> list[Form]:
    """Everything that edgernn can make of a network, of these kinds."""
    found = []
    for scheme in schemes:
        counts = samples if scheme == "int8" else _usual(samples)
        for target in RUNS_ON[scheme]:
            if target in targets:
                found += [
                    Form("edgernn", target, scheme, count) for count in (counts if scheme in CALIBRATED else (0,))
                ]
    return found


def _usual(samples: tuple[int, ...]) -> tuple[int, ...]:
    return (USUAL,) if USUAL in samples else samples[:1]


@cache
def version() -> str:
    """A digest of all code that conversion and running go through: rows of other code are not taken for its own.

    Once, at the start: files may change under a run, and what it does is what it has loaded by then.
    """
    digest = hashlib.sha256()
    paths = [
        path for folder in ("edgernn", "converters", "devices/host") for path in sorted((ROOT / folder).rglob("*"))
    ]
    paths += [ROOT / "benchmarks" / "fidelity" / name for name in ("measuring.py", "scores.py")]
    for path in paths:
        if path.suffix in (".py", ".h", ".c", ".j2") and path.is_file():
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def kept(folder: Path, prepared: Prepared, form: Form, measure: Callable[[Prepared, Form], Row]) -> Row:
    """The row that an earlier run has left in the folder, for the same weights, or else a new one."""
    kind = f"{form.maker}-{form.target}-{form.scheme}-{form.samples}-{prepared.test.count}"
    path = folder / f"{prepared.file.parent.name}-{kind}.json"
    if path.exists():
        return from_object(json.loads(path.read_text()))
    row = measure(prepared, form)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, json.dumps(asdict(row), indent=1))
    return row


def from_object(found: Mapping[str, Any]) -> Row:
    """A row out of JSON."""
    return Row(**{**found, "types": tuple(found["types"]) if found.get("types") else None})


def rows_folder() -> Path:
    """Of this code's rows."""
    return CACHE / f"rows-{version()}"
