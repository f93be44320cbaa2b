"""Compiles the program of the C output's kernels, and checks what it computes against NumPy."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from conftest import require_system

from edgernn.converters.c import reference
from edgernn.converters.c.arithmetic import interpolate, round_high, round_shift
from edgernn.converters.c.packing import (
    accumulator_bound,
    pack_f32,
    pack_s8,
    pad_rows,
)
from edgernn.converters.c.scaling import divide_rounded
from edgernn.converters.c.tables import FunctionTable, exponential_table
from edgernn.devices.emulators.building import Firmware, build
from edgernn.devices.emulators.machines import MACHINES
from edgernn.graph import Quantization, Value

Array = np.ndarray
RUNTIME = Path(__file__).parent.parent / "converters" / "c" / "runtime"
PROGRAM = Path(__file__).parent / "c_kernels.c"
WARNINGS = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
KINDS = (  # as in c_kernels.c
    *("matvec", "round_high", "round_shift", "saturate", "table", "divide"),
    *("from_float", "powers", "softmax", "matvec_f32", "functions"),
)
Kernels = Callable[[bytes], bytes]


def compiled(folder: Path, compiler: str, flags: Sequence[str]) -> Kernels:
    """The program for this computer."""
    program = folder / "kernels"
    command = [require_system(compiler), *flags, "-DON_HOST", f"-I{RUNTIME}", str(PROGRAM), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    def run_program(content: bytes) -> bytes:
        done = subprocess.run([str(program)], input=content, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return run_program


def processor_has(names: Sequence[str]) -> bool:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    return all(f" {name}" in text for name in names)


def record(kind: str, first: int, second: int, *arrays: Array) -> bytes:
    header = np.array([KINDS.index(kind), first, second], "<i4")
    return b"".join(array.tobytes() for array in (header, *arrays))


def product_cases(sizes: Sequence[tuple[int, int]]) -> Iterator[tuple[Array, Array, Array]]:
    """Weights, biases and activations: random ones, and the largest and smallest that there are."""
    random = np.random.default_rng(5)
    for rows, columns in sizes:
        yield (
            random.integers(-128, 128, (rows, columns)).astype("i1"),
            random.integers(-(2**28), 2**28, rows).astype("i4"),
            random.integers(-32768, 32768, columns).astype("i2"),
        )
    for w in (-128, 127):
        for x in (-32768, 32767):
            rows, columns = sizes[-1]
            yield np.full((rows, columns), w, "i1"), np.full(rows, 5, "i4"), np.full(columns, x, "i2")


def check_products(kernels: Kernels, sizes: Sequence[tuple[int, int]]) -> None:
    cases = list(product_cases(sizes))
    content = b"".join(
        record(
            "matvec",
            -(-len(w) // 4),
            -(-len(x) // 4),
            pack_s8(w),
            pad_rows(bias, 4),
            np.pad(x, (0, -len(x) % 4), constant_values=-7),  # what meets no weight must not matter
        )
        for w, bias, x in cases
    )
    results = np.frombuffer(kernels(content), "<i4")
    at = 0
    for w, bias, x in cases:
        expected = w.astype("i8") @ x.astype("i8") + bias
        assert np.abs(expected).max() <= accumulator_bound(w, bias) < 2**31
        np.testing.assert_array_equal(results[at : at + len(w)], expected, f"{w.shape}")
        at += -(-len(w) // 4) * 4
    assert at == len(results)


def check_float_products(kernels: Kernels) -> None:
    random = np.random.default_rng(7)
    for rows, columns in [(1, 1), (7, 3), (8, 4), (48, 5), (49, 33), (100, 300)]:
        w, x = (random.standard_normal(shape).astype("f4") for shape in ((rows, columns), columns))
        bias = random.standard_normal(rows).astype("f4")
        content = record("matvec_f32", -(-rows // 8), columns, pack_f32(w), pad_rows(bias, 8), x)
        result = np.frombuffer(kernels(content), "<f4")[:rows]
        expected = w.astype("f8") @ x.astype("f8") + bias
        limit = (np.abs(w.astype("f8")) @ np.abs(x.astype("f8")) + np.abs(bias)) * 2**-24 * (columns + 1)
        assert np.all(np.abs(result - expected) <= limit)


def check_numbers(kernels: Kernels, count: int = 1000) -> None:
    """Every small function against its definition."""
    random = np.random.default_rng(6)
    ends = np.array([-(2**31), -(2**31) + 1, -65537, -65536, -32769, -1, 0, 1, 32767, 65535, 2**31 - 1])
    words = np.concatenate([ends, random.integers(-(2**31), 2**31, count), random.integers(-40000, 40000, count)])
    factors = np.resize(np.array([2**31 - 1, 0, 1, 65535, 65536, *random.integers(0, 2**31, 96)]), len(words))
    entries = random.integers(-32768, 32768, 257).astype("i2")
    entries[:2] = -32768, 32767
    x = np.concatenate([np.arange(-32768, -32000), np.arange(32000, 32768), random.integers(-32768, 32768, count)])
    totals = random.integers(-(2**29), 2**29, count)
    counts = random.integers(1, 1000, count)
    shiftable = np.clip(words, -(2**30), 2**30)
    expected = {
        record("round_high", len(words), 0, words.astype("i4"), factors.astype("i4")): round_high(words, factors),
        record("saturate", len(words), 0, words.astype("i4")): np.clip(words, -32768, 32767) * 256
        + np.clip(words, -128, 127),
        record("table", len(x), 0, x.astype("i4"), entries): interpolate(entries, x),
        record("divide", count, 0, totals.astype("i4"), counts.astype("i4")): divide_rounded(totals, counts),
        **{record("round_shift", len(words), s, shiftable.astype("i4")): round_shift(shiftable, s) for s in (1, 8, 15)},
    }
    results = np.frombuffer(kernels(b"".join(expected)), "<i4")
    np.testing.assert_array_equal(results, np.concatenate(list(expected.values())))


def check_powers(kernels: Kernels) -> None:
    x = np.concatenate([np.arange(-2, 300), np.geomspace(300, 32767, 300).astype("i8"), [16383, 16384, 32767]])
    random = np.random.default_rng(9)
    expected = {}
    for power, entries_count, bits in ((-1.0, 257, 6), (-0.5, 193, 7)):
        entries = np.sort(random.integers(1000, 32767, 257)).astype("i2")[::-1].copy()
        for shift in (0, 3, 12, 29):
            table = FunctionTable(entries[:entries_count], power, bits, shift)
            argument = shift if power == -1.0 else -1 - shift
            content = record("powers", len(x), argument, x.astype("i4"), entries)
            expected[content] = reference._power(table, x).astype("i4")
    np.testing.assert_array_equal(
        np.frombuffer(kernels(b"".join(expected)), "<i4"), np.concatenate(list(expected.values()))
    )


def check_softmax(kernels: Kernels) -> None:
    random = np.random.default_rng(10)
    for scale in (2.0**-12, 2.0**-7):
        for x in (random.integers(-32768, 32768, 10), random.integers(-3000, 3000, 300), np.array([-32768, 32767])):
            value = Value("x", (len(x),), "int16", quantization=Quantization((scale,)))
            entries = exponential_table(scale).entries
            result = kernels(record("softmax", len(x), 0, x.astype("i2"), entries))
            np.testing.assert_array_equal(np.frombuffer(result, "<i2"), reference._softmax(value, x))


def check_conversions_from_float(kernels: Kernels) -> None:
    x = np.concatenate([np.linspace(-1.5, 1.5, 1501), [0.005, -0.005, 0.015, np.inf, -np.inf, 1e30]]).astype("f4")
    scaled = np.clip(x * np.float32(100), -1000, 1000)
    expected = np.clip(np.trunc(scaled + np.copysign(np.float32(0.5), scaled)), -128, 127)
    np.testing.assert_array_equal(np.frombuffer(kernels(record("from_float", len(x), 0, x)), "<i4"), expected)


def firmware_of(machine: str, folder: Path, *flags: str) -> Firmware:
    """The program for an emulated machine."""
    chosen = MACHINES[machine]
    for program in (chosen.compiler, chosen.emulator[0]):
        require_system(program)
    small = ["-DMOST_WEIGHTS=3072", "-DMOST_NUMBERS=300"] if machine == "cortex-m0" else []
    return build(chosen, [PROGRAM], folder, include=[RUNTIME], flags=[*WARNINGS, "-O3", *flags, *small])
