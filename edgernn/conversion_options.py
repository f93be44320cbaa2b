"""The options of a conversion to a .tflite, once they are known to go together."""

from __future__ import annotations

from typing import Final

from edgernn.compiler import Options
from edgernn.converted import DEFAULT_CLIP
from edgernn.errors import InputError, one_of
from edgernn.quantization.advice import Settings
from edgernn.quantization.precision import MAX_ERROR
from edgernn.ranges import CLIP_METHODS
from edgernn.targets import FORMS, FUSED_SCHEMES, INTEGER_SCHEMES, SCHEMES, TARGETS, Io, Scheme, Target

AUTO: Final = "auto"  # for a scheme: the smallest that holds a limit
IOS: tuple[Io, ...] = ("float32", "int8", "int16")
_ALLOWED_IO: dict[Scheme, tuple[Io, ...]] = {"int8": IOS, "int16x8": ("float32", "int16")}
_INSTEAD = {"dynamic": "int8", "float16": "float32"}  # for a target that cannot run a scheme


def options_of(quantize: str, target: str, form: str | None, io: str | None, clip: str | None) -> Options:
    """The options as the compiler takes them, once they are known to go together."""
    scheme = one_of("scheme", quantize, (*SCHEMES, AUTO))
    assert scheme != AUTO, "it is no scheme"
    device = TARGETS[one_of("target", target, tuple(TARGETS))]
    if scheme not in device.schemes:
        known = ", ".join(device.schemes)
        raise InputError(
            f"target '{device.name}': scheme must be one of {known}, which its runtime can run. Found: '{scheme}'.",
            hint=f"closest is --quantize {_INSTEAD.get(scheme, device.schemes[0])}.",
        )
    chosen = one_of("form", form, FORMS) if form is not None else device.form
    if chosen == "fused" and scheme not in FUSED_SCHEMES:
        raise InputError(
            f"form 'fused': scheme must be one of {', '.join(FUSED_SCHEMES)}. Found: '{scheme}', whose fused kernel is "
            "twenty times slower than a loop on LiteRT.",
            hint="leave --form out.",
        )
    return Options(
        scheme,
        device,
        chosen,
        _io(scheme, device, io),
        one_of("clip", clip, CLIP_METHODS) if clip is not None else DEFAULT_CLIP,
    )


def settings_of(options: Options, limit: float | None, *, aside: bool) -> Settings:
    """What advice on tensors depends on.

    Args:
        options: of the conversion.
        limit: on the error; None where nothing is widened.
        aside: whether it was measured on samples kept aside.
    """
    integers = options.scheme in INTEGER_SCHEMES
    return Settings(
        options.scheme,
        options.target.name,
        options.io,
        options.clip if integers else None,
        MAX_ERROR if limit is None else limit,
        widens=limit is not None,
        aside=aside,
    )


def _io(scheme: Scheme, target: Target, wanted: str | None) -> Io:
    allowed = _ALLOWED_IO.get(scheme, ("float32",))
    if wanted is None:
        if target.float_io or scheme not in INTEGER_SCHEMES:
            return "float32"
        return "int16" if scheme == "int16x8" else "int8"
    io = one_of("io", wanted, IOS)
    if io not in allowed:
        why = "computes with float numbers" if scheme not in INTEGER_SCHEMES else "has 16-bit activations"
        raise InputError(
            f"io: must be one of {', '.join(allowed)} for scheme '{scheme}', which {why}. Found: '{io}'.",
            hint="leave --io out, or choose --quantize int8.",
        )
    return io
