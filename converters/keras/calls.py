"""How a model's layers are called: the inbound nodes of Keras 2 and 3 as one list of calls that can be computed."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from edgernn.converters.keras import known
from edgernn.converters.keras.identity import Broken, is_mask_operation
from edgernn.converters.keras.masks import without_derived_masks
from edgernn.converters.keras.nodes import Node, leaves, read_node
from edgernn.converters.keras.options import as_shape
from edgernn.converters.keras.source_model import Call, KerasLayer, KerasModel, ModelInput, TensorRef

_RECURRENT = frozenset(known.RECURRENT) | {"RNN", "Bidirectional"}


def state_shapes(layer: KerasLayer) -> list[tuple[int, ...]]:
    """Shapes of the state tensors of a cell, a recurrent layer or a Bidirectional, in Keras's order."""
    count = known.CELLS.get(known.RECURRENT.get(layer.class_name, layer.class_name))
    if count is not None:
        return [(layer.config["units"],)] * count
    return [shape for child in layer.children.values() for shape in state_shapes(child)]


def output_count(layer: KerasLayer) -> int:
    """Number of tensors that one call of a layer gives."""
    if layer.model is not None:
        return len(layer.model.outputs)
    if layer.class_name not in _RECURRENT:
        return 1
    first = layer.children["forward"] if layer.class_name == "Bidirectional" else layer
    both = layer.class_name == "Bidirectional" and layer.config.get("merge_mode", "concat") is None
    return 1 + both + (len(state_shapes(layer)) if first.config.get("return_state") else 0)


def sequential_calls(
    name: str,
    layers: Sequence[KerasLayer],
    inputs: Sequence[ModelInput],
    config: Mapping[str, Any],
    entry: Mapping[str, Any],
    where: str,
    broken: Broken,
) -> KerasModel | None:
    """A Sequential: every layer is called once, on the output of the one before."""
    if not inputs:
        first = config["layers"][0]
        build = [item.get("build_config") or {} for item in (entry, first) if isinstance(item, dict)]
        options = first["config"] if isinstance(first.get("config"), dict) else {}
        shapes = [
            options.get("batch_input_shape"),
            config.get("build_input_shape"),
            *[item.get("input_shape") for item in build if isinstance(item, dict)],
            *[[None, *model.inputs[0].shape] for model in [layers[0].model if layers else None] if model],
        ]
        shape = next((shape for shape in map(as_shape, shapes) if shape is not None), None)
        if shape is None:
            message = f"model '{where or name}': must know the shape of its input. Found: a Sequential never built."
            broken.append((message, "start it with keras.Input((steps, features)), or call model.build(...) first."))
            return None
        dtype = "int32" if layers and layers[0].class_name == "Embedding" else "float32"
        inputs = [ModelInput(f"{layers[0].name}_input", shape, dtype)]
    refs: tuple[TensorRef, ...] = (TensorRef(inputs[0].name, 0, 0),)
    calls = []
    for layer in layers:
        if len(refs) != 1:
            message = f"layer '{layer.name}': must have one input in a Sequential. Found: {len(refs)}."
            broken.append((message, "set return_state=False on the layer before, or build a functional model."))
            return None
        count = output_count(layer)
        calls.append(Call(layer.name, 0, refs, {}, count))
        refs = tuple(TensorRef(layer.name, 0, index) for index in range(count))
    return KerasModel(name, tuple(layers), tuple(calls), tuple(inputs), refs, _unique([ref.layer for ref in refs]))


def functional_calls(
    name: str,
    layers: Sequence[KerasLayer],
    inputs: Sequence[ModelInput],
    config: Mapping[str, Any],
    where: str,
    broken: Broken,
) -> KerasModel | None:
    """A Functional model: the calls in an order in which each comes after those that it needs."""
    entries = {str(item.get("name") or item["config"].get("name")): item for item in config["layers"]}
    by_name = {layer.name: layer for layer in layers}
    operations = {key: entry for key, entry in entries.items() if is_mask_operation(entry)}
    shown = {item.name: item for item in inputs}
    nodes = [
        read_node(node, key, index)
        for key, entry in entries.items()
        for index, node in enumerate(entry.get("inbound_nodes") or [])
        if key not in shown
    ]
    named_outputs = leaves(config.get("output_layers"))
    outputs = [ref for _, ref in named_outputs]
    counts = Counter(node.layer for node in nodes)
    saved = [node for entry in entries.values() for node in entry.get("inbound_nodes") or []]
    generation_3 = any(isinstance(node, dict) and "args" in node for node in saved)
    nodes, outputs = _count_from_zero(nodes, outputs, by_name, counts, generation_3)
    input_refs = leaves(config.get("input_layers"))
    known_calls = {(ref.layer, 0): 1 for _, ref in input_refs}
    known_calls |= {(node.layer, node.call): 1 for node in nodes if node.layer in operations}
    calls = []
    before = len(broken)
    for node in nodes:
        if node.layer in by_name:
            layer = by_name[node.layer]
            known_calls[node.layer, node.call] = output_count(layer)
            calls.append(_call(node, layer, f"{where}/{layer.name}" if where else layer.name, broken))
    if len(broken) > before:
        return None
    used = [ref for call in calls for refs in (call.arguments, *call.keywords.values()) for ref in refs] + outputs
    lost = [ref for ref in used if ref.index < 0 or ref.index >= known_calls.get((ref.layer, ref.call), 0)]
    ordered = _ordered(calls, set(operations)) if not lost else None
    unknown = [key for key, ref in input_refs if ref.layer not in shown]
    if lost or ordered is None or not outputs or not input_refs or unknown:
        found = f"a call of '{lost[0].layer}' that is not there" if lost else "a loop, or no inputs or outputs"
        message = f"model '{where or name}': calls must lead from the inputs to the outputs. Found: {found}."
        broken.append((message, "the file is damaged; save the model again."))
        return None
    ordered = without_derived_masks(ordered, by_name, operations, where, broken)
    for ref in [ref for call in ordered for ref in call.arguments] + outputs:
        if ref.layer in operations:
            message = f"layer '{ref.layer}': must be a layer. Found: the operation keras.ops '{ref.layer}'."
            broken.append((message, "use a layer of keras.layers in its place."))
    return KerasModel(
        name,
        tuple(layers),
        tuple(ordered),
        tuple(shown[ref.layer] for _, ref in input_refs),
        tuple(outputs),
        _unique([key for key, _ in named_outputs]),
    )


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    taken: dict[str, int] = {}  # the name, and how often it was wanted
    for name in names:
        candidate = name
        while candidate in taken:
            taken[name] += 1
            candidate = f"{name}_{taken[name]}"
        taken[candidate] = 0
    return tuple(taken)


