"""Streamed artifacts on every runtime give what the window artifact gives at every step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamed_models import ALL, Array, fixed, streamed
from test_stream_pass import MODELS, STEPS, gated, two_heads

import edgernn
from edgernn.devices.host.session import open_session
from edgernn.errors import InputError

# Scheme, target and runtime, and how many units of the output's scale a stream may differ from the window.
KEPT = ("gru", "every step", "valid", "pooled", "largest, valid")  # the same graphs, with the state inside
# Every model has these ways in every run of the tests; those that are kept have all of them, the others in test-all.
ALWAYS = ("float32, litert", "int8, litert", "int8, micro")
LOST = ("largest, valid",)  # a maximum begins with the least number, and TFLite-Micro's Reset() clears to zero
ALIKE = ("float16, litert", "int16x8, litert")  # graphs that another way runs for every model
# The scheme dynamic takes the range of all that a convolution reads, of the window here and of a hop there.
DYNAMIC_CONVOLUTION = 0.01
WAYS = {
    "float32, litert": ("float32", "phone", "litert", None),
    "float32, micro": ("float32", "micro", "micro", None),
    "float16, litert": ("float16", "phone", "litert", None),
    "dynamic, litert": ("dynamic", "phone", "litert", None),
    "int8, litert": ("int8", "phone", "litert", 1),
    "int16x8, litert": ("int16x8", "phone", "litert", 1),
    "int8, micro": ("int8", "micro", "micro", 0),
    "int16x8, micro": ("int16x8", "micro", "micro", 0),
}


def window_answers(path: Path, runtime: str, sample: Array) -> tuple[Array, float]:
    """What the window artifact gives, and its output's scale."""
    session = open_session(path, runtime)
    fed = {}
    for info in session.inputs:
        fed[info.name] = (sample != 0).any(-1)[None] if info.dtype == "bool" else info.quantize(sample[None])
    (info,) = session.outputs
    return np.atleast_2d(info.dequantize(session.run(fed)[info.name])[0]), info.scale


CASES = [
    pytest.param(name, way, state, marks=() if name in KEPT or way in ALWAYS else pytest.mark.slow)
    for name in ALL
    for way in WAYS
    for state in ("io", "internal")
    if (name in MODELS or way.startswith(("float", "dynamic")))
    and (name in KEPT or (state == "io" and way not in ALIKE))
    and not (name in LOST and state == "internal" and way.endswith("micro"))
]


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("way", [way for way in WAYS if way.endswith("micro")])
def test_a_state_that_a_micro_would_lose_at_its_reset_is_refused(name: str, way: str, tmp_path: Path) -> None:
    scheme, target, *_ = WAYS[way]
    _, lookahead, samples = fixed(name, tmp_path / "m.keras")
    options: dict[str, Any] = {"quantize": scheme, "target": target, "lookahead": lookahead, "streaming": True}
    if scheme.startswith("int"):
        options["calibration"] = samples
    with pytest.raises(InputError, match=r"Reset\(\)"):
        edgernn.convert(tmp_path / "m.keras", tmp_path / "s.tflite", state="internal", **options)
    assert not (tmp_path / "s.tflite").exists()


@pytest.mark.parametrize(("name", "way", "state"), CASES)
def test_a_stream_is_the_window_on_every_runtime(name: str, way: str, state: str, tmp_path: Path) -> None:
    scheme, target, runtime, units = WAYS[way]
    _, lookahead, samples = fixed(name, tmp_path / "m.keras")
    # Widened tensors of the models that are kept: what 8 bits harm is the same in a stream as in its window.
    options: dict[str, Any] = {"quantize": scheme, "target": target, "measure": name in KEPT}
    if scheme.startswith("int"):
        options["calibration"] = samples
    edgernn.convert(tmp_path / "m.keras", tmp_path / "window.tflite", **options)
    made = edgernn.convert(
        tmp_path / "m.keras", tmp_path / "s.tflite", streaming=True, lookahead=lookahead, state=state, **options
    )
    assert made.form == "step"
    whole, scale = window_answers(tmp_path / "window.tflite", runtime, samples[0])
    session = edgernn.StreamingSession(tmp_path / "s.tflite", runtime)
    first = streamed(session, samples[0])
    session.reset()
    again = streamed(session, samples[0])
    np.testing.assert_array_equal(first, again)
    timed = len(whole) > 1
    ours = first if timed else first[-1:]
    count = min(len(ours), len(whole) - lookahead) if timed else 1
    difference = np.abs(ours[:count].astype("f8") - whole[:count]).max()
    if scheme == "dynamic" and "CONV" in " ".join(edgernn.inspect(tmp_path / "s.tflite").operators):
        assert difference <= DYNAMIC_CONVOLUTION
    else:
        assert difference <= (1e-5 if units is None else units * scale * 1.001)


