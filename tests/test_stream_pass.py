"""A stream gives at every frame what the window model gives at that step: in float, and exactly in C's integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_models import randomize
from numpy.typing import NDArray

from edgernn.converters.c.compile import lower
from edgernn.converters.c.reference import evaluate_integers
from edgernn.converters.keras.reader import read_model
from edgernn.graph import Graph
from edgernn.passes import simplify
from edgernn.passes.stream import NoStreamError, Streamed, stream
from edgernn.reference import evaluate

Array = NDArray[Any]
Layers = Callable[[Any], list[Any]]

# Name: features, whether it may look ahead, layers.
MODELS: dict[str, tuple[int, int, Layers]] = {
    "gru": (3, 0, lambda k: [k.GRU(5), k.Dense(2)]),
    "textbook gru": (3, 0, lambda k: [k.GRU(5, reset_after=False), k.Dense(2)]),
    "every step": (3, 0, lambda k: [k.LSTM(4, return_sequences=True), k.Dense(2)]),
    "stacked": (3, 0, lambda k: [k.GRU(5, return_sequences=True), k.LSTM(4), k.Dense(2)]),
    "plain": (2, 0, lambda k: [k.SimpleRNN(4, return_sequences=True), k.TimeDistributed(k.Dense(3))]),
    "causal": (3, 0, lambda k: [k.Conv1D(4, 3, padding="causal"), k.GRU(5)]),
    "dilated": (3, 0, lambda k: [k.Conv1D(4, 3, dilation_rate=2, padding="causal"), k.LSTM(5)]),
    "valid": (3, 0, lambda k: [k.Conv1D(4, 3), k.GRU(5)]),
    "valid, every step": (3, 0, lambda k: [k.Conv1D(4, 4), k.GRU(5, return_sequences=True), k.Dense(2)]),
    "valid then causal": (3, 0, lambda k: [k.Conv1D(4, 3), k.Conv1D(4, 3, padding="causal"), k.GRU(5)]),
    "causal then valid": (3, 0, lambda k: [k.Conv1D(4, 3, padding="causal"), k.Conv1D(4, 4), k.GRU(5)]),
    "strided": (3, 0, lambda k: [k.Conv1D(4, 3, strides=2), k.GRU(5)]),
    "strided causal": (3, 0, lambda k: [k.Conv1D(4, 3, strides=2, padding="causal"), k.GRU(5)]),
    "wider stride than size": (3, 0, lambda k: [k.Conv1D(4, 1, strides=2), k.LSTM(5)]),
    "pooled": (3, 0, lambda k: [k.Conv1D(4, 3, padding="causal"), k.MaxPooling1D(2), k.GRU(5)]),
    "overlapping mean": (3, 0, lambda k: [k.AveragePooling1D(3, 1), k.LSTM(5)]),
    "two strides": (3, 0, lambda k: [k.Conv1D(4, 3, strides=2), k.AveragePooling1D(2), k.GRU(5)]),
    "depthwise": (3, 0, lambda k: [k.SeparableConv1D(4, 3), k.GRU(5)]),
    "cropped": (3, 0, lambda k: [k.Cropping1D((2, 0)), k.GRU(5)]),
    "cropped behind": (3, 0, lambda k: [k.Cropping1D((0, 2)), k.GRU(5)]),
    "cropped behind, strided": (3, 0, lambda k: [k.Cropping1D((1, 2)), k.Conv1D(4, 3, strides=2), k.GRU(5)]),
    "cropped behind, largest": (3, 0, lambda k: [k.Cropping1D((0, 3)), k.GlobalMaxPooling1D(), k.Dense(2)]),
    "cropped behind, every step": (3, 0, lambda k: [k.Cropping1D((0, 2)), k.GRU(5, return_sequences=True)]),
    "padded": (3, 0, lambda k: [k.ZeroPadding1D((2, 0)), k.Conv1D(4, 3), k.GRU(5)]),
    "padded less": (3, 0, lambda k: [k.ZeroPadding1D((1, 0)), k.Conv1D(4, 4), k.LSTM(5)]),
    "looks ahead": (3, 1, lambda k: [k.Conv1D(4, 3, padding="same"), k.GRU(5, return_sequences=True)]),
    "padded before a loop": (3, 2, lambda k: [k.ZeroPadding1D((2, 0)), k.GRU(5, return_sequences=True), k.Dense(2)]),
    "padded more than taken up": (
        3,
        2,
        lambda k: [k.ZeroPadding1D((4, 0)), k.Conv1D(4, 3), k.LSTM(5, return_sequences=True)],
    ),
    "pooled, same, in step": (3, 0, lambda k: [k.MaxPooling1D(2, padding="same"), k.GRU(5, return_sequences=True)]),
    "mean, same, in step": (3, 0, lambda k: [k.AveragePooling1D(2, padding="same"), k.GRU(5)]),
    "pooled, same": (3, 1, lambda k: [k.MaxPooling1D(3, 1, padding="same"), k.GRU(5, return_sequences=True)]),
    "pooled, same, valid": (
        3,
        1,
        lambda k: [k.Conv1D(4, 3), k.MaxPooling1D(3, 1, padding="same"), k.GRU(5, return_sequences=True)],
    ),
    "largest": (3, 0, lambda k: [k.GRU(5, return_sequences=True), k.GlobalMaxPooling1D(), k.Dense(2)]),
    "largest, valid": (3, 0, lambda k: [k.Conv1D(4, 3), k.GRU(5, return_sequences=True), k.GlobalMaxPooling1D()]),
    "normalized": (4, 0, lambda k: [k.LayerNormalization(), k.GRU(5), k.Dense(2, activation="softmax")]),
    "norm of batches": (4, 0, lambda k: [k.Conv1D(4, 3), k.BatchNormalization(), k.ReLU(), k.GRU(5)]),
    "masked": (3, 0, lambda k: [k.Masking(), k.GRU(5), k.Dense(2)]),
}
FLOAT_ONLY: dict[str, tuple[int, int, Layers]] = {
    "mean": (3, 0, lambda k: [k.GRU(5, return_sequences=True), k.GlobalAveragePooling1D()]),
    "mean, valid": (3, 0, lambda k: [k.Conv1D(4, 3), k.GlobalAveragePooling1D(), k.Dense(2)]),
}
STEPS = 24


def sequential(features: int, layers: Layers) -> Any:
    import keras

    model = keras.Sequential([keras.Input((None, features)), *layers(keras.layers)])
    randomize(model)
    return model


def gated(features: int) -> Any:
    """Two convolutions of one size behind something that waits: their rings shall not be mistaken for each other."""
    import keras
    from keras import layers as k

    x = keras.Input((None, features))
    h = k.Conv1D(4, 3)(x)
    ways = [k.Conv1D(4, 3, padding="causal", activation=name)(h) for name in ("tanh", "sigmoid")]
    model = keras.Model(x, k.GRU(4, return_sequences=True)(k.Multiply()(ways)))
    randomize(model)
    return model


def two_heads(features: int) -> Any:
    """Two running maxima of sequences that begin at different frames."""
    import keras
    from keras import layers as k

    x = keras.Input((None, features))
    heads = [k.GlobalMaxPooling1D()(k.Cropping1D((begin, 0))(x)) for begin in (1, 9)]
    model = keras.Model(x, k.Concatenate()([*heads, k.GlobalMaxPooling1D()(x)]))
    randomize(model)
    return model


def residual(features: int) -> Any:
    """Branches that wait differently: the slower one needs three frames."""
    import keras
    from keras import layers as k

    x = keras.Input((None, features))
    y = k.Add()([k.Conv1D(features, 3)(x), k.Cropping1D((1, 1))(x)])
    model = keras.Model(x, k.GRU(4, return_sequences=True)(y))
    randomize(model)
    return model


def streamed_answers(
    streamed: Streamed, x: Array, run: Callable[[Graph, dict[str, Array]], dict[str, Array]]
) -> list[Array]:
    """The valid answers of each hop, the first output's, in order; x is [frames, features]."""
    kept = {state.value.name: state.initial.constant[None] for state in streamed.states}
    (frame,) = streamed.frames
    output = streamed.outputs[0]
    answers = []
    for hop in range(len(x) // streamed.hop):
        part = x[hop * streamed.hop : (hop + 1) * streamed.hop].reshape(1, *frame.shape)
        arrays = run(streamed.graph, {frame.name: part, **kept})
        kept = {
            state.value.name: np.broadcast_to(
                arrays[state.next.name] if state.next.data is None else state.next.constant[None],
                (1, *state.value.shape),
            )
            for state in streamed.states
        }
        if hop >= output.skip:
            answer = arrays[streamed.graph.outputs[0].name][0]
            if output.per_hop:
                answer = answer.reshape(output.per_hop, -1)
                answer = answer[output.first :] if hop == output.skip else answer
            answers.append(answer)
    return answers


def compare(
    graph_of: Callable[[int], Graph], lookahead: int, hop: int | None, run: Any, x: Array, least: int = 3
) -> tuple[Streamed, float]:
    """The largest difference between a stream and the window model, at every step."""
    streamed = stream(graph_of(STEPS), hop, lookahead)
    answers = streamed_answers(streamed, x, run)
    worst = 0.0
    if streamed.outputs[0].per_hop:
        window = graph_of(STEPS)
        whole = run(window, {window.inputs[0].name: x[None]})[window.outputs[0].name][0]
        ours = np.concatenate(answers)
        count = min(len(ours), len(whole) - lookahead)
        assert count >= least
        return streamed, float(np.abs(ours[:count].astype("f8") - whole[:count]).max())
    assert len(answers) >= least
    for number, answer in enumerate(answers):
        frames = (number + 1 + streamed.outputs[0].skip) * streamed.hop
        window = graph_of(frames)
        whole = run(window, {window.inputs[0].name: x[None, :frames]})[window.outputs[0].name][0]
        worst = max(worst, float(np.abs(answer.astype("f8") - whole).max()))
    return streamed, worst


@pytest.mark.parametrize("hop", [None, 4])
@pytest.mark.parametrize("name", [*MODELS, *FLOAT_ONLY])
def test_a_float_stream_gives_what_the_window_of_its_frames_gives(name: str, hop: int | None) -> None:
    features, lookahead, layers = {**MODELS, **FLOAT_ONLY}[name]
    model = sequential(features, layers)

    def graph_of(steps: int) -> Graph:
        return simplify(read_model(model, steps=steps).graph)

    x = np.random.default_rng(5).standard_normal((STEPS, features)).astype("f4")
    _, error = compare(graph_of, lookahead, hop, evaluate, x)
    assert error <= 1e-5


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[tuple[str, dict[str, Any]]], int]:
    """Layers, and the product of their strides: up to two that see a few frames, and a recurrent one."""
    layers: list[tuple[str, dict[str, Any]]] = []
    stride = 1
    for _ in range(draw(st.integers(0, 2))):
        size, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 2))
        step = draw(st.integers(1, 2)) if dilation == 1 else 1  # Keras has not both
        padding = draw(st.sampled_from(["causal", "valid"]))
        if draw(st.booleans()):
            options = {"kernel_size": size, "strides": step, "dilation_rate": dilation, "padding": padding}
            layers.append(("Conv1D", {"filters": 3, **options}))
        else:
            kind = draw(st.sampled_from(["MaxPooling1D", "AveragePooling1D"]))
            layers.append((kind, {"pool_size": size, "strides": step}))
        stride *= step
    cell = draw(st.sampled_from(["GRU", "LSTM", "SimpleRNN"]))
    layers.append((cell, {"units": 3, "return_sequences": draw(st.booleans())}))
    return layers, stride


