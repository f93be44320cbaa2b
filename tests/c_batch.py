"""Many models as one C program, under sanitizers: what each answers, and nothing that C leaves undefined."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from conftest import require_system

from edgernn.converters.c.compile import Program
from edgernn.converters.c.described import frame_sizes
from edgernn.converters.c.program import C_TYPES
from edgernn.converters.c.project import project_files
from edgernn.graph import Value

Array = np.ndarray
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wshadow", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize-recover=all")
ABOUT = {"version": "0", "source": "none", "parameters": 0, "macs": 0, "macs_per_step": 0}

_HEAD = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int get(void *to, size_t size) { return fread(to, 1, size, stdin) == size; }
static void put(const void *from, size_t size) { if (fwrite(from, 1, size, stdout) != size) exit(3); }
"""


@dataclass(frozen=True)
class Entry:
    """A model of the program, and what it is asked.

    Attributes:
        name: prefix in C.
        program: the model.
        scheme: float32 or int8.
        inputs: arrays `[samples, *shape]` in the graph's types, by name.
    """

    name: str
    program: Program
    scheme: str
    inputs: dict[str, Array]

    @property
    def samples(self) -> int:
        return len(next(iter(self.inputs.values())))


@dataclass(frozen=True)
class Answer:
    """What a model answered: every output of `run`, and of every step where it has steps, `[samples, steps, ...]`."""

    run: dict[str, Array]
    steps: dict[str, Array]


