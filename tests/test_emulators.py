"""Programs on emulated machines: what they compute, how many instructions that takes, and how they fail."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import require_system

from edgernn.devices.emulators.building import Firmware, build
from edgernn.devices.emulators.counting import count_instructions
from edgernn.devices.emulators.linker_map import Piece, read_pieces
from edgernn.devices.emulators.machines import FIRMWARE, MACHINES, machine
from edgernn.devices.emulators.running import RunResult, run
from edgernn.errors import EnvironmentProblem, InputError

# RISC-V's tools take a gigabyte, so only `make test-all` asks for them.
NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if name == "riscv32" else name
    for name in MACHINES
    if name != "atmega2560"
]  # which has a file of its own, test_avr.py
CORTEX_M = [name for name in MACHINES if name.startswith("cortex-m")]

PROGRAM = (Path(__file__).parent / "counting_program.c").read_text(encoding="utf-8")

FACTORS = (*range(-8, 8), *range(100, 116))
PRODUCT = sum(a * b for a, b in zip(FACTORS[:16], FACTORS[16:], strict=True))

Builder = Callable[..., Firmware]


@pytest.fixture
def built(tmp_path: Path) -> Builder:
    """Builds a program from the text of its main file for a machine whose tools are there."""

    def builder(name: str, text: str, *flags: str) -> Firmware:
        for program in (machine(name).compiler, machine(name).emulator[0]):
            require_system(program)
        source = tmp_path / "main.c"
        source.write_text(text, encoding="utf-8")
        return build(machine(name), [source], tmp_path, flags=("-O2", *flags))

    return builder


def run_body(built: Builder, name: str, body: str, content: bytes = b"", *, seconds: float = 60) -> RunResult:
    text = f'#include <stdint.h>\n#include "edgernn_emulator.h"\nint main(void) {{ {body} }}'
    return run(built(name, text), content, seconds=seconds)


@pytest.mark.parametrize("name", NAMES)
def test_a_program_computes_counts_and_measures(name: str, built: Builder) -> None:
    firmware = built(name, PROGRAM, "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror")
    numbers = [1, -2, 300000, 2**31 - 400000]
    result = run(firmware, struct.pack("<4i", *numbers))
    assert result.output == struct.pack("<3i", 7 + sum(numbers), *numbers[:2]) + bytes([1, 2, 3])
    assert result.status == 5
    assert result.instructions == {"nothing": (0,), "nops": (100,), "loop": (3, 2001, 18000001)}
    assert 800 <= result.stack_bytes["deep"] <= 832
    assert run(firmware, struct.pack("<4i", *numbers)) == result


def test_the_interrupts_of_the_counter_are_not_counted() -> None:
    turn, pending = 1 << 24, 1 << 63  # 25 MHz at 256 ns per instruction: 6.4 ticks each, 5 per interrupt
    readings = [(0, 640), (turn - 320, turn + 320), (turn - 320, pending + turn + 320), (pending + turn, turn + 640)]
    spans = [("span", first, second) for first, second in readings]
    assert [count for _, count in count_instructions(machine("cortex-m4"), spans, "")] == [100, 95, 100, 95]


@pytest.mark.parametrize("name", CORTEX_M)
def test_the_sizes_are_those_that_the_toolchain_states(name: str, built: Builder) -> None:
    firmware = built(name, PROGRAM)
    size = require_system("arm-none-eabi-size")
    answer = subprocess.run([size, str(firmware.elf)], capture_output=True, text=True, check=True).stdout
    text, data, bss = (int(word) for word in answer.splitlines()[1].split()[:3])
    assert firmware.size("text", "rodata") == text
    assert (firmware.size("data"), firmware.size("bss")) == (data, bss)
    assert (firmware.flash_bytes, firmware.ram_bytes) == (text + data, data + bss)


@pytest.mark.parametrize("name", NAMES)
def test_code_tables_and_variables_of_a_source_are_told_apart(name: str, built: Builder) -> None:
    own = [piece for piece in built(name, PROGRAM).pieces if piece.file == "main.c"]
    found = {(piece.kind, piece.name.rpartition(".")[2]): piece.size for piece in own}
    assert found["rodata", "weights"] == 1000
    assert found["bss", "history"] == 200
    assert found["data", "total"] == 4
    assert 20 <= found["text", "deep"] <= 100


def test_a_linker_map_is_read_with_long_names_padding_and_archives() -> None:
    text = """
Discarded input sections
 .text.unused   0x00000000       0x10 /b/main.c.o
Linker script and memory map
.text           0x00000000       0x50
 *(.text .text.*)
 .text.step     0x00000000       0x21 /b/main.c.o
 *fill*         0x00000021        0x3 
 .text.a_name_that_is_long
                0x00000024       0x20 /b/main.c.o
                0x00000024                a_name_that_is_long
 .text          0x00000044        0xc /usr/lib/libc_nano.a(libc_a-memcpy.o)
