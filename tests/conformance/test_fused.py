"""The form `fused`: the runtimes' LSTM kernel where it applies, a rule where it does not."""

from __future__ import annotations

import pytest

from conformance.test_conformance import TESTED, prepared, relative_error, run
from edgernn.compiler import Options, compile_graph
from edgernn.devices.host.session import open_session
from edgernn.errors import UnsupportedError
from edgernn.targets import PHONE, Scheme


@pytest.mark.parametrize("scheme", ["float32", "dynamic"])
@pytest.mark.parametrize(
    "name", ["lstm/plain", "lstm/17-units", "lstm/no-bias", "lstm/backwards-sequences", "stacked-lstm"]
)
def test_standard_lstm_is_one_operator(name: str, scheme: Scheme) -> None:
    read, samples, expected = prepared(name)
    content = compile_graph(read.graph, Options(scheme, PHONE, "fused", "float32", "mse"), None, {})
    runtimes = ("litert", "micro") if scheme == "float32" else ("litert",)
    for runtime in runtimes:
        session = open_session(content, runtime)
        outputs = []
        for k in range(TESTED):
            session.reset()  # the kernel keeps its state between calls
            outputs.append(run(session, read, {n: a[k] for n, a in samples.items()}, []))
        assert relative_error(outputs, expected) <= (1e-5 if scheme == "float32" else 5e-2)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("gru/plain", "single LSTM"),
        ("lstm/hard-sigmoid", "single LSTM"),
        ("mask-right/LSTM", "without a mask"),
        ("states", "final cell state"),
        ("stacked-cells", "single LSTM"),
    ],
)
def test_other_loops_are_refused(name: str, rule: str) -> None:
    read, _, _ = prepared(name)
    with pytest.raises(UnsupportedError, match=rule):
        compile_graph(read.graph, Options("float32", PHONE, "fused", "float32", "mse"), None, {})