@settings(max_examples=40)
@given(network=networks(), times=st.integers(1, 3), seed=st.integers(0, 99))
def test_any_stack_streams_in_hops_of_any_size(
    network: tuple[list[tuple[str, dict[str, Any]]], int], times: int, seed: int
) -> None:
    layers, stride = network
    model = sequential(2, lambda k: [getattr(k, name)(**options) for name, options in layers])
    x = np.random.default_rng(seed).standard_normal((STEPS, 2)).astype("f4")
    hop = stride * times
    streamed, error = compare(
        lambda steps: simplify(read_model(model, steps=steps).graph), 0, hop, evaluate, x, least=1
    )
    assert streamed.hop == hop
    assert error <= 1e-5


@pytest.mark.parametrize("hop", [1, 3, 12])
@pytest.mark.parametrize("make", [gated, two_heads])
def test_states_of_like_layers_have_names_of_their_own(make: Callable[[int], Any], hop: int) -> None:
    model = make(3)
    x = np.random.default_rng(5).standard_normal((STEPS, 3)).astype("f4")
    graphs = {steps: simplify(read_model(model, steps=steps).graph) for steps in range(10, STEPS + 1)}
    streamed, error = compare(graphs.__getitem__, 0, hop, evaluate, x, least=1)
    assert error <= 1e-5
    names = [state.value.name for state in streamed.states]
    assert len(set(names)) == len(names)