def answers(
    entries: Sequence[Entry], folder: Path, compiler: str = "gcc", flags: Sequence[str] = ("-O0",)
) -> list[Answer]:
    """Compile all models into one program with sanitizers, and run it.

    Raises:
        AssertionError: a compiler warns, a sanitizer objects, or the program fails.
    """
    for entry in entries:
        about = {**ABOUT, "scheme": entry.scheme, "io": "int8"}
        for path, text in project_files(entry.program, entry.name, about).items():
            if path.startswith("src/"):
                (folder / Path(path).name).write_text(text, encoding="utf-8")
    main = _HEAD + "".join(f'#include "{entry.name}.c"\n' for entry in entries)
    main += "".join(_caller(entry, (folder / f"{entry.name}.h").read_text(encoding="utf-8")) for entry in entries)
    calls = "".join(
        f'    if (fprintf(stderr, "{entry.name}\\n") < 0) return 3;\n    ask_{entry.name}();\n' for entry in entries
    )
    source, binary = folder / "batch.c", folder / "batch"
    source.write_text(f"{main}int main(void) {{\n{calls}    return 0;\n}}\n", encoding="utf-8")
    command = [require_system(compiler), *WARNINGS, *SANITIZERS, "-g1", *flags, "-I", str(folder), str(source)]
    made = subprocess.run([*command, "-o", str(binary), "-lm"], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[:4000]
    content = b"".join(_fed(entry, k) for entry in entries for k in range(entry.samples))
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run([str(binary)], input=content, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, _complaint(done.stderr.decode(errors="replace"))
    return _parse(entries, done.stdout)


def _complaint(said: str) -> str:
    names, _, rest = said.partition("==")
    return f"model {names.split()[-1:]}: {said if not rest else ''}{rest[:3000]}"


def _caller(entry: Entry, header: str) -> str:
    """A function that reads samples, calls `run` and then every step, and writes what they answer.

    Every array lies on the heap by itself, as large as the header says and not a byte larger.
    """
    name, program = entry.name, entry.program
    arrays = [*program.graph.inputs, *program.graph.outputs]
    roles = re.findall(r"[ *](\w+)\[", _prototype(header, f"{name}_run"))
    lines = [f"static void ask_{name}(void) {{", f"    for (int n = 0; n < {entry.samples}; ++n) {{"]
    scratch = _scratch(header, f"{name}_run")
    lines.append(f"        {scratch} *scratch = malloc(sizeof *scratch);")
    lines.append("        memset(scratch, 0x5a, sizeof *scratch);")
    for role, value in zip(roles, arrays, strict=True):
        ctype = C_TYPES[value.dtype]
        lines.append(f"        {ctype} *{role} = malloc({value.size} * sizeof({ctype}));")
        if value in program.graph.inputs:
            lines.append(f"        if (!get({role}, {value.size} * sizeof({ctype}))) exit(2);")
    lines.append(f"        {name}_run({', '.join(roles)}, scratch);")
    lines.append("        free(scratch);")
    outputs = list(zip(roles, arrays, strict=True))[len(program.graph.inputs) :]
    lines += [f"        put({role}, {value.size} * sizeof *{role});" for role, value in outputs]
    if program.step is not None:
        lines += _steps(entry, header, roles, arrays)
    lines += [f"        free({role});" for role in roles]
    return "\n".join([*lines, "    }", "}", ""])


def _steps(entry: Entry, header: str, roles: Sequence[str], arrays: Sequence[Value]) -> list[str]:
    name, program = entry.name, entry.program
    assert program.streamed is not None, "it has steps"
    frames = frame_sizes(program, roles)
    count = len(program.graph.inputs)
    scratch = _scratch(header, f"{name}_step")
    lines = [
        f"        {scratch} *work = malloc(sizeof *work);",
        f"        {name}_state *state = malloc(sizeof *state);",
    ]
    lines += ["        memset(work, 0x5a, sizeof *work);", "        memset(state, 0x5a, sizeof *state);"]
    used = []
    for role, value in zip(roles, arrays, strict=True):
        size = frames[role] or value.size
        used.append(f"f_{role}")
        lines.append(f"        {C_TYPES[value.dtype]} *f_{role} = malloc({size} * sizeof *f_{role});")
    lines += [f"        {name}_reset(state);", f"        for (int t = 0; t < {_hops(entry)}; ++t) {{"]
    for role, value in zip(roles[:count], arrays, strict=False):
        at, size = (f" + t * {frames[role]}", frames[role]) if frames[role] else ("", value.size)
        lines.append(f"            memcpy(f_{role}, {role}{at}, {size} * sizeof *f_{role});")
    lines.append(f"            {name}_step(state, {', '.join(used)}, work);")
    for role, value in zip(roles[count:], arrays[count:], strict=True):
        lines.append(f"            put(f_{role}, {frames[role] or value.size} * sizeof *f_{role});")
    lines.append("        }")
    return [*lines, *(f"        free({each});" for each in (*used, "work", "state"))]


def _hops(entry: Entry) -> int:
    """Calls of `step` that a window has frames for."""
    streamed = entry.program.streamed
    assert streamed is not None, "it has steps"
    inputs = zip(entry.program.graph.inputs, streamed.timed, strict=True)
    return min(value.shape[0] for value, timed in inputs if timed) // streamed.hop


def _prototype(header: str, function: str) -> str:
    found = re.search(rf"void {function}\(([^)]*)\)", header)
    assert found is not None, f"the header declares {function}"
    return found[1]


def _scratch(header: str, function: str) -> str:
    """The type of a function's working memory, its last parameter."""
    return _prototype(header, function).rsplit(",", 1)[-1].replace("*", " ").split()[0]


def _fed(entry: Entry, sample: int) -> bytes:
    values = entry.program.graph.inputs
    return b"".join(_bytes(entry.inputs[value.name][sample], value) for value in values)


def _bytes(array: Array, value: Value) -> bytes:
    return np.ascontiguousarray(array, _numpy(value)).tobytes()


def _numpy(value: Value) -> str:
    return "u1" if value.dtype == "bool" else value.dtype


def _parse(entries: Sequence[Entry], content: bytes) -> list[Answer]:
    found, at = [], 0

    def take(count: int, value: Value) -> Array:
        nonlocal at
        dtype = np.dtype(_numpy(value))
        array = np.frombuffer(content, dtype, count, at)
        at += count * dtype.itemsize
        return array

    for entry in entries:
        outputs = entry.program.graph.outputs
        run: dict[str, list[Array]] = {value.name: [] for value in outputs}
        steps: dict[str, list[Array]] = {value.name: [] for value in outputs}
        for _ in range(entry.samples):
            for value in outputs:
                run[value.name].append(take(value.size, value).reshape(value.shape))
            if entry.program.streamed is not None:
                roles = [str(k) for k in range(len(entry.program.graph.inputs) + len(outputs))]
                frames = list(frame_sizes(entry.program, roles).values())[-len(outputs) :]
                sizes = [size or value.size for size, value in zip(frames, outputs, strict=True)]
                heard: list[list[Array]] = [[] for _ in outputs]
                for _ in range(_hops(entry)):
                    for k, value in enumerate(outputs):
                        heard[k].append(take(sizes[k], value))
                for value, rows in zip(outputs, heard, strict=True):
                    steps[value.name].append(np.stack(rows))
        stacked = {name: np.stack(rows) for name, rows in steps.items() if rows}
        found.append(Answer({name: np.stack(rows) for name, rows in run.items()}, stacked))
    assert at == len(content), "every answer belongs to a model"
    return found
