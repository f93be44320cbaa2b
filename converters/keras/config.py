"""The configuration of a Keras model as layers, calls, inputs and outputs, still without weights.

Nothing is looked up by a name that the file gives: classes, modules and activations are compared with `known`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from edgernn.converters.keras import known
from edgernn.converters.keras.calls import functional_calls, sequential_calls
from edgernn.converters.keras.identity import Broken, check_identity, is_mask_operation
from edgernn.converters.keras.instead import instead_of
from edgernn.converters.keras.kinds import shown
from edgernn.converters.keras.legacy import Version, renewed
from edgernn.converters.keras.options import as_shape, clean, policy_name
from edgernn.converters.keras.source_model import KerasLayer, KerasModel, ModelInput
from edgernn.errors import InputError, UnsupportedError

_DAMAGED = "the file is damaged; save the model again."
_LONGEST = 1000  # characters of a layer's name
_DEEPEST = 40  # models in models; Keras itself gives up far earlier


def parse_model(entry: object, version: Version = (3, 0)) -> KerasModel:
    """The model that a `config.json` or a `model_config` describes.

    Args:
        entry: the decoded JSON.
        version: of the Keras that wrote it: older ones name much otherwise, and differ in an activation.

    Raises:
        UnsupportedError: with every broken rule, in the model's order.
        InputError: this is no Keras model.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str) or "config" not in entry:
        raise InputError(
            "model: the configuration must be an object with 'class_name' and 'config'. Found: something else.",
            hint="save the whole model with model.save('model.keras').",
        )
    broken: Broken = []
    parser = _Parser(version, broken)
    layer = parser.layer(entry, "", 0)
    if layer is not None and layer.model is None:
        message = f"model: class must be Sequential or Functional. Found: '{layer.class_name}'."
        broken.append((message, "wrap the layer in keras.Sequential."))
    if broken or layer is None or layer.model is None:
        from edgernn.converters.keras.walk import broken_rules  # needed here alone

        raise UnsupportedError(dict.fromkeys([*broken, *broken_rules(parser.beside)]))
    return replace(layer.model, keras_major=version[0])


