"""Leaves out the masks that Keras derives by itself, which some of its versions write into the file.

Since Keras 3.6 a functional model with Masking or `mask_zero` holds, beside its layers, operations such as NotEqual
and Any, and its recurrent layers get the result as their `mask`. Older files and every Sequential hold none of this,
and mean the same: a layer without `mask` takes the one of its input. So such a mask is dropped, after a check.

The check compares sets. Every operation that Keras uses for masks is a kind of "or" over comparisons `input != value`
of one time step, so two masks over the same comparisons are the same mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from edgernn.converters.keras import known
from edgernn.converters.keras.identity import Broken
from edgernn.converters.keras.nodes import operands
from edgernn.converters.keras.source_model import Call, KerasLayer, TensorRef

_Mask = frozenset[tuple[TensorRef | None, object]]  # (tensor, value): tensor != value; None: a tensor that is a mask
_ALL: _Mask = frozenset({(None, True)})  # the mask of an input that has none, beside others that have one


def without_derived_masks(
    calls: Sequence[Call],
    layers: Mapping[str, KerasLayer],
    operations: Mapping[str, Mapping[str, Any]],
    where: str,
    broken: Broken,
) -> list[Call]:
    """The calls, in the same order, without the masks that are those of the call's own input.

    Args:
        calls: in an order in which each comes after those that it needs.
        layers: the layers by name.
        operations: the saved mask operations by name.
        where: the model's place, for messages.
        broken: gathers masks that are made by operations in another way, which are not read.
    """
    if not operations:
        return list(calls)
    masks: dict[TensorRef, _Mask | None] = {}
    computed = _operation_masks(operations)
    result = []
    for call in calls:
        given = call.keywords.get("mask", ())
        implied = [mask for mask in map(masks.get, call.arguments) if mask is not None]
        if any(ref.layer in operations for ref in given):
            if [computed.get(ref, frozenset({(None, ref)})) for ref in given] == implied:
                keywords = {key: refs for key, refs in call.keywords.items() if key != "mask"}
                # Beside a given initial state Keras looks at no mask but a given one.
                call = replace(call, keywords={**keywords, "mask": ()} if "initial_state" in keywords else keywords)
            else:
                place = f"{where}/{call.layer}" if where else call.layer
                message = f"layer '{place}': mask must be a model input or come from its own input."
                hint = "use keras.layers.Masking, mask_zero=True, or give the mask as a model input."
                broken.append((f"{message} Found: one computed by operations.", hint))
        given = call.keywords.get("mask", ())
        own: _Mask | None = frozenset({(None, given[0])}) if given else implied[0] if implied else None
        masks[TensorRef(call.layer, call.call_index, 0)] = _mask_after(call, layers[call.layer], own, masks)
        result.append(call)
    return result


def _mask_after(
    call: Call, layer: KerasLayer, own: _Mask | None, masks: Mapping[TensorRef, _Mask | None]
) -> _Mask | None:
    """The mask that Keras attaches to the first output of a call, given the mask of its input."""
    name = layer.class_name
    if name == "Embedding":
        return frozenset({(call.arguments[0], 0.0)}) if layer.config.get("mask_zero") else None
    if name == "Masking":
        return frozenset({(call.arguments[0], layer.config.get("mask_value", 0.0))})
    if name in known.KEEPS_MASK:
        return own
    if name in known.RECURRENT or name in ("RNN", "Bidirectional"):
        first = layer.children["forward"] if name == "Bidirectional" else layer
        return own if first.config.get("return_sequences") else None
    if name in known.MERGES and name != "Dot":
        parts = [masks.get(ref) for ref in call.arguments]
        if all(part is None for part in parts) or (name != "Concatenate" and None in parts):
            return None
        if layer.config.get("axis", -1) not in (-1, 2):  # sequences one after the other: no "or" of their masks
            return frozenset({(None, call.layer)})
        return frozenset().union(*(_ALL if part is None else part for part in parts))
    return None


def _operation_masks(operations: Mapping[str, Mapping[str, Any]]) -> dict[TensorRef, _Mask | None]:
    """For the output of every mask operation, the comparisons that it is an "or" of; None if it is something else."""
    saved = {
        TensorRef(name, index, 0): (entry, node)
        for name, entry in operations.items()
        for index, node in enumerate(entry.get("inbound_nodes") or [])
    }
    needs = {ref: [item for item, _ in operands(node)[0] if item in saved] for ref, (_, node) in saved.items()}
    done: dict[TensorRef, _Mask | None] = {}
    try:
        for ref in TopologicalSorter(needs).static_order():
            done[ref] = _comparisons(*saved[ref], done)
    except CycleError:  # a loop: no mask of Keras
        return dict.fromkeys(saved)
    return done


def _comparisons(entry: Mapping[str, Any], saved: object, done: Mapping[TensorRef, _Mask | None]) -> _Mask | None:
    tensors, values = operands(saved)
    config = entry.get("config") or {}
    ranks = {rank for _, rank in tensors}
    match entry["class_name"]:
        case "NotEqual":
            return frozenset({(tensors[0][0], values[0])}) if len(tensors) == len(values) == 1 else None
        case "ZerosLike":
            return frozenset()
        case "OnesLike":
            return _ALL
        # The features of a step, never the steps, are joined: axis -1 of (batch, step, feature).
        case "Any" if config.get("axis") != -1 or config.get("keepdims") or ranks != {3}:
            return None
        case "ExpandDims" if config.get("axis") != -1 or ranks != {2}:
            return None
        case "Concatenate" if config.get("axis") not in (-1, 2) or ranks != {3}:
            return None
        case "BroadcastTo" if ranks != {3}:
            return None
    parts = [done.get(ref, frozenset({(None, ref)})) for ref, _ in tensors]
    joined: _Mask = frozenset().union(*(part for part in parts if part is not None))
    return joined if parts and None not in parts else None