.comment        0x00000000       0x39
 .comment       0x00000000       0x39 /b/main.c.o
.bss            0x20000000        0x8
 .bss.state     0x20000000        0x8 /b/main.c.o
 .bss.none      0x20000008        0x0 /b/main.c.o
"""
    assert read_pieces(text) == [
        Piece("text", ".text.step", "main.c.o", 0x21),
        Piece("text", "*fill*", "", 3),
        Piece("text", ".text.a_name_that_is_long", "main.c.o", 0x20),
        Piece("text", ".text", "libc_a-memcpy.o", 12),
        Piece("bss", ".bss.state", "main.c.o", 8),
    ]


@pytest.mark.parametrize("name", ["cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"])
def test_the_dsp_extension_multiplies_two_halves_at_once(name: str, built: Builder) -> None:
    body = """
        int32_t x[3], sum;
        edgernn_emulator_read(x, sizeof x);
        __asm__ volatile("smlad %0, %1, %2, %3" : "=r"(sum) : "r"(x[0]), "r"(x[1]), "r"(x[2]));
        edgernn_emulator_write(&sum, sizeof sum);
        return __ARM_FEATURE_DSP;
    """
    result = run_body(built, name, body, struct.pack("<4hi", -300, 20, 7, 32767, 1000))
    assert (result.status, result.output) == (1, struct.pack("<i", -300 * 7 + 20 * 32767 + 1000))


@pytest.mark.parametrize("name", ["cortex-m0", "cortex-m3"])
def test_there_is_no_dsp_extension_on_small_processors(name: str, built: Builder) -> None:
    with pytest.raises(InputError, match=r"main.c.*must compile and fit for 'cortex-m"):
        run_body(built, name, "return __ARM_FEATURE_DSP;")


def test_helium_adds_sixteen_products_at_once(built: Builder) -> None:
    text = """
        #include <arm_mve.h>
        #include "edgernn_emulator.h"
        int main(void) {
            int8_t x[32];
            edgernn_emulator_read(x, sizeof x);
            int32_t sum = vmladavq_s8(vld1q_s8(x), vld1q_s8(x + 16));
            edgernn_emulator_write(&sum, sizeof sum);
            return 0;
        }
    """
    result = run(built("cortex-m55", text), struct.pack("<32b", *FACTORS))
    assert result.output == struct.pack("<i", PRODUCT)


def test_neon_has_dot_products_on_the_newer_processor(built: Builder) -> None:
    text = """
        #include <arm_neon.h>
        #include "edgernn_emulator.h"
        int main(void) {
            int8_t x[32];
            edgernn_emulator_read(x, sizeof x);
            int32_t sum = vaddvq_s32(vdotq_s32(vdupq_n_s32(0), vld1q_s8(x), vld1q_s8(x + 16)));
            edgernn_emulator_write(&sum, sizeof sum);
            return 0;
        }
    """
    result = run(built("cortex-a76", text), struct.pack("<32b", *FACTORS))
    assert result.output == struct.pack("<i", PRODUCT)
    with pytest.raises(InputError, match="must compile and fit for 'cortex-a72'"):
        built("cortex-a72", text)


@pytest.mark.parametrize("name", ["cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"])
def test_floats_take_one_instruction_where_there_is_a_floating_point_unit(name: str, built: Builder) -> None:
    body = """
        float x[2];
        edgernn_emulator_read(x, sizeof x);
        float left = x[0], right = x[1];
        __asm__ volatile("" : "+t"(left), "+t"(right));
        edgernn_emulator_start();
        __asm__ volatile("vmul.f32 %0, %0, %1" : "+t"(left) : "t"(right));
        edgernn_emulator_stop("product");
        edgernn_emulator_write(&left, sizeof left);
        return 0;
    """
    result = run_body(built, name, body, struct.pack("<2f", 1.5, -2.25))
    assert result.output == struct.pack("<f", -3.375)
    assert 1 <= result.instructions["product"][0] <= 3  # with moves into registers that calls preserve


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("cortex-a72", "cortex-a76")])
def test_a_fault_says_where_it_was(name: str, built: Builder) -> None:
    illegal = "udf #0" if name.startswith("cortex") else ".word 0"
    with pytest.raises(EnvironmentProblem, match=r"must run to its end. Found: a fault at address 0x") as caught:
        run_body(built, name, f'__asm__ volatile("{illegal}"); return 0;')
    command = caught.value.hint.split("'")[1].split()
    require_system(command[0])
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0] == "main"


def test_an_access_that_is_not_aligned_is_a_fault_on_the_smallest_processor(built: Builder) -> None:
    body = "int32_t x[2] = {1, 2}; volatile uintptr_t odd = (uintptr_t)x + 1; return *(volatile int32_t *)odd;"
    with pytest.raises(EnvironmentProblem, match="a fault at address"):
        run_body(built, "cortex-m0", body)


def test_a_division_by_zero_is_a_fault(built: Builder) -> None:
    with pytest.raises(EnvironmentProblem, match="a fault at address"):
        run_body(built, "cortex-m4", "volatile int zero = 0; return 7 / zero;")


def test_a_wrong_pointer_under_linux_names_its_signal(built: Builder) -> None:
    with pytest.raises(EnvironmentProblem, match="SIGSEGV") as caught:
        run_body(built, "cortex-a72", "return *(volatile int *)8;")
    assert caught.value.exit_status == 3


@pytest.mark.parametrize("name", ["cortex-m3", "cortex-a72"])
def test_a_program_that_hangs_is_stopped(name: str, built: Builder) -> None:
    with pytest.raises(EnvironmentProblem, match=r"must end within 0.5 s") as caught:
        run_body(built, name, "for (volatile int i = 0;; i++) {} return 0;", seconds=0.5)
    assert "endless loop" in caught.value.hint


def test_a_stack_that_meets_the_variables_is_an_error(built: Builder) -> None:
    body = """
        extern char edgernn_bss_end[];
        edgernn_emulator_paint_stack();
        for (volatile char *byte = edgernn_emulator_stack_pointer() - 64; byte >= edgernn_bss_end; byte--) *byte = 1;
        edgernn_emulator_measure_stack("all");
        return 0;
    """
    with pytest.raises(EnvironmentProblem, match=r"the stack must fit. Found: 'all' used all of it"):
        run_body(built, "cortex-m0", body)


def test_a_program_that_is_too_large_for_its_machine_is_refused(built: Builder) -> None:
    text = "volatile char large[20000]; int main(void) { return large[5]; }"
    with pytest.raises(InputError, match=r"program: must compile and fit.*overflowed") as caught:
        built("cortex-m0", text)
    assert "larger machine" in caught.value.hint
    assert built("cortex-m3", text).ram_bytes > 20000


def test_what_the_compiler_says_is_passed_on(built: Builder) -> None:
    with pytest.raises(InputError, match=r"main.c:2.*unknown_name"):
        built("cortex-m0", "int main(void) {\nreturn unknown_name; }")


def test_an_unknown_machine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="Found: 'cortex-m9'") as caught:
        machine("cortex-m9")
    assert all(name in caught.value.hint for name in MACHINES)


@pytest.mark.parametrize("name", list(MACHINES))
def test_a_missing_tool_is_named_with_the_command_that_installs_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    board = machine(name)
    assert board.missing() == (board.compiler, board.emulator[0])
    with pytest.raises(EnvironmentProblem, match=f"no {board.compiler}, no {board.emulator[0]}") as caught:
        build(board, [tmp_path / "main.c"], tmp_path)
    assert caught.value.exit_status == 3
    assert caught.value.hint == f"sudo apt-get install {' '.join(board.packages)}"


def test_an_emulator_that_is_gone_is_missed_at_the_run(built: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = [built(name, "int main(void) { return 0; }") for name in ("cortex-m0", "cortex-a72")]
    monkeypatch.setenv("PATH", "/nowhere")
    for firmware in programs:
        with pytest.raises(EnvironmentProblem, match=firmware.machine.emulator[0]):
            run(firmware)


def test_a_compiler_without_its_c_library_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("arm-none-eabi-gcc", "qemu-system-arm"):
        # GCC prints the name as it was given when it finds no such file.
        (tmp_path / program).write_text('#!/bin/sh\nfor last; do :; done\necho "${last#*=}"\n', encoding="utf-8")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert machine("cortex-m4").missing() == ("arm-none-eabi-gcc: nano.specs",)


def test_continuous_integration_installs_what_the_machines_need() -> None:
    script = (Path(__file__).parent.parent / ".ci" / "run").read_text(encoding="utf-8")
    needed = {
        package for name in MACHINES if name not in ("riscv32", "atmega2560") for package in machine(name).packages
    }
    assert needed <= set(re.findall(r"[a-z0-9-]+", script))


@pytest.mark.parametrize("compiler", ["cc", "c++"])
def test_the_header_is_valid_in_strict_c_and_in_cpp(compiler: str) -> None:
    language = ["-x", "c", "-std=c99"] if compiler == "cc" else ["-x", "c++", "-std=c++11"]
    flags = ["-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-fsyntax-only"]
    command = [require_system(compiler), *language, *flags, str(FIRMWARE / "edgernn_emulator.h")]
    subprocess.run(command, check=True)
