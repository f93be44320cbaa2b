"""Models of realistic size for the table of forms."""

from __future__ import annotations

from typing import Any

from conformance.cases import Build, sequence


def recurrent(name: str, units: int, shape: tuple[int, ...], *, masked: bool = False, **options: Any) -> Build:
    """One recurrent layer behind a Masking, if asked for, and a Dense."""
    front = (lambda k: k.Masking(0.0),) if masked else ()
    return sequence(*front, lambda k: getattr(k, name)(units, **options), lambda k: k.Dense(3), shape=shape)


def text(name: str, units: int, steps: int, *, mask: bool = False, **options: Any) -> Build:
    """Ids through an Embedding."""
    return sequence(
        lambda k: k.Embedding(200, 16, mask_zero=mask),
        lambda k: getattr(k, name)(units, **options),
        lambda k: k.Dense(2),
        shape=(steps,),
        dtype="int32",
    )


def adjusted(build: Build, **factors: float) -> Build:
    """The same with the recurrent layer's weights multiplied, by name: kernel, recurrent_kernel, bias."""

    def made(keras: Any) -> Any:
        model = build(keras)
        layer = next(layer for layer in model.layers if hasattr(layer, "cell"))
        for weight in layer.weights:
            weight.assign(weight.numpy() * factors.get(weight.name, 1.0))
        return model

    return made


def hoarding(build: Build) -> Build:
    """The same with an LSTM that forgets nothing and adds at every step: its cell state leaves +-8."""

    def made(keras: Any) -> Any:
        model = build(keras)
        layer = next(layer for layer in model.layers if hasattr(layer, "cell"))
        bias = layer.cell.bias
        gates = bias.numpy().reshape(4, -1)
        gates[:2] = 5.0  # i, f
        bias.assign(gates.reshape(-1))
        return model

    return made
