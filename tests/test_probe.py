"""Runs in a fresh process: their figures, and how a refusal is told from a failure to run."""

from __future__ import annotations

import numpy as np
import pytest
from saved_models import artifact, stock_artifact

from edgernn.converters.tflite.flatbuffer import TfModel, TfOperator, TfSubgraph, TfTensor, encode
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.machine import describe_machine, package_versions, processor
from edgernn.devices.host.probe import LoadedOnlyError, probe
from edgernn.errors import InputError
from edgernn.profiling.micro import profile_micro


def out_of_bounds() -> bytes:
    """A model that asks for the hundredth of four elements, which shows only when it runs."""
    tensors = [
        TfTensor((1, 4), "float32", name="x"),
        TfTensor((1, 2), "int32", np.array([[0, 99]], "int32")),
        TfTensor((1,), "float32", name="y"),
    ]
    return encode(TfModel((TfSubgraph("main", tensors, [TfOperator("GATHER_ND", (0, 1), (2,))], (0,), (2,)),)))


@pytest.mark.parametrize("runtime", ["litert", "micro"])
def test_a_fresh_process_tells_positive_figures_of_a_plausible_size(runtime: str) -> None:
    found = probe(read_tflite(artifact()), runtime)
    assert 0 < found.first_invoke_us < 5e6
    assert 0 < found.load_us < 30e6
    assert (found.allocate_us > 0) is (runtime == "litert")  # TFLite-Micro does both as one
    assert found.cold_start_us == pytest.approx(found.load_us + found.allocate_us + found.first_invoke_us)
    assert 0 < found.rss_bytes < 1 << 30


def test_models_of_other_tools_and_several_threads() -> None:
    assert probe(read_tflite(stock_artifact()), "litert", threads=2).cold_start_us > 0


@pytest.mark.parametrize("runtime", ["litert", "micro"])
def test_what_loads_but_does_not_run_is_told_with_the_kernels_reason(runtime: str) -> None:
    with pytest.raises(LoadedOnlyError, match="gather_nd index out of bounds"):
        probe(read_tflite(out_of_bounds()), runtime)


def test_a_profile_keeps_the_two_apart() -> None:
    loads, notes = profile_micro(read_tflite(out_of_bounds()))
    assert loads is not None
    assert (loads.loads, loads.runs, loads.arena, loads.smallest, notes) == (True, False, None, None, ())
    assert loads.reason == "gather_nd index out of bounds"
    assert loads.resolver.lines[1:] == ("resolver.AddGatherNd();",)
    refused, _ = profile_micro(read_tflite(artifact("dynamic", "phone")))
    assert refused is not None
    assert (refused.loads, refused.runs) == (False, False)
    assert "dequantize" in refused.reason
    assert "Found:" not in refused.reason


def test_what_is_refused_at_once_did_not_load() -> None:
    with pytest.raises(InputError) as caught:
        probe(read_tflite(artifact("dynamic", "phone")), "micro")
    assert not isinstance(caught.value, LoadedOnlyError)


def test_this_machine_has_a_name_and_its_packages_versions() -> None:
    machine = describe_machine()
    assert machine["processor"] == processor() != ""
    assert isinstance(machine["cores"], int)
    assert machine["cores"] >= 1
    versions = package_versions()
    assert versions["numpy"] == np.__version__
    assert {"ai-edge-litert", "tflite-micro"} <= set(versions)
