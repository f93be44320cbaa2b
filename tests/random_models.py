"""Random models without Keras, each from its seed: cells, widths odd and even, layers around, masks, ids, states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy_keras import Array, apply

from edgernn.converters.keras.reader import ReadModel, read_keras
from edgernn.converters.keras.source_model import Call, KerasLayer, KerasModel, ModelInput, TensorRef

ACTIVATIONS = ("tanh", "tanh", "relu", "sigmoid", "softsign", "elu", "linear", "hard_sigmoid", "softplus")
GATES = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}
ROWS = 11  # of an Embedding


@dataclass
class RandomModel:
    """A model under construction, layer after layer, with what it computes of samples."""

    random: np.random.Generator
    inputs: list[ModelInput]
    samples: dict[str, Array]
    layers: list[KerasLayer]
    calls: list[Call]
    tensor: TensorRef
    x: Array
    mask: Array | None = None
    outputs: list[tuple[TensorRef, Array]] | None = None
    size: float = 1.0  # of weights

    def pick(self, *choices: Any) -> Any:
        return choices[int(self.random.integers(len(choices)))]

    def whole(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def weight(self, *shape: int, spread: float | None = None) -> Array:
        spread = 0.7 / np.sqrt(max(shape[0], 1)) if spread is None else spread
        return np.asarray(self.random.normal(0, spread, shape) * self.size, "f4")

    def layer(
        self, class_name: str, config: Mapping[str, Any], weights: Mapping[str, Array], **children: KerasLayer
    ) -> KerasLayer:
        return KerasLayer(class_name, f"{class_name.lower()}_{len(self.layers)}", config, weights, children)

    def add(self, layer: KerasLayer, states: Sequence[tuple[TensorRef, Array]] = ()) -> list[tuple[TensorRef, Array]]:
        """Call a layer with what the last one gave."""
        found, self.mask = apply(layer, self.x, self.mask, [array for _, array in states])
        keywords = {"initial_state": tuple(ref for ref, _ in states)} if states else {}
        self.layers.append(layer)
        self.calls.append(Call(layer.name, 0, (self.tensor,), keywords, len(found)))
        refs = [TensorRef(layer.name, 0, k) for k in range(len(found))]
        self.tensor, self.x = refs[0], found[0]
        return list(zip(refs, found, strict=True))

    # --- layers -------------------------------------------------------------------------------------------------------

    def recurrent(self, kind: str = "", features: int = 0, units: int = 0, **options: Any) -> KerasLayer:
        kind = kind or self.pick(*GATES)
        features, units = features or self.x.shape[-1], units or self.whole(1, 11)
        columns = GATES[kind] * units
        config: dict[str, Any] = {"units": units, "activation": self.pick(*ACTIVATIONS), "return_sequences": False}
        after = kind == "GRU" and bool(self.whole(0, 1))
        if kind != "SimpleRNN":
            config["recurrent_activation"] = self.pick("sigmoid", "sigmoid", "hard_sigmoid")
        if kind == "GRU":
            config["reset_after"] = after
        config |= options
        weights = {"kernel": self.weight(features, columns), "recurrent_kernel": self.weight(units, columns)}
        if config.setdefault("use_bias", bool(self.whole(0, 3))):
            weights["bias"] = self.weight(*((2, columns) if after else (columns,)), spread=0.3)
        return self.layer(kind, config, weights)

    def bidirectional(self, sequences: bool) -> KerasLayer:
        first = self.recurrent(return_sequences=sequences)
        other = {"units": first.config["units"], "return_sequences": sequences, "go_backwards": True}
        second = self.recurrent(first.class_name, **other)
        return self.layer("Bidirectional", {"merge_mode": "concat"}, {}, forward=first, backward=second)

    def dense(self, units: int = 0, features: int = 0) -> KerasLayer:
        units = units or self.whole(1, 10)
        config = {"units": units, "activation": self.pick(*ACTIVATIONS, "softmax"), "use_bias": bool(self.whole(0, 1))}
        weights = {"kernel": self.weight(features or self.x.shape[-1], units)}
        return self.layer(
            "Dense", config, weights | ({"bias": self.weight(units, spread=0.3)} if config["use_bias"] else {})
        )

    def convolution(self, steps: int, channels: int, *, causal: bool) -> KerasLayer:
        kind, size = self.pick("Conv1D", "DepthwiseConv1D", "SeparableConv1D"), self.whole(1, min(4, steps))
        stride = self.whole(1, 2)
        dilation = self.pick(1, 2) if stride == 1 and 2 * size - 1 <= steps else 1
        filters, multiplier = self.whole(1, 7), self.whole(1, 2)
        padding = self.pick("valid", "same", *(["causal"] if kind == "Conv1D" and causal else []))
        config = {"kernel_size": size, "strides": stride, "dilation_rate": dilation, "padding": padding}
        config |= {"activation": self.pick(*ACTIVATIONS), "use_bias": True}
        if kind == "Conv1D":
            kernel = {"kernel": self.weight(size, channels, filters, spread=0.7 / np.sqrt(size * channels))}
            return self.layer(kind, config | {"filters": filters}, {**kernel, "bias": self.weight(filters, spread=0.3)})
        deep = {"depthwise_kernel": self.weight(size, channels, multiplier)}
        config["depth_multiplier"] = multiplier
        if kind == "DepthwiseConv1D":
            return self.layer(kind, config, {**deep, "bias": self.weight(channels * multiplier, spread=0.3)})
        deep["pointwise_kernel"] = self.weight(1, channels * multiplier, filters, spread=0.5)
        return self.layer(kind, config | {"filters": filters}, {**deep, "bias": self.weight(filters, spread=0.3)})

    def pooling(self, steps: int) -> KerasLayer:
        size = self.whole(1, min(3, steps))
        config = {"pool_size": size, "strides": self.whole(1, size), "padding": self.pick("valid", "same")}
        return self.layer(self.pick("MaxPooling1D", "AveragePooling1D"), config, {})

    def normalization(self) -> KerasLayer:
        width, kind = self.x.shape[-1], self.pick("LayerNormalization", "BatchNormalization")
        weights = {"gamma": self.weight(width, spread=0.2) + 1, "beta": self.weight(width, spread=0.3)}
        if kind == "BatchNormalization":
            variance = np.asarray(self.random.uniform(0.3, 2, width), "f4")
            weights |= {"moving_mean": self.weight(width, spread=0.3), "moving_variance": variance}
        return self.layer(kind, {"axis": -1, "epsilon": 0.01}, weights)

    def distributed(self) -> None:
        """Windows of windows: every step becomes a sequence of its own, and a vector again."""
        steps = self.x.shape[1]
        inner = self.whole(2, 4)
        self.add(self.dense(units=inner * self.whole(1, 4)))
        channels = self.x.shape[-1] // inner
        shape = self.layer("Reshape", {"target_shape": [steps, inner, channels]}, {})
        self.layers.append(shape)
        self.calls.append(Call(shape.name, 0, (self.tensor,), {}, 1))
        self.tensor, self.x = TensorRef(shape.name, 0, 0), self.x.reshape(len(self.x), steps, inner, channels)
        for _ in range(self.whole(1, 2)):
            length, channels = self.x.shape[2:]
            match self.pick("convolution", "pooling", "recurrent", "both ways"):
                case "convolution":
                    child = self.convolution(length, channels, causal=True)
                case "pooling":
                    child = self.pooling(length)
                case "recurrent":
                    child = self.recurrent(return_sequences=True)
                case _:
                    child = self.bidirectional(True)
            self.add(self.layer("TimeDistributed", {}, {}, layer=child))
        last = self.pick("Flatten", "GlobalMaxPooling1D", "GlobalAveragePooling1D", "")
        child = self.layer(last, {}, {}) if last else self.recurrent()
        self.add(self.layer("TimeDistributed", {}, {}, layer=child))

    # --- models -------------------------------------------------------------------------------------------------------

    def sequence(self) -> None:
        """A layer from sequence to sequence."""
        steps, width = self.x.shape[1:]
        kinds = ["recurrent", "recurrent", "both ways", "dense", "normalization"]
        if self.mask is None:
            kinds += ["convolution", "pooling", "padding", "windows of windows"]
        match self.pick(*kinds):
            case "recurrent":
                backwards = self.mask is None and not self.whole(0, 3)
                self.add(self.recurrent(return_sequences=True, go_backwards=backwards))
            case "both ways" if self.mask is None:
                self.add(self.bidirectional(True))
            case "convolution":
                self.add(self.convolution(steps, width, causal=True))
            case "pooling":
                self.add(self.pooling(steps))
            case "padding":
                self.add(self.layer("ZeroPadding1D", {"padding": [self.whole(0, 2), self.whole(0, 2)]}, {}))
            case "windows of windows":
                self.distributed()
            case "normalization":
                self.add(self.normalization())
            case _:
                self.add(self.dense())

    def end(self) -> None:
        """From sequence to outputs."""
        self.outputs = []
        match self.pick("sequence", "last", "last", "states", "both ways", "flat", "pooled", "decoder"):
            case "last":
                self.add(self.recurrent())
            case "states":
                sequences = bool(self.whole(0, 1))
                found = self.add(self.recurrent(return_sequences=sequences, return_state=True))
                self.outputs = found if self.whole(0, 1) else found[1:]
                if len(self.outputs) == len(found):
                    return
                self.tensor, self.x = found[0]
            case "both ways" if self.mask is None:
                self.add(self.bidirectional(False))
            case "flat" if self.mask is None:
                self.add(self.layer("Flatten", {}, {}))
            case "pooled":
                kinds = ["GlobalAveragePooling1D", *(["GlobalMaxPooling1D"] if self.mask is None else [])]
                self.add(self.layer(self.pick(*kinds), {}, {}))
            case "decoder" if self.mask is None:
                _, *states = self.add(self.recurrent(return_state=True))
                kind, units = self.layers[-1].class_name, states[0][1].shape[-1]
                steps, features = self.whole(2, 5), self.whole(1, 4)
                self.enter("target", np.asarray(self.random.normal(0, 1, (len(self.x), steps, features)), "f4"))
                self.add(self.recurrent(kind, units=units, return_sequences=True), states)
        if self.whole(0, 1):
            self.add(self.dense())
        self.outputs = [(self.tensor, self.x), *(each for each in self.outputs if each[0] != self.tensor)]

    def enter(self, name: str, array: Array) -> None:
        """Go on from a new input."""
        self.inputs.append(ModelInput(name, array.shape[1:], str(array.dtype)))
        self.samples[name] = array
        self.tensor, self.x, self.mask = TensorRef(name, 0, 0), array, None

    def read(self) -> ReadModel:
        """As the reader would have it from a file."""
        assert self.outputs is not None, "the model has an end"
        refs = tuple(ref for ref, _ in self.outputs)
        names = tuple(f"answer{k}" for k in range(len(refs)))
        return read_keras(KerasModel("model", tuple(self.layers), tuple(self.calls), tuple(self.inputs), refs, names))

    def answers(self) -> list[Array]:
        """What Keras would answer."""
        assert self.outputs is not None, "the model has an end"
        return [array for _, array in self.outputs]


def random_model(seed: int, samples: int = 24, *, size: float = 1.0) -> RandomModel:
    """The model of a seed, with samples.

    Args:
        seed: the same model for the same seed.
        samples: how many.
        size: factor of all weights, 1 for those of a trained model.
    """
    model = _empty(seed, size)
    steps, width = model.whole(2, 9), model.whole(1, 9)
    if model.whole(0, 5) == 0:
        model.enter("x", model.random.integers(0, ROWS, (samples, steps)).astype("i4"))
        model.x[:, 0] = np.maximum(model.x[:, 0], 1)
        config = {"input_dim": ROWS, "output_dim": width, "mask_zero": bool(model.whole(0, 1))}
        model.add(model.layer("Embedding", config, {"embeddings": model.weight(ROWS, width, spread=0.7)}))
    else:
        model.enter("x", np.asarray(model.random.normal(0, 1, (samples, steps, width)), "f4"))
        if model.whole(0, 5) == 0:
            model.x[:, 1:][model.random.random((samples, steps - 1)) < 0.3] = 0
            model.add(model.layer("Masking", {"mask_value": 0.0}, {}))
    for _ in range(model.whole(0, 2)):
        model.sequence()
    model.end()
    return model


def random_model_of(seed: int, steps: int, samples: int = 24) -> RandomModel:
    """An input of standard normal numbers that nobody reads yet."""
    model = _empty(seed, 1.0)
    model.enter("x", np.asarray(model.random.normal(0, 1, (samples, steps, model.whole(1, 9))), "f4"))
    return model


def _empty(seed: int, size: float) -> RandomModel:
    return RandomModel(np.random.default_rng(seed), [], {}, [], [], TensorRef("x", 0, 0), np.zeros(0), size=size)