def test_a_vector_as_long_as_the_window_is_no_sequence() -> None:
    import keras
    from keras import layers as k

    x, person = keras.Input((STEPS, 3)), keras.Input((STEPS,))
    model = keras.Model([x, person], k.Concatenate()([k.GRU(4)(x), k.Dense(2)(person)]))
    assert stream(simplify(read_model(model).graph)).timed == (True, False)


@pytest.mark.parametrize("hop", [1, 3])
def test_branches_wait_for_each_other(hop: int) -> None:
    model = residual(3)
    x = np.random.default_rng(5).standard_normal((STEPS, 3)).astype("f4")
    streamed, error = compare(lambda steps: simplify(read_model(model, steps=steps).graph), 0, hop, evaluate, x)
    assert error <= 1e-5
    assert any("ring1" in state.value.name for state in streamed.states)


def check_integers(model: Any, features: int, lookahead: int, hop: int | None, seed: int) -> Streamed:
    """A stream of C's integers against its window, bit by bit."""
    random = np.random.default_rng(seed)
    calibration = random.standard_normal((30, STEPS, features)).astype("f4")
    graph = read_model(model, steps=STEPS).graph
    lowered, _ = lower(graph, "int8", "int8", "minmax", {graph.inputs[0].name: calibration})
    streamed = stream(lowered, hop, lookahead)
    form = lowered.inputs[0].quantization
    assert form is not None
    x = form.quantize(random.standard_normal((STEPS, features)), "int8")
    answers = streamed_answers(streamed, x, evaluate_integers)
    whole = evaluate_integers(lowered, {lowered.inputs[0].name: x[None]})[lowered.outputs[0].name][0]
    if streamed.outputs[0].per_hop:
        ours = np.concatenate(answers)
        count = min(len(ours), len(whole) - lookahead)
        np.testing.assert_array_equal(ours[:count], whole[:count])
    elif STEPS % streamed.hop == 0:
        np.testing.assert_array_equal(answers[-1], whole)
    return streamed