@pytest.mark.parametrize(
    ("name", "scheme", "hop"),
    [
        pytest.param(name, scheme, hop, marks=() if name in KEPT or (scheme, hop) == ("int8", 4) else pytest.mark.slow)
        for scheme, hop in (("float32", None), ("int8", None), ("int8", 4))
        for name in (ALL if scheme == "float32" else MODELS)
    ],
)
def test_a_stream_in_c_is_the_window_bit_by_bit(name: str, scheme: str, hop: int | None, tmp_path: Path) -> None:
    _, lookahead, samples = fixed(name, tmp_path / "m.keras")
    options: dict[str, Any] = {"format": "c", "quantize": scheme, "name": "model", "measure": name in KEPT}
    if scheme == "int8":
        options["calibration"] = samples
    edgernn.convert(tmp_path / "m.keras", tmp_path / "c", streaming=True, hop=hop, lookahead=lookahead, **options)
    whole, _ = window_answers_c(tmp_path / "c", samples[0])
    with edgernn.StreamingSession(tmp_path / "c") as session, edgernn.StreamingSession(tmp_path / "c") as other:
        list(other.run(samples[1]))  # another stream beside it
        first = streamed(session, samples[0])
    timed = len(whole) > 1
    ours = first if timed else first[-1:]
    count = min(len(ours), len(whole) - lookahead) if timed else 1
    difference = np.abs(ours[:count].astype("f8") - whole[:count]).max()
    assert difference <= (1e-5 if scheme == "float32" else 0)


def window_answers_c(folder: Path, sample: Array) -> tuple[Array, float]:
    """What `run` gives."""
    session = open_session(folder, "c")
    fed = {}
    for info in session.inputs:
        fed[info.name] = (sample != 0).any(-1)[None] if info.dtype == "bool" else info.quantize(sample[None])
    (info,) = session.outputs
    return np.atleast_2d(info.dequantize(session.run(fed)[info.name])[0]), info.scale


@pytest.mark.parametrize("state", ["io", "internal"])
@pytest.mark.parametrize("way", [*WAYS, "float32, c", "int8, c"])
def test_streams_side_by_side_and_resets_in_mid_stream_change_no_bit(way: str, state: str, tmp_path: Path) -> None:
    scheme, target, runtime, _ = WAYS.get(way, (way.split(",")[0], "phone", "c", None))
    _, _, samples = fixed("valid, every step", tmp_path / "m.keras")
    options: dict[str, Any] = {"quantize": scheme, "hop": 3, "streaming": True}
    if scheme.startswith("int"):
        options["calibration"] = samples
    options |= {"format": "c", "name": "model"} if runtime == "c" else {"target": target, "state": state}
    edgernn.convert(tmp_path / "m.keras", tmp_path / "s", **options)

    def answers(session: edgernn.StreamingSession, frames: Array) -> bytes:
        return b"".join(answer.tobytes() for answer in session.run(frames))

    alone = [answers(edgernn.StreamingSession(tmp_path / "s", runtime), sample) for sample in samples[:2]]
    with edgernn.StreamingSession(tmp_path / "s", runtime) as a, edgernn.StreamingSession(tmp_path / "s", runtime) as b:
        found = [b"", b""]
        for frames in zip(samples[0], samples[1], strict=True):
            for k, (session, frame) in enumerate(zip((a, b), frames, strict=True)):
                answer = session.step(frame)
                found[k] += b"" if answer is None else answer.tobytes()
        assert found == alone
        for cut in (1, 5, 16):  # in the midst of a hop, of the wait, and of the stream
            a.reset()
            answers(a, samples[2, :cut])
            a.reset()
            assert answers(a, samples[0]) == alone[0]


@pytest.mark.parametrize(
    ("make", "way", "state"),
    [
        (make, way, state)
        for make in (gated, two_heads)
        for way in ("float32, litert", "int8, micro")
        for state in ("io", "internal")
        if (make, way, state) != (two_heads, "int8, micro", "internal")  # one of its heads takes a maximum; see LOST
    ],
)
def test_like_layers_keep_states_of_their_own(make: Any, way: str, state: str, tmp_path: Path) -> None:
    scheme, target, runtime, units = WAYS[way]
    model = make(3)
    samples = np.random.default_rng(7).standard_normal((20, STEPS, 3)).astype("f4")
    options: dict[str, Any] = {"quantize": scheme, "target": target, "steps": STEPS}
    if scheme == "int8":
        options["calibration"] = samples
    edgernn.convert(model, tmp_path / "window.tflite", **options)
    edgernn.convert(model, tmp_path / "s.tflite", streaming=True, state=state, **options)
    whole, scale = window_answers(tmp_path / "window.tflite", runtime, samples[0])
    with edgernn.StreamingSession(tmp_path / "s.tflite", runtime) as session:
        ours = streamed(session, samples[0])[-len(whole) :]
    assert np.abs(ours - whole).max() <= (1e-5 if units is None else units * scale)


@pytest.mark.parametrize("scheme", ["float32", "int8"])
def test_a_long_hop_behind_a_layer_that_waits_runs_on_a_micro(scheme: str, tmp_path: Path) -> None:
    _, _, samples = fixed("valid, every step", tmp_path / "m.keras")
    options: dict[str, Any] = {"quantize": scheme, "target": "micro"}
    if scheme == "int8":
        options["calibration"] = samples
    edgernn.convert(tmp_path / "m.keras", tmp_path / "window.tflite", **options)
    made = edgernn.convert(tmp_path / "m.keras", tmp_path / "s.tflite", streaming=True, hop=12, **options)
    whole, _ = window_answers(tmp_path / "window.tflite", "micro", samples[0])
    with edgernn.StreamingSession(tmp_path / "s.tflite", "micro") as session:
        np.testing.assert_allclose(streamed(session, samples[0]), whole, atol=1e-5 if scheme == "float32" else 0)
    larger = edgernn.convert(tmp_path / "m.keras", streaming=True, hop=500, **options)
    assert larger.size < made.size + 1024, "a hop's length is no matter of size"
