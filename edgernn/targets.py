"""What is written for a phone and what for a microcontroller: measured choices, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgernn.graph import DType
from edgernn.quantization import Costs

Scheme = Literal["float32", "float16", "dynamic", "int8", "int16x8"]
SCHEMES: tuple[Scheme, ...] = ("float32", "float16", "dynamic", "int8", "int16x8")
INTEGER_SCHEMES: tuple[Scheme, ...] = ("int8", "int16x8")
Form = Literal["while", "while-variable", "unrolled", "fused"]
FORMS: tuple[Form, ...] = ("while", "while-variable", "unrolled", "fused")
FUSED_SCHEMES: tuple[Scheme, ...] = ("float32", "dynamic")
Io = Literal["float32", "int8", "int16"]


@dataclass(frozen=True)
class Target:
    """How models are written for one kind of device.

    Attributes:
        name: as on the command line.
        schemes: the schemes that its runtime can run.
        form: how loops are written unless the user says otherwise.
        body: integer type inside loops in the int8 scheme.
        sequence: integer type of tensors with a time axis in the int8 scheme.
        vector: integer type of single vectors in the int8 scheme.
        bias_columns: whether a bias may become one more column of its weights, which saves bytes and costs a product.
        per_channel: one weight scale per output instead of one per matrix.
        merge_all: one matrix product for all gates, at the price of a call of its own for each gate's function.
        block: most steps of a loop per iteration.
        float_io: whether integer models show float32 inputs and outputs by default.
        costs: of operators, to choose what gets 16 bits.
        signature: whether a file names its entry point, for programs that look for it.
    """

    name: str
    schemes: tuple[Scheme, ...]
    form: Form
    body: DType
    sequence: DType
    vector: DType
    bias_columns: bool
    per_channel: bool
    merge_all: bool
    block: int
    float_io: bool
    costs: Costs
    signature: bool


# LiteRT with XNNPACK: 8-bit kernels are fast, 16-bit ones are not; a WHILE costs half a microsecond per step.
PHONE = Target(
    "phone",
    SCHEMES,
    "while",
    "int8",
    "int8",
    "int8",
    bias_columns=False,
    per_channel=False,
    merge_all=False,
    block=4,
    float_io=True,
    costs=Costs(call=75, element=0.1, mac=0.05, wide_call=150, wide_element=3, wide_mac=0.8),
    signature=True,
)
# TFLite-Micro: 16-bit activations over 8-bit weights cost nothing on a Cortex-M and keep the small updates of a state;
# a loop variable is copied three times per step, a resource variable once. No hybrid kernels, no half precision.
MICRO = Target(
    "micro",
    ("float32", "int8", "int16x8"),
    "while-variable",
    "int16",
    "int8",
    "int16",
    bias_columns=True,
    per_channel=False,
    merge_all=True,
    block=1,
    float_io=False,
    costs=Costs(call=300, element=10, mac=5, wide_call=300, wide_element=12, wide_mac=5, byte=1000),
    signature=False,
)
TARGETS = {target.name: target for target in (PHONE, MICRO)}