@pytest.mark.parametrize("hop", [None, 4])
@pytest.mark.parametrize("name", [name for name in MODELS if name != "masked"])  # whose mask is an input of its own
def test_an_integer_stream_is_the_window_bit_by_bit(name: str, hop: int | None) -> None:
    features, lookahead, layers = MODELS[name]
    check_integers(sequential(features, layers), features, lookahead, hop, seed=5)


@settings(max_examples=25)
@given(network=networks(), times=st.integers(1, 4), seed=st.integers(0, 99))
def test_any_stack_of_integers_streams_bit_by_bit_in_hops_of_any_size(
    network: tuple[list[tuple[str, dict[str, Any]]], int], times: int, seed: int
) -> None:
    layers, stride = network
    model = sequential(2, lambda k: [getattr(k, name)(**options) for name, options in layers])
    assert check_integers(model, 2, 0, stride * times, seed).hop == stride * times


REFUSED: dict[str, tuple[Layers, str]] = {
    "both ways": (lambda k: [k.Bidirectional(k.GRU(3))], "read from its beginning"),
    "backwards": (lambda k: [k.GRU(3, go_backwards=True)], "read from its beginning"),
    "looks ahead": (lambda k: [k.Conv1D(4, 5, padding="same"), k.GRU(3)], "it looks 2 frames ahead"),
    "padded": (lambda k: [k.ZeroPadding1D((2, 0)), k.GRU(3)], "2 elements before the first frame"),
    "flat": (lambda k: [k.GRU(3, return_sequences=True), k.Flatten(), k.Dense(2)], "whole sequence"),
    "pool": (lambda k: [k.AveragePooling1D(3, 1, padding="same"), k.GRU(3)], "which pads 2 of 8 steps"),
    "largest ahead": (lambda k: [k.MaxPooling1D(3, 1, padding="same"), k.GRU(3)], "it looks 1 frame ahead"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_stream_is_refused_with_what_to_do_instead(name: str) -> None:
    import keras

    layers, words = REFUSED[name]
    model = keras.Sequential([keras.Input((8, 3)), *layers(keras.layers)])
    with pytest.raises(NoStreamError, match=words) as caught:
        stream(simplify(read_model(model).graph))
    assert caught.value.hint


def test_every_step_with_every_other_one_is_refused() -> None:
    import keras
    from keras import layers as k

    x = keras.Input((8, 3))
    model = keras.Model(x, k.GRU(3)(k.Dot(axes=2)([x, k.Dense(3)(x)])))
    with pytest.raises(NoStreamError, match="every step with every other one"):
        stream(simplify(read_model(model).graph))


def test_a_hop_that_strides_do_not_divide_is_refused_and_one_that_works_is_named() -> None:
    graph = simplify(read_model(sequential(3, MODELS["two strides"][2]), steps=24).graph)
    assert stream(graph).hop == 4
    with pytest.raises(NoStreamError, match="a hop of 6, with 12 it would work"):
        stream(graph, 6)
