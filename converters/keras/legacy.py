"""Configurations of older Kerases in the words of Keras 2, which the parser reads.

Keras 1 named many classes and options otherwise (`nb_filter`, `inner_activation`). CuDNNLSTM and CuDNNGRU of Keras 2
are an LSTM and a GRU whose weights lie in another order. Their weights are rearranged in `legacy_weights`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Version = tuple[int, int]  # of Keras: generation and number in it

_CLASSES = {
    "Model": "Functional",
    "BatchNormalizationV1": "BatchNormalization",  # TensorFlow 1.13 and 1.14
    "BatchNormalizationV2": "BatchNormalization",
    "UnifiedLSTM": "LSTM",
    "UnifiedGRU": "GRU",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
}
_CUDNN = {"activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True, "cudnn": True}
_CLASSES_1 = {
    "Convolution1D": "Conv1D",
    "AtrousConvolution1D": "Conv1D",
    "TimeDistributedDense": "Dense",  # which works on the last axis, and so on every step
}
_OPTIONS_1 = {
    "output_dim": "units",
    "inner_activation": "recurrent_activation",
    "bias": "use_bias",
    "nb_filter": "filters",
    "filter_length": "kernel_size",
    "subsample_length": "strides",
    "atrous_rate": "dilation_rate",
    "border_mode": "padding",
    "pool_length": "pool_size",
    "stride": "strides",
    "length": "size",
}
_MERGES_1 = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
}
# Of training, or of how Keras 1 computed.
_UNUSED_1 = frozenset(
    {
        "init", "inner_init", "forget_bias_init", "consume_less", "dropout_W", "dropout_U", "p", "sigma",
        "W_regularizer", "U_regularizer", "b_regularizer", "activity_regularizer", "gamma_regularizer",
        "beta_regularizer", "W_constraint", "U_constraint", "b_constraint", "weights", "dropout",
    }
)  # fmt: skip
_OF_KERAS_1 = frozenset({"inner_activation", "nb_filter", "border_mode", "init", "inner_init", "pool_length", "p"})


def version_of(entry: object, said: object) -> Version:
    """The Keras that wrote a configuration: as that or the file around it says, else as it looks.

    Args:
        entry: the decoded configuration.
        said: what the file says, such as "2.11.0", or None.
    """
    if isinstance(entry, dict) and "keras_version" in entry:
        said = entry["keras_version"]
    parts = str(said).split(".")[:2]
    if said is not None and all(part.isdecimal() and len(part) < 4 for part in parts):
        return int(parts[0]), int(parts[1]) if len(parts) > 1 else 0
    if isinstance(entry, dict) and "module" in entry:
        return 3, 0
    return (1, 0) if _looks_like_keras_1(entry, 0) else (2, 4)


def _looks_like_keras_1(entry: object, depth: int) -> bool:
    config = entry.get("config") if isinstance(entry, dict) else None
    layers = config.get("layers") if isinstance(config, dict) else config
    if isinstance(layers, list) and depth < 8:
        return any(_looks_like_keras_1(layer, depth + 1) for layer in layers)
    return isinstance(config, dict) and not _OF_KERAS_1.isdisjoint(config)


def renewed(entry: Mapping[str, Any], version: Version) -> Mapping[str, Any]:
    """The entry of one layer, not of those inside it, as Keras 2.15 would write it."""
    class_name, config = entry["class_name"], entry.get("config")
    if not isinstance(class_name, str) or version >= (3, 0):
        return _called(entry, "Functional") if class_name == "Model" else entry
    if class_name == "Sequential" and isinstance(config, list):  # before Keras 2.2.3
        config = {"layers": config}
    elif isinstance(config, dict):
        if version < (2, 0):
            class_name, config = _of_keras_1(class_name, config)
        if class_name in ("CuDNNLSTM", "CuDNNGRU"):
            config = {**config, **_CUDNN} | ({"reset_after": True} if class_name == "CuDNNGRU" else {})
        if class_name in ("GRU", "GRUCell"):
            config = {"reset_after": False, **config}  # Keras 2.1 and older had no other
        if class_name in ("LSTM", "GRU", "LSTMCell", "GRUCell") and version < (2, 4):
            config = {"recurrent_activation": "hard_sigmoid", **config}
    return {**_called(entry, _CLASSES.get(class_name, class_name)), "config": config}


def _called(entry: Mapping[str, Any], class_name: str) -> Mapping[str, Any]:
    """The entry under another class name, also where it is registered under its own."""
    own = {"registered_name": class_name} if entry.get("registered_name") == entry["class_name"] else {}
    return {**entry, "class_name": class_name, **own}


def _of_keras_1(class_name: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if class_name == "Merge":
        mode = config.get("mode")
        merged = _MERGES_1.get(mode) if isinstance(mode, str) and "layers" not in config else None
        options = {"axis": config.get("concat_axis", -1)} if merged == "Concatenate" else {}
        return merged or "Merge", {"name": config.get("name"), "trainable": True, **options}
    kept: dict[str, Any] = {"trainable": True} | {key: value for key, value in config.items() if key not in _UNUSED_1}
    if class_name == "InputLayer":
        return class_name, {**kept, "dtype": config.get("input_dtype") or "float32"}
    if class_name == "Embedding":
        return class_name, kept
    if class_name == "ZeroPadding1D" and isinstance(config.get("padding"), dict):
        kept["padding"] = [config["padding"].get(side, 0) for side in ("left_pad", "right_pad")]
    kept.pop("input_dim", None)
    return _CLASSES_1.get(class_name, class_name), {_OPTIONS_1.get(key, key): value for key, value in kept.items()}
