"""Goes through a model's calls in order and adds each layer's nodes to the graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeGuard

from edgernn.converters.keras import known as known_classes
from edgernn.converters.keras.kinds import shown
from edgernn.converters.keras.layers import READERS
from edgernn.converters.keras.rules import RULES, Rule, closest_class
from edgernn.converters.keras.source_model import KerasLayer, KerasModel, TensorRef
from edgernn.converters.keras.use import Findings, Tensor, Use
from edgernn.graph import Builder, Value
from edgernn.graph import operators as ops

LARGEST_TENSOR = 1 << 28  # elements; a .tflite holds at most 2 GB


def check_layers(model: KerasModel, findings: Findings, prefix: str = "") -> None:
    """Check every rule that needs no shapes, and that every class is known, nested models included."""
    for layer in model.layers:
        if layer.model is not None:
            check_layers(layer.model, findings, f"{prefix}{layer.name}/")
            continue
        before = len(findings.broken)
        _check_layer(layer, findings, prefix + layer.name)
        if len(findings.broken) > before:
            findings.unreadable.add(prefix + layer.name)


def broken_rules(layers: Iterable[tuple[str, KerasLayer]]) -> list[tuple[str, str]]:
    """The rules that layers break by themselves, as messages and hints.

    Args:
        layers: each with its path.
    """
    findings = Findings()
    for path, layer in layers:
        if layer.model is None:
            _check_layer(layer, findings, path)
        else:
            check_layers(layer.model, findings, f"{path}/")
    return findings.broken


def _check_layer(layer: KerasLayer, findings: Findings, path: str) -> None:
    known = layer.class_name in READERS or layer.class_name in known_classes.CELLS or layer.children
    if not known and layer.model is None:
        message = f"layer '{path}': class must be a supported one. Found: {layer.class_name}."
        findings.broken.append((message, f"the closest supported class is {closest_class(layer.class_name)}."))
    for rule in RULES:
        if rule.check is not None and rule.concerns(layer.class_name):
            found = rule.check(layer)
            if found is not None:
                _record(rule, found, path, findings)
    for child in layer.children.values():
        _check_layer(child, findings, f"{path}/{child.name}")
    if layer.model is not None:  # inside a TimeDistributed
        for child in layer.model.layers:
            _check_layer(child, findings, f"{path}/{child.name}")


def read_calls(
    model: KerasModel, inputs: Sequence[Tensor], b: Builder, findings: Findings, prefix: str = "", in_loop: bool = False
) -> list[Tensor | None]:
    """Add all calls of a model to `b`.

    Args:
        model: the model, or one nested in it.
        inputs: in the model's order.
        b: where the nodes go.
        findings: collects broken rules; a layer that breaks one has unknown outputs.
        prefix: names of the models around, each with a slash behind.
        in_loop: inside the body of a TimeDistributed.

    Returns:
        The model's outputs, in its order; None for those that depend on a layer that breaks a rule.
    """
    names = [model_input.name for model_input in model.inputs]
    table: dict[TensorRef, Tensor | None] = {
        TensorRef(name, 0, 0): tensor for name, tensor in zip(names, inputs, strict=True)
    }
    for call in model.calls:
        layer = model.layer(call.layer)
        arguments = [table[ref] for ref in call.arguments]
        states = [table[ref] for ref in call.keywords.get("initial_state", ())]
        masks = [table[ref] for ref in call.keywords.get("mask", ())]
        outputs: Sequence[Tensor | None] = ()
        if _all_known(arguments) and _all_known(states) and _all_known(masks):
            b.layer = prefix + layer.name
            given: list[Value | None] = [_as_mask(b, mask) for mask in masks]
            if "mask" in call.keywords and not masks:  # the input's own mask, given explicitly
                given = [tensor.mask for tensor in arguments]
            inputs_of_layer = tuple(arguments)
            if layer.model is not None and given:
                pairs = zip(arguments, given, strict=True)
                inputs_of_layer = tuple(replace(tensor, mask=mask) for tensor, mask in pairs)
            outputs = read_use(
                Use(
                    b,
                    layer,
                    b.layer,
                    inputs_of_layer,
                    read_use,
                    findings,
                    initial_state=tuple(state.value for state in states),
                    given_mask=given[0] if given else None,
                    in_loop=in_loop,
                )
            )
        for index in range(call.output_count):
            table[TensorRef(call.layer, call.call_index, index)] = outputs[index] if outputs else None
    return [table[ref] for ref in model.outputs]


def read_use(use: Use) -> tuple[Tensor, ...]:
    """Add one use of a layer; no outputs if it breaks a rule."""
    layer, findings = use.layer, use.findings
    if layer.model is not None:
        outputs = read_calls(layer.model, use.inputs, use.b, findings, use.path + "/", use.in_loop)
        return tuple(outputs) if _all_known(outputs) else ()
    if use.path in findings.unreadable:
        return ()
    made = len(use.b.nodes)
    try:
        for rule in RULES:  # up to the first that is broken: the next may rely on it
            if rule.check_use is not None and rule.concerns(layer.class_name):
                found = rule.check_use(use)
                if found is not None:
                    _record(rule, found, use.path, findings)
                    return ()
        result = READERS[layer.class_name](use)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # a rule that nobody has written yet
        found = f"{type(error).__name__}: {shown(str(error))}"
        message = f"layer '{use.path}': its options and weights must fit what it is called on. Found: {found}."
        findings.broken.append((message, "save the model again with the Keras that built it."))
        return ()
    largest = max((value.size for node in use.b.nodes[made:] for value in node.outputs), default=0)
    if largest > LARGEST_TENSOR:
        message = f"layer '{use.path}': a tensor must have at most {LARGEST_TENSOR} elements. Found: {largest}."
        findings.broken.append((message, "shorten the window, or split the model."))
        return ()
    if result:
        findings.shapes[use.path] = result[0].shape
    return result


def _all_known(tensors: list[Tensor | None]) -> TypeGuard[list[Tensor]]:
    return None not in tensors


def _as_mask(b: Builder, tensor: Tensor) -> Value:
    """An explicit mask as bools."""
    if tensor.value.dtype == "bool":
        return tensor.value
    return b.apply(ops.Differs(0.0, rows=False), tensor.value, name="mask")


def _record(rule: Rule, found: str, path: str, findings: Findings) -> None:
    sentence = rule.sentence[0].lower() + rule.sentence[1:].rstrip(".")
    findings.broken.append((f"layer '{path}': {sentence}. Found: {found}.", rule.hint))
