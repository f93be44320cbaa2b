"""A folder of C on an emulated machine: its answers, and what it costs there in instructions, stack, flash and RAM."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgernn.converters.c.program import C_TYPES
from edgernn.devices.emulators.building import Firmware, build
from edgernn.devices.emulators.linker_map import is_constant
from edgernn.devices.emulators.machines import machine_of
from edgernn.devices.emulators.running import run
from edgernn.devices.host.c import CProject, storage
from edgernn.devices.host.session import Array, Opening, Runtime

# Samples come one after the other, so that a small machine holds one. The first byte says what to do.
_MAIN = """#include "edgernn_emulator.h"
#include "@.h"

static union {{
    @_run_scratch run;{step_scratch}
}} scratch;
{state}{inputs}{outputs}
int main(void) {{
    unsigned char mode;
    while (edgernn_emulator_read(&mode, 1) == 1) {{
{read}        if (mode == 0) {{
            @_run({arguments}, &scratch.run);
        }} else {{
            edgernn_emulator_start();
            @_run({arguments}, &scratch.run);
            edgernn_emulator_stop("run");
            edgernn_emulator_paint_stack();
            @_run({arguments}, &scratch.run);
            edgernn_emulator_measure_stack("run");
{step}        }}
{write}    }}
    return 0;
}}
"""
_STEP = """            @_reset(&state);
            for (int t = 0; t < {steps}; ++t) {{
                edgernn_emulator_start();
                @_step(&state, {frame}, &scratch.step);
                edgernn_emulator_stop("step");
            }}
            edgernn_emulator_paint_stack();
            @_step(&state, {frame}, &scratch.step);
            edgernn_emulator_measure_stack("step");
            @_run({arguments}, &scratch.run);
