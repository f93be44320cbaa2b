"""Whether a class that a file names is one of Keras's own that edgernn reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgernn.converters.keras import known
from edgernn.converters.keras.instead import SUBCLASSED, instead_of

Broken = list[tuple[str, str]]  # (message, hint) of every rule that a model breaks, in its order

_CARRIES_CODE = {"Lambda": "Lambda, which carries Python code", "TFOpLambda": "TFOpLambda, an operation on tensors"}
_NEVER_TRAINABLE = known.MODELS | {"InputLayer", "SpatialDropout1D"}


def is_mask_operation(entry: object) -> bool:
    """Whether Keras 3 put this entry into a Functional model to carry a mask."""
    return isinstance(entry, dict) and entry.get("class_name") in known.MASK_OPERATIONS and _is_operation(entry)


def _is_operation(entry: Mapping[str, Any]) -> bool:
    if "module" not in entry:  # a legacy file: layers say whether they are trainable, operations do not
        silent = "trainable" not in (entry.get("config") or ()) and entry["class_name"] not in _NEVER_TRAINABLE
        return silent and "inbound_nodes" in entry
    module = entry["module"]
    return isinstance(module, str) and (module == "keras.ops" or module.startswith(("keras.ops.", "keras.src.ops.")))


def check_identity(entry: Mapping[str, Any], where: str, broken: Broken, *, outermost: bool = False) -> bool:
    """Whether the entry is a class of `known.SUPPORTED` as Keras defines it; if not, the reason goes to `broken`.

    A file of Keras 3 gives class, module and registered name; all three must be Keras's own, so that somebody's
    own class called LSTM is not read as Keras's. A legacy file gives the class name alone. What is `outermost` is the
    model itself.
    """
    class_name: str = entry["class_name"]
    if _is_operation(entry):
        message = f"layer '{where}': must be a layer. Found: the operation keras.ops '{class_name}'."
        hint = f"use keras.layers.{class_name} in its place."
        if class_name in known.MASK_OPERATIONS:
            hint = "masks must come from keras.layers.Masking, mask_zero=True or a model input."
        elif class_name not in known.SUPPORTED:
            hint = "use layers of keras.layers in its place."
        broken.append((message, hint))
        return False
    registered = entry.get("registered_name")
    own = registered is None or registered == class_name
    if "module" in entry:
        modules = known.MODEL_MODULES if class_name in known.MODELS else known.LAYER_MODULES
        own = own and entry["module"] in modules
    if own and class_name in known.SUPPORTED:
        return True
    module = entry.get("module")
    foreign = not own or (isinstance(module, str) and not module.startswith(("keras", "tf_keras"))) or ">" in class_name
    if class_name in _CARRIES_CODE:
        found = _CARRIES_CODE[class_name]
    elif outermost and foreign:
        message = (
            f"model '{where}': must be a Sequential or Functional model. Found: '{class_name}', a subclassed model"
        )
        broken.append((f"{message}, of which a file keeps no calls.", SUBCLASSED))
        return False
    elif foreign:
        source = f" of module '{module}'" if module else ""
        found = f"'{class_name}'{source}, which is not part of Keras"
    else:
        found = f"'{class_name}'"
    broken.append(
        (
            f"layer '{where}': class must be a supported layer of Keras. Found: {found}.",
            instead_of(class_name, own=foreign and class_name not in _CARRIES_CODE),
        )
    )
    return False
