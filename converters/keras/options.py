"""The options of a layer as plain JSON values: without what only training needs, activations by name, no code."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from edgernn.converters.keras import known
from edgernn.converters.keras.identity import Broken
from edgernn.converters.keras.kinds import KINDS, LARGEST_SIZE, REQUIRED, must_be, shown
from edgernn.converters.keras.legacy import Version

_MUST_BE_OFF = {
    "time_major": "put the batch before the time.",
    "mode": "use mode=0.",  # of a BatchNormalization of Keras 1
    "renorm": "train without batch renormalization.",
    "num_constants": "call the layer without constants.",
    "reverse_state_order": "build the cells without reverse_state_order.",
}


def clean(config: Mapping[str, Any], class_name: str, where: str, version: Version, broken: Broken) -> dict[str, Any]:
    """The options that matter for inference; what cannot be read goes to `broken`.

    Args:
        config: the options as saved, without wrapped layers.
        class_name: class of the layer.
        where: the layer's place, for messages.
        version: of the Keras that wrote the file.
        broken: gathers the broken rules.
    """
    options: dict[str, Any] = {}
    kinds = KINDS.get(class_name, {})
    before = len(broken)
    for key, value in config.items():
        if _carries_code(value):
            message = f"layer '{where}': option '{key}' must be plain data. Found: Python code."
            broken.append((message, "code in a model file is never run: use a named option of Keras."))
        elif key in ("activation", "recurrent_activation"):
            options[key] = _activation(value, key, where, version, broken)
        elif key not in known.IGNORED_OPTIONS and not key.endswith(known.IGNORED_ENDINGS):
            options[key] = _plain(value, key, where, broken)
    if class_name == "LeakyReLU" and "alpha" in options:  # its name in Keras 2
        options["negative_slope"] = options.pop("alpha")
    if len(broken) == before:
        for key in options.keys() & kinds.keys():
            try:
                options[key] = kinds[key](options[key])
            except (ValueError, TypeError, OverflowError):
                found = shown(options[key])
                message = f"layer '{where}': option '{key}' must be {must_be(kinds[key])}. Found: {found}."
                broken.append((message, "the file is damaged, or not written by Keras."))
        for key in REQUIRED.get(class_name, ()):
            if key not in options:
                message = f"layer '{where}': option '{key}' must be given. Found: none."
                broken.append((message, "the file is damaged, or not written by Keras."))
    if class_name != "InputLayer":
        _check_dtype(config.get("dtype"), where, broken)
    for key, why in _MUST_BE_OFF.items():
        if config.get(key):
            broken.append((f"layer '{where}': option '{key}' must be off. Found: {shown(config[key])}.", why))
    return options


def as_shape(value: object) -> tuple[int | None, ...] | None:
    """The shape without its batch axis, or None if `value` is no shape."""
    if isinstance(value, dict) and value.get("class_name") in ("TensorShape", "__tuple__"):
        value = value.get("items")
    if not isinstance(value, list) or not value:
        return None
    for size in value:
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST_SIZE):
            return None
    return tuple(value[1:])


def _carries_code(value: object) -> bool:
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            if item.get("class_name") in ("__lambda__", "Lambda"):
                return True
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)
    return False


def _activation(value: object, key: str, where: str, version: Version, broken: Broken) -> str:
    """The name of one of Keras's own activations."""
    name = value
    if value is None:
        name = "linear"
    elif isinstance(value, dict) and value.get("class_name") == "function":
        name, module = value.get("config"), value.get("module")
        if module not in known.ACTIVATION_MODULES:
            name = f"{module}.{name}"[:80]
    elif isinstance(value, dict):
        name = str(value.get("class_name"))[:80]
        message = f"layer '{where}': '{key}' must be named. Found: the layer '{name}' as an activation."
        broken.append((message, f"put the layer {name} after this one instead."))
        return "linear"
    if not isinstance(name, str) or name not in known.ACTIVATIONS:
        match = difflib.get_close_matches(shown(name), sorted(known.ACTIVATIONS), n=1, cutoff=0.5)
        hint = f"closest activation: '{match[0]}'." if match else "use one that Keras names, such as 'tanh'."
        broken.append((f"layer '{where}': '{key}' must be an activation of Keras. Found: {shown(name)}.", hint))
        return "linear"
    if version < (3, 0):
        name = known.KERAS_2_ACTIVATIONS.get(name, name)
    return known.SYNONYMS.get(name, name)


def _plain(value: object, key: str, where: str, broken: Broken) -> Any:
    """A value without any of the classes in which Keras wraps tuples and arrays."""
    if isinstance(value, dict):
        inner = value.get("config")
        match value.get("class_name"):
            case None if value.keys() == {"type", "value"}:  # Keras 2.0 on a NumPy array
                return _plain(value["value"], key, where, broken)
            case None:
                return {str(name): _plain(item, key, where, broken) for name, item in value.items()}
            case "__tuple__" | "TensorShape":
                return _plain(value.get("items"), key, where, broken)
            case "__numpy__" | "__tensor__" if isinstance(inner, dict):
                return _plain(inner.get("value"), key, where, broken)
            case other:
                message = (
                    f"layer '{where}': option '{key}' must be plain data. Found: an object of class {shown(other)}."
                )
                broken.append((message, "use a number, a text or a list."))
                return None
    if isinstance(value, list):
        return [_plain(item, key, where, broken) for item in value]
    return value


def policy_name(dtype: object) -> object:
    """The name of a type of numbers, or of a policy for them, which Keras saves as an object."""
    if not isinstance(dtype, dict):
        return dtype
    config = dtype.get("config")
    return config.get("name") if isinstance(config, dict) else dtype.get("class_name")


def _check_dtype(saved: object, where: str, broken: Broken) -> None:
    """Weights of any float type are read; weights that Keras quantized are not."""
    dtype = policy_name(saved)
    if dtype is not None and (not isinstance(dtype, str) or dtype not in known.DTYPES):
        message = f"layer '{where}': dtype must be a float type. Found: {shown(dtype)}."
        broken.append((message, "save the model before Keras quantizes it; edgernn quantizes by itself."))