"""


@dataclass(frozen=True)
class Cost:
    """What a model costs on an emulated machine. Instructions are not cycles, and none of this is time.

    Attributes:
        device: ``qemu:cortex-m4``.
        compiler: of the firmware, with its options.
        instructions_per_run: cycles of an AVR; of a whole sequence; None where the machine does not count.
        instructions_per_step: of a step, all of which are equal; None without one, or where the machine does not count.
        stack_bytes: the deepest of run and step.
        flash_engine_bytes: code and the tables of functions; of a model with a step, without `run`, since a firmware
            calls one of the two and the linker drops the other.
        flash_weights_bytes: weights, biases and factors.
        ram_bytes: working memory, a state, and stack; of a model with a step, without the working memory of `run`.
    """

    device: str
    compiler: str
    instructions_per_run: int | None
    instructions_per_step: int | None
    stack_bytes: int
    flash_engine_bytes: int
    flash_weights_bytes: int
    ram_bytes: int


class EmulatedSession:
    """A folder of C on an emulated machine; see `edgernn.devices.host.session.Session`. Every run begins anew."""

    runtime: Runtime = "c"
    opening = Opening(0.0, 0.0)

    def __init__(self, project: CProject, device: str, optimize: str = "-O3") -> None:
        """Compile it for the machine.

        Args:
            project: the folder.
            device: ``qemu:`` or ``simavr:``, and the machine's name.
            optimize: how the compiler shall.

        Raises:
            InputError: no such machine, or it does not fit there.
            EnvironmentProblem: the machine's tools are not installed.
        """
        self.project, self.device = project, device
        self.inputs, self.outputs = project.inputs, project.outputs
        self.machine, self.optimize = machine_of(device), optimize
        self.description = f"C on {device}"
        folder = tempfile.mkdtemp(prefix="edgernn-emulated-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.firmware = self._build(Path(folder))

    def _build(self, folder: Path) -> Firmware:
        main = folder / "emulated_main.c"
        main.write_text(_program(self.project), encoding="utf-8")
        sources, flags = [main, self.project.source], [self.machine.language, self.optimize]
        return build(self.machine, sources, folder, include=[self.project.folder / "src"], flags=flags)

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Run a whole sequence."""
        return self.run_many([values])[0]

    def run_many(self, samples: Sequence[Mapping[str, Array]], *, seconds: float = 600) -> list[dict[str, Array]]:
        """Run many, in one go, for so long at most."""
        content = b"".join(b"\0" + self._bytes(sample) for sample in samples)
        output = run(self.firmware, content, seconds=seconds).output
        sizes = [int(np.prod(info.shape)) * np.dtype(storage(info.dtype)).itemsize for info in self.outputs]
        found, at = [], 0
        for _ in samples:
            answer = {}
            for info, size in zip(self.outputs, sizes, strict=True):
                numbers = np.frombuffer(output[at : at + size], storage(info.dtype))
                answer[info.name] = numbers.reshape(info.shape).astype(info.dtype)
                at += size
            found.append(answer)
        return found

    def _bytes(self, sample: Mapping[str, Array]) -> bytes:
        arrays = (np.ascontiguousarray(sample[info.name], storage(info.dtype)) for info in self.inputs)
        return b"".join(array.tobytes() for array in arrays)

    def cost(self) -> Cost:
        """Measure one sequence of noise."""
        sample = {info.name: info.noise() for info in self.inputs}
        done = run(self.firmware, b"\1" + self._bytes(sample), seconds=600)
        steps = done.instructions.get("step", ())
        stack = max(done.stack_bytes.values(), default=0)
        own, source = self.project.own, self.project.source.name
        constants = [piece for piece in self.firmware.pieces if piece.file == source and is_constant(piece)]
        tables = sum(piece.size for piece in constants if piece.name.endswith("_table"))
        code = [piece for piece in self.firmware.pieces if piece.file == source and piece not in constants]
        scratch = int(own["step_scratch_bytes" if own["streams"] else "run_scratch_bytes"])
        unused = f".text.{self.project.name}_run" if own["streams"] else ""
        return Cost(
            device=self.device,
            compiler=f"{self.machine.compiler} {self.optimize}",
            instructions_per_run=next(iter(done.instructions.get("run", ())), None),
            instructions_per_step=max(steps, default=None),
            stack_bytes=stack,
            flash_engine_bytes=sum(piece.size for piece in code if piece.name != unused) + tables,
            flash_weights_bytes=sum(piece.size for piece in constants) - tables,
            ram_bytes=scratch + int(own["state_bytes"]) + stack,
        )

    def feed(self, values: Mapping[str, Array]) -> None:
        """Nothing is kept between runs here."""

    def invoke(self) -> None:
        """See `cost`: an emulator's time is no time."""

    def reset(self) -> None:
        """There is nothing to forget: a run begins with the initial state."""


def _program(project: CProject) -> str:
    """The main program; `@` stands for the model's name."""
    inputs = [(f"in{number}", info) for number, info in enumerate(project.inputs)]
    outputs = [(f"out{number}", info) for number, info in enumerate(project.outputs)]
    arguments = ", ".join(name for name, _ in (*inputs, *outputs))

    def declared(tensors: list[tuple[str, object]]) -> str:
        return "".join(
            f"static {C_TYPES[info.dtype]} {name}[{int(np.prod(info.shape))}];\n"  # type: ignore[attr-defined]
            for name, info in tensors
        )

    step = ""
    if project.own["streams"]:
        step = _STEP.format(
            steps=project.inputs[0].shape[1] // project.own["streaming"]["hop"], frame=arguments, arguments=arguments
        )
    text = _MAIN.format(
        step_scratch="\n    @_step_scratch step;" if step else "",
        state="static @_state state;\n" if step else "",
        inputs=declared(list(inputs)),
        outputs=declared(list(outputs)),
        arguments=arguments,
        read="".join(f"        edgernn_emulator_read({name}, sizeof {name});\n" for name, _ in inputs),
        write="".join(f"        edgernn_emulator_write({name}, sizeof {name});\n" for name, _ in outputs),
        step=step,
    )
    return text.replace("@", project.name)