class _Parser:
    def __init__(self, version: Version, broken: Broken) -> None:
        self.version = version
        self.broken = broken
        self.beside: list[tuple[str, KerasLayer]] = []  # layers that can be read, beside others that cannot

    def layer(self, entry: object, path: str, depth: int, allowed: frozenset[str] | None = None) -> KerasLayer | None:
        """The layer of one configuration entry; None, with the reason in `broken`, when it cannot be read."""
        if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str):
            self.broken.append((f"model '{path}': a layer must be an object with a 'class_name'.", _DAMAGED))
            return None
        entry = dict(renewed(entry, self.version))
        config = entry.get("config")
        if not isinstance(config, dict):
            self.broken.append((f"layer of class '{entry['class_name']}': 'config' must be an object.", _DAMAGED))
            return None
        name = str(entry.get("name") or config.get("name") or entry["class_name"].lower())
        where = f"{path}/{name}" if path else name
        try:
            return self.named_layer(entry, config, name, where, depth, allowed)
        except (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
            # Whatever a damaged file holds in place of what Keras writes there.
            found = f"{type(error).__name__}: {shown(str(error))}"
            message = f"layer '{where}': its configuration must be one that Keras wrote. Found: {found}."
            self.broken.append((message, _DAMAGED))
            return None

    def named_layer(
        self,
        entry: dict[str, Any],
        config: dict[str, Any],
        name: str,
        where: str,
        depth: int,
        allowed: frozenset[str] | None,
    ) -> KerasLayer | None:
        """The layer of an entry whose name and options have been found."""
        if len(name) > _LONGEST:
            message = f"layer '{name[:80]}...': a name must have at most {_LONGEST} characters. Found: {len(name)}."
            self.broken.append((message, "give the layer a shorter name."))
            return None
        if depth > _DEEPEST:
            message = f"layer '{where[:80]}...': models must be nested at most {_DEEPEST} deep. Found: deeper."
            self.broken.append((message, "put the layers into fewer models."))
            return None
        if not check_identity(entry, where, self.broken, outermost=depth == 0):
            return None
        class_name = entry["class_name"]
        if allowed is not None and class_name not in allowed:
            message = f"layer '{where}': must be one of {', '.join(sorted(allowed))}. Found: '{class_name}'."
            self.broken.append((message, instead_of(class_name, allowed)))
            return None
        layer = KerasLayer(
            class_name, name, {}, trainable=bool(config.get("trainable", True)), shared="shared_object_id" in entry
        )
        if class_name in known.MODELS:
            # The outermost model's own name is left out of the messages.
            model = self.model(class_name, name, config, entry, where if depth else "", depth)
            return replace(layer, model=model) if model else None
        return self.plain_layer(layer, config, where, depth)

    def plain_layer(self, layer: KerasLayer, config: dict[str, Any], where: str, depth: int) -> KerasLayer | None:
        """Options and children of a layer that is not a model."""
        before = len(self.broken)
        children = dict(self.children(layer.class_name, config, where, depth))
        inner = {key: value for key, value in config.items() if key not in ("layer", "backward_layer", "cell", "cells")}
        options = clean(inner, layer.class_name, where, self.version, self.broken)
        if len(self.broken) > before:
            return None
        if layer.class_name == "Bidirectional":
            children = _both_directions(children, where, self.broken)
        dtype = policy_name(config.get("dtype"))
        return replace(layer, config=options, children=children, dtype=dtype if isinstance(dtype, str) else "")

    def children(
        self, class_name: str, config: dict[str, Any], where: str, depth: int
    ) -> Iterator[tuple[str, KerasLayer]]:
        """The wrapped layers or cells, by the role that they have for their wrapper."""
        parts: list[tuple[str, object, frozenset[str]]] = []
        cells = frozenset(known.CELLS)
        match class_name:
            case "RNN":
                parts = [("cell", config.get("cell"), cells | {"StackedRNNCells"})]
            case "StackedRNNCells":
                entries = config.get("cells")
                entries = entries if isinstance(entries, list) else [None]
                parts = [(str(index), cell, cells) for index, cell in enumerate(entries)]
            case "TimeDistributed":
                inside = known.PLAIN_LAYERS | known.MODELS | known.WRAPPERS | set(known.RECURRENT)
                parts = [("layer", config.get("layer"), inside)]
            case "Bidirectional":
                recurrent = frozenset(known.RECURRENT) | {"RNN"}
                own = config.get("backward_layer")
                parts = [("forward", config.get("layer"), recurrent)]
                parts.append(("backward" if own else "mirrored", own or config.get("layer"), recurrent))
        for role, entry, allowed in parts:
            child = self.layer(entry, where, depth + 1, allowed)
            if child is not None:
                yield role, child

    def model(
        self, class_name: str, name: str, config: dict[str, Any], entry: Mapping[str, Any], where: str, depth: int
    ) -> KerasModel | None:
        """The inside of a Sequential or Functional."""
        entries = config.get("layers")
        if not isinstance(entries, list) or not entries:
            message = f"model '{where or name}': must have at least one layer. Found: none."
            self.broken.append((message, "add layers before saving."))
            return None
        before = len(self.broken)
        inputs: list[ModelInput] = []
        layers: list[KerasLayer] = []
        allowed = known.SUPPORTED - set(known.CELLS) - {"StackedRNNCells"}
        for item in entries:
            layer = self.layer(item, where, depth + 1, allowed) if not is_mask_operation(item) else None
            if layer is not None and layer.class_name == "InputLayer":
                inputs.extend(self.input(item["config"], layer.name, where))
            elif layer is not None:
                layers.append(layer)
        names = Counter([layer.name for layer in layers] + [item.name for item in inputs])
        for twice in sorted(name for name, count in names.items() if count > 1):
            message = f"layer '{twice}': the name must be unique in its model. Found: twice."
            self.broken.append((message, "give every layer a name of its own."))
        if len(self.broken) > before:
            self.beside += [(f"{where}/{layer.name}" if where else layer.name, layer) for layer in layers]
            return None
        if class_name == "Sequential":
            return sequential_calls(name, layers, inputs, config, entry, where, self.broken)
        return functional_calls(name, layers, inputs, config, where, self.broken)

    def input(self, config: Mapping[str, Any], name: str, where: str) -> Iterator[ModelInput]:
        """The model input of an InputLayer."""
        place = f"{where}/{name}" if where else name
        if config.get("sparse") or config.get("ragged"):
            self.broken.append((f"input '{place}': must be dense. Found: sparse or ragged.", "pad the sequences."))
        shape = config.get("batch_shape", config.get("batch_input_shape"))
        dtype = config.get("dtype") or "float32"
        steps = as_shape(shape)
        if steps is None or not isinstance(dtype, str):
            message = f"input '{place}': must have a shape and a dtype. Found: {shown(shape)}, {shown(dtype)}."
            self.broken.append((message, "give the shape to keras.Input."))
            return
        batch = shape[0] if isinstance(shape, list) and isinstance(shape[0], int) else None
        yield ModelInput(name, steps, dtype, batch)


def _both_directions(children: Mapping[str, KerasLayer], where: str, broken: Broken) -> dict[str, KerasLayer]:
    """Forward and backward layer of a Bidirectional, as Keras makes them when the wrapper is built."""
    forward = children["forward"]
    base = forward.name.removeprefix("forward_")
    backward = children.get("backward")
    if backward is None:  # the same layer once more, the other way round
        options = {**forward.config, "go_backwards": not forward.config.get("go_backwards", False)}
        backward = replace(children["mirrored"], name=f"backward_{base}", config=options)
    pair = {"forward": replace(forward, name=f"forward_{base}"), "backward": backward}
    for option, same in (("go_backwards", False), ("return_sequences", True), ("return_state", True)):
        values = [bool(layer.config.get(option, False)) for layer in pair.values()]
        if (values[0] == values[1]) != same:
            wanted = "the same" if same else "opposite"
            message = f"layer '{where}': forward and backward layer must have {wanted} '{option}'. Found: {values}."
            broken.append((message, "build the layer with keras.layers.Bidirectional."))
    # A masked step of the sequence gives zeros, whatever the wrapped layer says.
    zeros = {"zero_output_for_mask": bool(forward.config.get("return_sequences"))}
    return {role: replace(layer, config={**layer.config, **zeros}) for role, layer in pair.items()}
