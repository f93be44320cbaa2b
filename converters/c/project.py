"""The folder that a conversion to C writes: sources, wiring for build systems, and what it says of itself."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgernn.converters.c.compile import Program, names
from edgernn.converters.c.described import frame_sizes, state_layout, stream_description
from edgernn.converters.c.elements import float_literal
from edgernn.converters.c.naming import in_comment
from edgernn.converters.c.program import C_TYPES, MEMBERS, Pool
from edgernn.converters.c.runtime_files import called_headers, with_included
from edgernn.converters.c.seals import sealed
from edgernn.graph import Value
from edgernn.owned_folder import MANIFEST, manifest
from edgernn.samples import table_rows
from edgernn.templates import license_text, templates_of

SCHEMA = "edgernn.c"
_LONGEST_LINE = 110


@dataclass(frozen=True)
class Described:
    """An input or output as the header and the description tell it."""

    name: str
    macro: str
    about: str
    value: Value
    role: str  # the parameter's name

    @property
    def variable(self) -> str:
        """Of an example, outside of functions too, where math.h has a y0 and a y1."""
        return f"{self.role[0]}_{self.role[1:]}" if self.role[1:] else self.role

    @property
    def ctype(self) -> str:
        """Of its elements."""
        return C_TYPES[self.value.dtype]

    @property
    def size(self) -> int:
        """Elements of the whole."""
        return math.prod(self.value.shape)

    @property
    def scale(self) -> str:
        """A literal, or an empty string."""
        quantization = self.value.quantization
        return float_literal(quantization.scale) if quantization is not None else ""

    @property
    def zero_point(self) -> int:
        """The integer that stands for 0."""
        return self.value.quantization.zero_point if self.value.quantization is not None else 0


def project_files(program: Program, name: str, about: Mapping[str, Any]) -> dict[str, str]:
    """Every file of the folder, by its path in it.

    Args:
        program: the model.
        name: prefix of all identifiers.
        about: version, source, parameters, macs, macs_per_step, scheme, io, seconds of the model.

    Raises:
        EnvironmentProblem: Jinja is not installed.
    """
    environment = templates_of("edgernn.converters.c", "Writing C")
    inputs, outputs = _described(program)
    context = _context(program, name, about, inputs, outputs)
    templates = {
        f"src/{name}.h": "model.h.j2",
        f"src/{name}.c": "model.c.j2",
        f"examples/{name}_example/main.c": "main.c.j2",
        f"examples/{name}_sketch/{name}_sketch.ino": "sketch.ino.j2",
        "CMakeLists.txt": "CMakeLists.txt.j2",
        "library.properties": "library.properties.j2",
        "zephyr/CMakeLists.txt": "zephyr.CMakeLists.txt.j2",
        "zephyr/Kconfig": "zephyr.Kconfig.j2",
        "zephyr/module.yml": "zephyr.module.yml.j2",
        "idf_component.yml": "idf_component.yml.j2",
        "README.md": "README.md.j2",
    }
    files = {path: environment.get_template(template).render(context) for path, template in templates.items()}
    files["LICENSE"] = license_text()
    for header, text in with_included(["edgernn_flash.h", *context["headers"]]).items():
        files[f"src/{header}"] = text
    files = sealed(files)
    return {**files, MANIFEST: manifest(_description(program, name, about, inputs, outputs), files)}


def _described(program: Program) -> tuple[list[Described], list[Described]]:
    masks = {mask.name: mask for mask in program.masks}
    inputs: list[Described] = []
    outputs: list[Described] = []
    for what, values, single, result in (
        ("input", program.graph.inputs, "x", inputs),
        ("output", program.graph.outputs, "y", outputs),
    ):
        for role, value in zip(names(values, single), values, strict=True):
            shape = " x ".join(map(str, value.shape)) or "1"
            about = f"{what} '{in_comment(value.name)}', {shape}"
            if value.name in masks:
                mask = masks[value.name]
                about = f"mask, {shape}: 1 where a step of '{in_comment(mask.source)}' differs from {mask.value:g}"
            result.append(Described(value.name, role.upper(), about, value, role))
    return inputs, outputs


def _context(
    program: Program, name: str, about: Mapping[str, Any], inputs: list[Described], outputs: list[Described]
) -> dict[str, Any]:
    step = program.step
    streamed = step is not None
    run_scratch, step_scratch = _largest([program.run.scratch]), _largest([step.scratch] if step else [])
    tables = table_rows(program.graph)
    frames = frame_sizes(program, [each.role for each in (*inputs, *outputs)])
    tensors = [
        {
            "name": in_comment(each.name),
            "macro": each.macro,
            "about": each.about,
            "ctype": each.ctype,
            "size": each.size,
            "steps": each.value.shape[0] if frames[each.role] else 0,
            "frame": frames[each.role],
            "scale": each.scale,
            "zero_point": each.zero_point,
            "units": _units(program, each),
            "least": int(np.iinfo(each.value.dtype).min) if each.scale else 0,
            "most": int(np.iinfo(each.value.dtype).max) if each.scale else 0,
            "ids": tables.get(each.value, 0),
        }
        for each in (*inputs, *outputs)
    ]
    used = [f"{each.ctype} {each.variable}[{frames[each.role] or each.size}]" for each in (*inputs, *outputs)]
    arguments = ", ".join(each.variable for each in (*inputs, *outputs))
    constant_bytes = sum(array.nbytes for array in program.constants.arrays.values())
    states = _largest([program.states])
    state_bytes = states.bytes if streamed else 0
    run_parameters = _parameters(inputs, outputs, f"{name}_run_scratch", {})
    return {
        **about,
        "name": name,
        "guard": name.upper(),
        "release": re.match(r"[\d.]*", str(about["version"]))[0] or "0.0.0",  # type: ignore[index]
        "title": f"Recurrent model '{name}', {about['scheme']}",
        "tensors": tensors,
        "constant_bytes": constant_bytes,
        "run_scratch_bytes": run_scratch.bytes,
        "step_scratch_bytes": step_scratch.bytes,
        "state_bytes": state_bytes,
        "ram_bytes": (step_scratch if streamed else run_scratch).bytes + state_bytes,
        "run_scratch": _members(run_scratch),
        "step_scratch": _members(step_scratch),
        "verb": "step" if streamed else "run",
        "state": _members(states),
        "run_about": f"A whole sequence of {inputs[0].value.shape[0]} steps from the beginning; needs no state."
        if inputs[0].value.shape
        else "A whole inference.",
        "run_parameters": run_parameters,
        "step_parameters": f"{name}_state *state, " + _parameters(inputs, outputs, f"{name}_step_scratch", frames),
        "run": program.run.lines,
        "step": step.lines if step else (),
        "reset": program.reset or ("    (void)state;",),
        "no_step": in_comment(program.no_step),
        "hop": program.streamed.hop if program.streamed else 0,
        "delay": max(output.skip for output in program.streamed.outputs) if program.streamed else 0,
        "headers": called_headers(program),
        "floats": about["scheme"] == "float32",
        "arrays": [_array(array_name, array) for array_name, array in program.constants.arrays.items()],
        "declarations": used,
        "frame_names": " and ".join(each.variable for each in inputs),
        "step_arguments": f"&state, {arguments}, &scratch",
        "run_arguments": f"{arguments}, &scratch",
        "outputs": [{"count": frames[each.role] or each.size, "real": _real(each, name)} for each in outputs],
        "example": _example(name, used, arguments, streamed),
    }


def _units(program: Program, each: Described) -> dict[str, Any] | None:
    """Arrays of what the integers of each feature stand for, where features have their own."""
    units, quantization = program.units.get(each.name), each.value.quantization
    if units is None or quantization is None or each.role[0] != "x":
        return None
    scales = quantization.scale / np.array(units.factor)
    arrays = {"scale": scales, "offset": np.array(units.offset)}
    return {name: _array(name, array.astype(np.float32)) for name, array in arrays.items()}


def _parameters(inputs: list[Described], outputs: list[Described], scratch: str, frames: Mapping[str, int]) -> str:
    def size(each: Described) -> int:
        return frames.get(each.role, 0) or each.size

    parts = [f"const {each.ctype} {each.role}[{size(each)}]" for each in inputs]
    parts += [f"{each.ctype} {each.role}[{size(each)}]" for each in outputs]
    return ", ".join([*parts, f"{scratch} *scratch"])


def _largest(pools: Sequence[Pool]) -> Pool:
    """Memory enough for each of several functions, in which all arrays are aligned to whole words, as kernels need."""
    sizes: dict[str, int] = {}
    for pool in pools:
        for ctype, count in pool.sizes.items():
            sizes[ctype] = max(sizes.get(ctype, 0), count)
    if not {"int32_t", "float"} & set(sizes):
        sizes["int32_t"] = 1  # comes first; without it, a struct of int16 could begin at an odd half of a word
    return Pool("", sizes)


def _members(pool: Pool) -> list[tuple[str, str, int]]:
    """The members of a struct, the widest first."""
    return [(ctype, member, pool.sizes[ctype]) for ctype, member in MEMBERS.items() if ctype in pool.sizes]


def _array(name: str, array: np.ndarray) -> dict[str, Any]:
    flat = array.ravel().tolist()
    words = [float_literal(value) if array.dtype == np.float32 else str(int(value)) for value in flat]
    rows, line = [], ""
    for word in words:
        if line and len(line) + len(word) + 2 > _LONGEST_LINE:
            rows.append(line)
            line = ""
        line += f"{' ' if line else ''}{word},"
    rows.append(line)
    return {"name": name, "ctype": C_TYPES[str(array.dtype)], "count": len(words), "rows": rows}


def _real(each: Described, name: str) -> str:
    if not each.scale:
        return f"(double){each.variable}[i]"
    prefix = f"{name.upper()}_{each.macro}"
    return f"(double)({prefix}_SCALE * (float)({each.variable}[i] - {prefix}_ZERO_POINT))"


def _example(name: str, declarations: Sequence[str], arguments: str, streamed: bool) -> str:
    lines = [f'#include "{name}.h"', "", f"static {name}_{'step' if streamed else 'run'}_scratch scratch;"]
    lines += [f"static {declaration};" for declaration in declarations]
    if streamed:
        lines += [f"static {name}_state state;", "", f"{name}_reset(&state);"]
        lines += [f"for (;;) {{ /* a frame */ {name}_step(&state, {arguments}, &scratch); }}"]
    else:
        lines += ["", f"{name}_run({arguments}, &scratch);"]
    return "\n".join(lines)


def _description(
    program: Program, name: str, about: Mapping[str, Any], inputs: list[Described], outputs: list[Described]
) -> dict[str, Any]:
    """What tools read: the same words as a .tflite's metadata, and the tensors."""
    tables = table_rows(program.graph)

    def tensor(each: Described) -> dict[str, Any]:
        scale = each.value.quantization.scale if each.value.quantization is not None else 0.0
        shape, dtype = list(each.value.shape), each.value.dtype
        more: dict[str, Any] = {"rows": tables[each.value]} if each.value in tables else {}  # the C reads any ids
        if _units(program, each) is not None:
            more["features"] = program.units[each.name].document
        return {
            "name": each.name,
            "shape": shape,
            "dtype": dtype,
            "scale": scale,
            "zero_point": each.zero_point,
            **more,
        }

    run_scratch = _largest([program.run.scratch]).bytes
    step_scratch = _largest([program.step.scratch]).bytes if program.step else 0
    return {
        "schema": SCHEMA,
        "version": 2,
        "name": name,
        "edgernn": about["version"],
        **{key: about[key] for key in ("source", "parameters", "macs", "macs_per_step", "scheme", "io")},
        "target": "c",
        "inputs": [tensor(each) for each in inputs],
        "outputs": [tensor(each) for each in outputs],
        "masks": [{"name": mask.name, "source": mask.source, "differs_from": mask.value} for mask in program.masks],
        "streams": program.step is not None,
        "streaming": stream_description(program.streamed),
        "states": state_layout(program, [(each[1], each[0], each[2]) for each in _members(_largest([program.states]))]),
        "constant_bytes": sum(array.nbytes for array in program.constants.arrays.values()),
        "scratch_bytes": max(run_scratch, step_scratch),
        "run_scratch_bytes": run_scratch,
        "step_scratch_bytes": step_scratch,
        "state_bytes": _largest([program.states]).bytes if program.step else 0,
    }
