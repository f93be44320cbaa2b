"""The C output's kernels: the same bits as NumPy's integers, with every compiler and in every form."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_kernels import (
    RUNTIME,
    WARNINGS,
    Kernels,
    check_conversions_from_float,
    check_float_products,
    check_numbers,
    check_powers,
    check_products,
    check_softmax,
    compiled,
    firmware_of,
    processor_has,
    record,
)
from conftest import require_system

from edgernn.converters.c import reference
from edgernn.converters.c.packing import (
    pack_f32,
    pack_s8,
    unpack_f32,
    unpack_s8,
)
from edgernn.devices.emulators.running import run
from edgernn.graph import Quantization, Value

FORMS = {
    "plain": (["-mno-avx2", "-DEDGERNN_PORTABLE"], ()),
    "sse2": (["-mno-avx2"], ()),
    "avx2": (["-mavx2", "-mfma"], ("avx2", "fma")),
    "avx-vnni": (["-mavx2", "-mfma", "-mavxvnni"], ("avx2", "fma", "avx_vnni")),
    "avx512-vnni": (["-mavx2", "-mfma", "-mavx512vnni", "-mavx512vl", "-mavx512bw"], ("avx512_vnni", "avx512vl")),
}
CORTEX_M = ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55")


@pytest.fixture(scope="module", params=[(c, f) for c in ("gcc", "clang") for f in FORMS], ids="-".join)
def kernels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    compiler, form = request.param
    flags, needed = FORMS[form]
    if not processor_has(needed):
        pytest.skip(f"this processor lacks one of {', '.join(needed)}")
    return compiled(tmp_path_factory.mktemp(form), compiler, [*WARNINGS, "-O3", *flags])


SMALL = [(rows, columns) for rows in range(1, 21) for columns in range(1, 21)]


def test_the_product_is_exact_at_every_size_and_at_the_extremes(kernels: Kernels) -> None:
    check_products(kernels, [*SMALL, (37, 64), (96, 16), (100, 300)])


def test_the_small_functions_are_their_definitions_in_numpy(kernels: Kernels) -> None:
    check_numbers(kernels)
    check_powers(kernels)
    check_softmax(kernels)
    check_conversions_from_float(kernels)


@pytest.mark.parametrize("bits", [16, 15, 13, 11])
def test_a_softmax_knows_logits_that_are_farther_apart_than_either_is_from_zero(bits: int) -> None:
    scale = 2.0**-bits
    x = np.random.default_rng(bits).integers(-32768, 32768, (200, 4))
    x[0] = 32767, -32768, 0, -1
    value = Value("x", (4,), "int16", quantization=Quantization((scale,)))
    powers = np.exp((x - x.max(-1, keepdims=True)) * scale)
    exact = powers / powers.sum(-1, keepdims=True)
    chords = (256 * scale) ** 2 / 8  # how far a line between two entries is from the exponential at most
    assert np.abs(reference._softmax(value, x) / 32768 - exact).max() < chords + 2.0**-14


def test_the_float_product_is_near_the_real_one(kernels: Kernels) -> None:
    check_float_products(kernels)


def test_float_functions_keep_within_a_few_units_in_the_last_place(kernels: Kernels) -> None:
    x = np.concatenate([np.linspace(-87, 87, 2001), np.geomspace(1e-30, 80, 1000), [0.0]]).astype("f4")
    x = np.concatenate([x, -x[-1001:]])
    exp, sigmoid, tanh, _ = np.frombuffer(kernels(record("functions", len(x), 0, x)), "<f4").reshape(4, -1)
    real = x.astype("f8")
    assert np.abs(exp / np.exp(real) - 1).max() < 3e-7
    assert np.abs(sigmoid - 1 / (1 + np.exp(-real))).max() < 2e-7
    assert np.abs(sigmoid * (1 + np.exp(-real)) - 1).max() < 4e-7
    assert np.all(np.abs(tanh - np.tanh(real)) <= 4e-7 * np.abs(np.tanh(real)))


def test_float_functions_end_where_floats_do(kernels: Kernels) -> None:
    x = np.array([-np.inf, -1e30, -200, 200, 1e30, np.inf, np.nan], "f4")
    exp, sigmoid, tanh, _ = np.frombuffer(kernels(record("functions", len(x), 0, x)), "<f4").reshape(4, -1)
    assert np.all(exp[:3] < 2e-38)
    assert np.all((exp[3:6] > 6e37) & np.isfinite(exp[3:6]))
    np.testing.assert_allclose(sigmoid[:6], [0, 0, 0, 1, 1, 1], atol=1e-37)
    np.testing.assert_allclose(tanh[:6], [-1, -1, -1, 1, 1, 1], atol=4e-7)
    assert np.isnan([exp[6], sigmoid[6], tanh[6]]).all()


@pytest.mark.parametrize("function", ["exp", "sigmoid", "tanh"])
@pytest.mark.parametrize(
    ("compiler", "report"),
    [("gcc", "-fopt-info-vec"), ("clang", "-Rpass=loop-vectorize"), ("aarch64-linux-gnu-gcc", "-fopt-info-vec")],
)
def test_compilers_put_float_functions_into_vectors(compiler: str, report: str, function: str, tmp_path: Path) -> None:
    source = tmp_path / "loop.c"
    source.write_text(
        '#include "edgernn_float.h"\n'
        "void loop(float *restrict y, const float *restrict x) "
        f"{{ for (int k = 0; k < 64; ++k) y[k] = edgernn_{function}_f32(x[k]); }}\n",
        encoding="utf-8",
    )
    command = [require_system(compiler), "-std=c99", "-O3", report, f"-I{RUNTIME}", "-c", str(source)]
    done = subprocess.run([*command, "-o", str(tmp_path / "o")], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "vectorized" in done.stderr


def test_no_sanitizer_objects_and_no_form_reads_beyond_its_arrays(tmp_path: Path) -> None:
    flags = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    native = ["-march=native"] if processor_has(["avx2"]) else []
    for name, extra in (("portable", []), ("native", native)):
        (tmp_path / name).mkdir()
        kernels = compiled(tmp_path / name, "gcc", [*WARNINGS, *flags, *extra])
        check_products(kernels, [*SMALL, (96, 17)])
        check_numbers(kernels)
        check_powers(kernels)
        check_softmax(kernels)


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_the_headers_are_c_plus_plus_too(compiler: str, tmp_path: Path) -> None:
    flags = ["-std=c++11", *WARNINGS[1:], "-O2"]
    check_products(compiled(tmp_path, compiler, ["-x", "c++", *flags]), SMALL[:40])


@pytest.mark.parametrize(
    "machine", [*CORTEX_M, "cortex-a72", "cortex-a76", pytest.param("riscv32", marks=pytest.mark.slow)]
)
def test_other_processors_compute_the_same_bits(machine: str, tmp_path: Path) -> None:
    firmware = firmware_of(machine, tmp_path)

    def kernels(content: bytes) -> bytes:
        return run(firmware, content).output

    check_products(kernels, [(rows, columns) for rows, columns in SMALL if (rows + columns) % 5 == 0])
    if machine.startswith("cortex-a"):
        check_float_products(kernels)
    if machine != "cortex-m0":  # which has 16 KB
        check_products(kernels, [(96, 20), (100, 300)])
        check_numbers(kernels, 200)
        check_powers(kernels)
        check_softmax(kernels)
        check_conversions_from_float(kernels)


# Instructions of a product of 96 rows and 32 columns, as it is called from a model, for GCC 12 -O3.
PRODUCT_INSTRUCTIONS = {
    "cortex-m0": 14532,
    "cortex-m3": 8843,
    "cortex-m4": 4187,
    "cortex-m7": 4187,
    "cortex-m33": 4188,
    "cortex-m55": 4188,
}


@pytest.mark.parametrize("machine", CORTEX_M)
def test_a_product_takes_no_more_instructions_than_when_it_was_measured(machine: str, tmp_path: Path) -> None:
    firmware = firmware_of(machine, tmp_path)
    content = record("matvec", 24, 8, np.zeros(96 * 32, "i1"), np.zeros(96, "i4"), np.zeros(32, "i2"))
    (count,) = run(firmware, content).instructions["matvec"]
    assert count <= 1.03 * PRODUCT_INSTRUCTIONS[machine]


@pytest.mark.parametrize("optimization", ["-O0", "-O1", "-Os"])
@pytest.mark.parametrize("machine", ["cortex-m0", "cortex-m4"])
def test_every_optimization_level_compiles_and_computes_the_same(
    machine: str, optimization: str, tmp_path: Path
) -> None:
    firmware = firmware_of(machine, tmp_path, optimization)
    check_products(lambda content: run(firmware, content).output, [(5, 9), (12, 20)])


@pytest.mark.parametrize("processor", ["cortex-m0", "cortex-m3", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("optimization", ["-O0", "-O2", "-Os"])
def test_clang_compiles_the_headers_for_microcontrollers(processor: str, optimization: str, tmp_path: Path) -> None:
    source = tmp_path / "kernels.c"
    source.write_text(
        '#include "edgernn_integer.h"\n'
        "void product(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x);\n"
        "void product(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x) "
        "{ edgernn_matvec_s8s16(acc, w, bias, x, 3, 5); }\n",
        encoding="utf-8",
    )
    target = ["--target=arm-none-eabi", f"-mcpu={processor}", "-mthumb", "-ffreestanding"]
    command = [require_system("clang"), *target, *WARNINGS, optimization, f"-I{RUNTIME}", "-c", str(source)]
    done = subprocess.run([*command, "-o", str(tmp_path / "o")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_packing_and_unpacking_are_inverse() -> None:
    random = np.random.default_rng(8)
    for rows, columns in [(1, 1), (4, 4), (5, 7), (17, 30)]:
        w = random.integers(-128, 128, (rows, columns)).astype("i1")
        np.testing.assert_array_equal(unpack_s8(pack_s8(w), rows, columns), w)
        np.testing.assert_array_equal(unpack_f32(pack_f32(w), rows, columns), w)


def test_integer_weights_lie_in_the_order_that_sxtb16_takes() -> None:
    w = np.arange(1, 33).reshape(4, 8).astype("i1")
    assert pack_s8(w)[:8].tolist() == [1, 3, 2, 4, 9, 11, 10, 12]
    assert pack_s8(w)[16:20].tolist() == [5, 7, 6, 8]
