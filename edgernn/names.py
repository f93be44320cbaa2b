"""What people call schemes, targets and formats: other spellings are understood, near misses answered to the point."""

from __future__ import annotations

import re
from collections.abc import Mapping

from edgernn.errors import InputError

_SCHEMES = {
    "float32": ("fp32", "f32", "float", "none", "32bit"),
    "float16": ("fp16", "f16", "half"),
    "dynamic": ("dynamicrange", "drq", "weightonly", "weightsonly"),
    "int8": ("8bit", "8bits", "i8", "integer", "int", "fullint", "fullinteger"),
    "int16x8": ("16x8", "int8x16"),
}
_TARGETS = {
    "phone": ("android", "ios", "mobile", "smartphone", "litert", "tflite", "linux", "raspberrypi", "rpi", "pi", "pc"),
    "micro": ("mcu", "microcontroller", "tflm", "tflitemicro", "arduino", "stm32", "cortexm", "esp", "esp8266", "nrf"),
}
_FORMATS = {"tflite": ("litert", "tfl", "lite"), "c": ("c99", "ansic", "csource", "ccode")}
_ANSWERS = {
    "uint8": "inputs and weights are signed here: --quantize int8.",
    "int16": "--quantize int16x8 has 16-bit activations, --quantize int8 the smaller ones.",
    "16bit": "--quantize int16x8 has 16-bit activations, --quantize float16 weights as half floats.",
    "int4": "8 bits are the fewest: --quantize int8.",
    "4bit": "8 bits are the fewest: --quantize int8.",
    "bfloat16": "--quantize float16 stores weights in 16 bits.",
    "bf16": "--quantize float16 stores weights in 16 bits.",
    "qat": "train as usual: --quantize int8 quantizes afterwards, by --calibration.",
    "cpp": "--format c writes C99, which C++ compiles too.",
    "c++": "--format c writes C99, which C++ compiles too.",
    "onnx": "edgernn writes .tflite and C.",
    "h": "--format c writes a folder with sources and headers.",
    "keras": "a Keras model is what goes in: --format tflite or c comes out.",
    "npu": "--target micro --kernels Ethos-U makes a file that an Ethos-U takes.",
    "ethosu": "--target micro --kernels Ethos-U makes a file that an Ethos-U takes.",
    "gpu": "--target phone is for LiteRT on a processor.",
    "c": "C is a format: --format c.",
}


def scheme_named(text: str) -> str:
    """The scheme that is meant: ``INT8``, ``8bit`` and ``int8`` are one; what is not known stays as it is.

    Raises:
        InputError: it is no scheme, but something whose answer is known.
    """
    return _named("scheme", text, _SCHEMES)


def target_named(text: str) -> str:
    """The target that is meant; a board stands for its kind of device: ``esp32`` for micro.

    Raises:
        InputError: it is no target, but something whose answer is known.
    """
    from edgernn.devices.boards import boards

    key = _key(text)
    for board in boards():
        if _key(board.name) == key:
            return "micro" if board.runtime == "micro" else "phone"
    return _named("target", text, _TARGETS)


def format_named(text: str) -> str:
    """The format that is meant: ``C99`` and ``c`` are one.

    Raises:
        InputError: it is no format, but something whose answer is known.
    """
    return _named("format", text, _FORMATS)


def c_scheme(scheme: str) -> None:
    """Refuse a scheme that is of a .tflite alone, with what C has in its place.

    Raises:
        InputError: it is one.
    """
    answers = {
        "int16x8": "--quantize int8: in C its activations have 16 bits anyway. Or leave --format c out.",
        "dynamic": "--quantize int8, whose weights have 8 bits too. Or leave --format c out.",
        "float16": "--quantize float32, or int8 for a quarter of the size. Or leave --format c out.",
    }
    if scheme in answers:
        raise InputError(f"scheme: must be one of float32, int8 in C. Found: '{scheme}'.", hint=answers[scheme])


def _named(what: str, text: str, known: Mapping[str, tuple[str, ...]]) -> str:
    key = _key(text)
    for name, others in known.items():
        if key == _key(name) or key in others:
            return name
    if answer := _ANSWERS.get(key):
        raise InputError(f"{what}: must be one of {', '.join(known)}. Found: '{text}'.", hint=answer)
    return text


def _key(text: str) -> str:
    return re.sub(r"[\s_.\-]", "", text.lower())