def _count_from_zero(
    nodes: list[Node],
    outputs: list[TensorRef],
    layers: Mapping[str, KerasLayer],
    counts: Mapping[str, int],
    generation_3: bool,
) -> tuple[list[Node], list[TensorRef]]:
    """Let the calls of nested models count from 0 too.

    A nested model comes with a call of its own, from its inputs to its outputs. Keras 2 counts it everywhere (if the
    model has an InputLayer), Keras 3 only where a Functional is an output of the outer model.
    """
    if generation_3:
        late = {key for key, layer in layers.items() if layer.class_name == "Functional"}
        return nodes, [replace(ref, call=ref.call - 1) if ref.layer in late else ref for ref in outputs]
    used = [ref for node in nodes for refs in (node.arguments, *node.keywords.values()) for ref in refs] + outputs
    last: dict[str, int] = {}
    for ref in used:
        last[ref.layer] = max(ref.call, last.get(ref.layer, 0))
    # Every call is used by somebody, so a count that starts at 1 ends at the number of calls.
    late = {key for key, layer in layers.items() if layer.model is not None and last.get(key, 0) == counts[key]}

    def shift(refs: list[TensorRef]) -> list[TensorRef]:
        return [replace(ref, call=ref.call - 1) if ref.layer in late else ref for ref in refs]

    for node in nodes:
        node.arguments = shift(node.arguments)
        node.keywords = {key: shift(refs) for key, refs in node.keywords.items()}
        node.named = {key: shift([ref])[0] for key, ref in node.named.items()}
    return nodes, shift(outputs)


def _call(node: Node, layer: KerasLayer, where: str, broken: Broken) -> Call:
    """A call with the arguments of its layer put in one order."""
    arguments, keywords = list(node.arguments), dict(node.keywords)
    if layer.class_name in _RECURRENT and len(arguments) > 1:  # lstm([x, h, c]) is lstm(x, initial_state=[h, c])
        keywords["initial_state"] = arguments[1:]
        arguments = arguments[:1]
    if layer.model is not None and node.named:
        names = [item.name for item in layer.model.inputs]
        if set(names) == set(node.named):
            arguments = [node.named[name] for name in names]
    for key, value in node.constants.items():
        message = f"layer '{where}': argument '{key}' must be a tensor of the model. Found: {str(value)[:60]}."
        broken.append((message, "call it without training=True." if key == "training" else "make it a model input."))
    allowed = {"mask", "initial_state"} if layer.class_name in _RECURRENT else {"mask"}
    for key in keywords.keys() - allowed:
        broken.append((f"layer '{where}': call argument '{key}' must be absent. Found: a tensor.", "leave it out."))
    wanted = len(layer.model.inputs) if layer.model is not None else 1
    if layer.class_name in known.MERGES:
        wanted = 2 if layer.class_name in ("Dot", "Subtract") else max(1, len(arguments))
    if len(arguments) != wanted:
        message = f"layer '{where}': must be called on {wanted} tensor(s). Found: {len(arguments)}."
        broken.append((message, "the file is damaged; save the model again."))
    states = len(keywords.get("initial_state", ()))
    wanted = len(state_shapes(layer)) if layer.class_name in _RECURRENT else 0
    if states not in (0, wanted):
        message = f"layer '{where}': initial_state must hold {wanted} tensors. Found: {states}."
        broken.append((message, "give every state of the layer."))
    frozen = {key: tuple(refs) for key, refs in sorted(keywords.items())}
    return Call(layer.name, node.call, tuple(arguments), frozen, output_count(layer))


def _ordered(calls: Sequence[Call], operations: set[str]) -> list[Call] | None:
    """The calls, each after those that it needs; None if they form a loop. Mask operations are not waited for.

    Calls that can be computed in the order in which they are given stay in it.
    """
    makers = {(call.layer, call.call_index): index for index, call in enumerate(calls)}
    missing: list[int] = []
    readers: dict[int, list[int]] = {}
    for index, call in enumerate(calls):
        refs = {(ref.layer, ref.call) for refs in (call.arguments, *call.keywords.values()) for ref in refs}
        needed = [makers[ref] for ref in refs if ref in makers]
        missing.append(len(needed))
        for maker in needed:
            readers.setdefault(maker, []).append(index)
    ready = [index for index, count in enumerate(missing) if not count]
    ordered: list[Call] = []
    while ready:
        index = heapq.heappop(ready)
        ordered.append(calls[index])
        for reader in readers.get(index, ()):
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, reader)
    return ordered if len(ordered) == len(calls) else None
