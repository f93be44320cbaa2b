"""Rules of operators with weights: types of weights and biases, scales per channel, versions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgernn.converters.tflite.kernels.rule import EVERYWHERE, MICRO, Call, rule, rules_in, told

_PAIRS_MICRO = {("float32", "float32"), ("int8", "int8"), ("int8", "int4"), ("int16", "int8")}
_HYBRID = {("float32", "int8"), ("float32", "int4"), ("float32", "int2")}
_PAIRS_LITERT = {
    *_PAIRS_MICRO,
    *_HYBRID,
    *[("int8", "int2"), ("int16", "int4"), ("int16", "int16"), ("uint8", "uint8"), ("uint8", "int8")],
}
_NEWEST = {
    "FULLY_CONNECTED": 14,
    "CONV_2D": 8,
    "DEPTHWISE_CONV_2D": 7,
    "TRANSPOSE_CONV": 5,
    "BATCH_MATMUL": 4,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 4,
    "SVDF": 4,
    "GATHER": 8,
    "EMBEDDING_LOOKUP": 5,
    "SOFTMAX": 4,
}
_LSTM_WEIGHTS, _LSTM_BIASES = range(1, 9), range(12, 16)
_LSTM_MORE = (9, 10, 11, 16, 17, 20, 21, 22, 23)  # peepholes, projection, normalization
_DEEPEST_LSTM = 24
_CONVOLUTIONS = "CONV_2D DEPTHWISE_CONV_2D"
_LARGEST_SUM = 2.0**31
_LARGEST_OFFSET = 0.02  # of a bias's scale from that of the products, in units of the output


def _per_channel(call: Call, k: int) -> bool:
    tensor = call.input(k)
    return tensor is not None and len(tensor.scales) > 1


def _narrow_bias(call: Call, k: int) -> Iterator[str]:
    bias = call.input(k)
    if bias is not None and bias.dtype == "int32":
        yield told(f"input {k}", bias)


@rule(
    ("CMSIS-NN", "ESP-NN", "HiFi"),
    "FULLY_CONNECTED",
    "micro/kernels: cmsis_nn/fully_connected.cc:388, xtensa/fully_connected.cc:122, esp_nn/fully_connected.cc:270; "
    "arm_fully_connected_s16 was compiled and run",
    silent=True,
)
def wide_bias_of_a_product(call: Call) -> Iterator[str]:
    """FULLY_CONNECTED must have an int64 bias beside int16 activations."""
    if call.type(0) == "int16":
        yield from _narrow_bias(call, 2)


@rule(MICRO, "DEPTHWISE_CONV_2D", "micro/kernels/depthwise_conv.cc:156; run", silent=True)
def wide_bias_of_a_depthwise_convolution(call: Call) -> Iterator[str]:
    """DEPTHWISE_CONV_2D must have an int64 bias beside int16 activations."""
    if call.type(0) == "int16":
        yield from _narrow_bias(call, 2)


@rule(("LiteRT",), "DEPTHWISE_CONV_2D", "kernels/depthwise_conv.cc:176; run")
def wide_bias_of_a_depthwise_convolution_in_litert(call: Call) -> Iterator[str]:
    """DEPTHWISE_CONV_2D must have an int64 bias beside int16 activations."""
    if call.type(0) == "int16":
        yield from _narrow_bias(call, 2)


@rule(MICRO, "TRANSPOSE_CONV", "micro/kernels/transpose_conv.cc:387; run", silent=True)
def wide_bias_of_a_transposed_convolution(call: Call) -> Iterator[str]:
    """TRANSPOSE_CONV must have an int64 or int16 bias, or none, beside int16 activations."""
    if call.type(2) == "int16":
        yield from _narrow_bias(call, 3)


@rule(("LiteRT",), "TRANSPOSE_CONV", "kernels/transpose_conv.cc; run", silent=True)
def told_bias_of_a_transposed_convolution(call: Call) -> Iterator[str]:
    """TRANSPOSE_CONV must have an int64 bias beside int16 activations, or say of an int32 one that it is."""
    said = call.type(3) == "int32" and call.operator.bias_type == "int32"
    if call.type(2) == "int16" and call.type(3) in ("int16", "int32") and not said:
        yield told("input 3", call.input(3))


@rule(("CMSIS-NN", "HiFi"), "TRANSPOSE_CONV", "micro/kernels: cmsis_nn/transpose_conv.cc:134, xtensa likewise")
def a_bias_of_a_transposed_convolution(call: Call) -> Iterator[str]:
    """TRANSPOSE_CONV must have a bias beside int16 activations: an absent one is dereferenced."""
    if call.type(2) == "int16" and call.input(3) is None:
        yield told("input 3", None)


@rule(MICRO, "UNIDIRECTIONAL_SEQUENCE_LSTM", "micro/kernels/unidirectional_sequence_lstm.cc:140; run", silent=True)
def wide_biases_of_an_lstm(call: Call) -> Iterator[str]:
    """UNIDIRECTIONAL_SEQUENCE_LSTM must have int64 biases beside int16 activations."""
    if call.type(0) == "int16":
        for k in _LSTM_BIASES:
            yield from _narrow_bias(call, k)


@rule(("LiteRT",), "UNIDIRECTIONAL_SEQUENCE_LSTM", "kernels/unidirectional_sequence_lstm.cc:992; run")
def integer_lstm(call: Call) -> Iterator[str]:
    """UNIDIRECTIONAL_SEQUENCE_LSTM must not be of int16, and of int8 only with 5 intermediate tensors."""
    if call.type(0) == "int16" or (call.type(0) == "int8" and len(call.operator.intermediates) != 5):
        yield f"{told('input 0', call.input(0))}, {len(call.operator.intermediates)} intermediate tensors"


@rule(MICRO, "UNIDIRECTIONAL_SEQUENCE_LSTM", "micro/kernels/lstm_eval.cc:75")
def plain_lstm(call: Call) -> Iterator[str]:
    """UNIDIRECTIONAL_SEQUENCE_LSTM must have 24 inputs, all weights and biases, no peephole, no projection."""
    if len(call.operator.inputs) != _DEEPEST_LSTM:
        yield f"{len(call.operator.inputs)} inputs"
        return
    absent = [k for k in (*_LSTM_WEIGHTS, *_LSTM_BIASES) if call.input(k) is None]
    more = [k for k in _LSTM_MORE if call.input(k) is not None]
    if absent or more:
        yield f"inputs {absent} absent, {more} present"


@rule(MICRO, "UNIDIRECTIONAL_SEQUENCE_LSTM", "micro/kernels/lstm_eval.cc")
def lstm_types(call: Call) -> Iterator[str]:
    """UNIDIRECTIONAL_SEQUENCE_LSTM must be float32 throughout, or have int8 weights and integer activations."""
    for k in _LSTM_WEIGHTS:
        if (call.type(0), call.type(k)) not in (*(("float32", "float32"),), ("int8", "int8"), ("int16", "int8")):
            yield f"{call.type(0)} activations and {call.type(k) or 'no'} weights"
            return


@rule(MICRO, "UNIDIRECTIONAL_SEQUENCE_LSTM", "micro/kernels/lstm_eval_common.cc:187; run", silent=True)
def scale_of_a_cell(call: Call) -> Iterator[str]:
    """UNIDIRECTIONAL_SEQUENCE_LSTM must have a cell state whose scale is a power of two."""
    cell = call.input(19)
    if cell is not None and cell.scale and np.frexp(cell.scale)[0] != 0.5:
        yield f"{told('input 19', cell)}, scale {cell.scale:g}"


@rule(("HiFi",), "FULLY_CONNECTED", "micro/kernels/xtensa/fully_connected_common_xtensa.cc:52", silent=True)
def one_scale_on_hifi(call: Call) -> Iterator[str]:
    """FULLY_CONNECTED must have one scale per matrix: HiFi takes the first channel's for all."""
    if call.type(0) in ("int8", "int16") and _per_channel(call, 1):
        yield told("input 1", call.input(1))


@rule(("CMSIS-NN",), "FULLY_CONNECTED", "micro/kernels/cmsis_nn/fully_connected.cc:116")
def one_scale_beside_16_bits_on_cmsis(call: Call) -> Iterator[str]:
    """FULLY_CONNECTED must have one scale per matrix beside int16 activations."""
    if call.type(0) == "int16" and _per_channel(call, 1):
        yield told("input 1", call.input(1))


@rule(("ESP-NN",), "FULLY_CONNECTED", "esp_nn/fully_connected.cc:263", silent=True)
def one_scale_beside_16_bits_on_esp(call: Call) -> Iterator[str]:
    """FULLY_CONNECTED must have one scale per matrix beside int16 activations: ESP-NN never sets the multipliers."""
    if call.type(0) == "int16" and _per_channel(call, 1):
        yield told("input 1", call.input(1))


@rule(MICRO, "FULLY_CONNECTED", "micro/kernels/fully_connected_common.cc:99")
def one_scale_of_4_bits(call: Call) -> Iterator[str]:
    """FULLY_CONNECTED must have one scale per matrix of int4."""
    if call.type(1) == "int4" and _per_channel(call, 1):
        yield told("input 1", call.input(1))


@rule(MICRO, "DEQUANTIZE", "micro/kernels/dequantize_common.cc; run", silent=True)
def one_scale_of_what_is_widened(call: Call) -> Iterator[str]:
    """DEQUANTIZE must be of a tensor with one scale: the first is taken for all."""
    if _per_channel(call, 0):
        yield told("input 0", call.input(0))


@rule(MICRO, "EMBEDDING_LOOKUP", "micro/kernels/embedding_lookup.cc:60; run", silent=True)
def one_scale_of_a_table(call: Call) -> Iterator[str]:
    """EMBEDDING_LOOKUP must be of a table with one scale: the first is taken for all."""
    if _per_channel(call, 1):
        yield told("input 1", call.input(1))


@rule(MICRO, "FULLY_CONNECTED CONV_2D DEPTHWISE_CONV_2D", "micro/kernels/fully_connected.cc:59; run")
def products_in_micro(call: Call) -> Iterator[str]:
    """Activations and weights must be float32 both, int8 and int8 or int4, or int16 and int8."""
    if (call.type(0), call.type(1)) not in _PAIRS_MICRO:
        yield f"{call.type(0)} activations and {call.type(1)} weights"


@rule(("LiteRT",), "FULLY_CONNECTED", "kernels/fully_connected.cc; run")
def products_in_litert(call: Call) -> Iterator[str]:
    """Activations and weights must be of a pair of types that LiteRT multiplies."""
    if (call.type(0), call.type(1)) not in _PAIRS_LITERT:
        yield f"{call.type(0)} activations and {call.type(1)} weights"


@rule(MICRO, "FULLY_CONNECTED CONV_2D DEPTHWISE_CONV_2D", "micro/kernels/fully_connected.cc", silent=True)
def narrow_bias_beside_8_bits(call: Call) -> Iterator[str]:
    """A bias beside int8 activations must be int32."""
    bias = call.input(2)
    if call.type(0) == "int8" and bias is not None and bias.dtype != "int32":
        yield told("input 2", bias)


@rule(("LiteRT",), "CONV_2D", "kernels/conv.cc:411; run")
def a_bias_of_a_convolution(call: Call) -> Iterator[str]:
    """CONV_2D must have a bias."""
    if call.input(2) is None:
        yield told("input 2", None)


@rule(("HiFi",), "CONV_2D", "micro/kernels/xtensa/conv_hifi.cc:68", silent=True)
def kernel_within_the_input(call: Call) -> Iterator[str]:
    """CONV_2D must have a kernel no larger than its input: no scratch is asked for otherwise."""
    x, kernel = call.input(0), call.input(1)
    if call.type(0) not in ("int8", "int16") or x is None or kernel is None or len(x.shape) < 3:
        return
    if any(size > room for size, room in zip(kernel.shape[1:3], x.shape[1:3], strict=False)):
        yield f"{told('input 0', x)}, {told('input 1', kernel)}"


@rule(("CMSIS-NN",), "CONV_2D", "CMSIS-NN arm_convolve_s16.c:212", silent=True)
def sums_of_32_bits(call: Call) -> Iterator[str]:
    """CONV_2D of int16 must have sums that fit 32 bits at their largest, whatever type the bias has."""
    kernel, bias = call.input(1), call.input(2)
    if call.type(0) != "int16" or kernel is None or kernel.dtype != "int8" or not kernel.data_bytes:
        return
    rows = np.abs(np.frombuffer(call.file.data(kernel), np.int8).astype("f8")).reshape(kernel.shape[0], -1).sum(axis=1)
    sums = rows * 2.0**15
    if bias is not None and bias.data_bytes:
        sums = sums + np.abs(np.frombuffer(call.file.data(bias), f"<i{bias.data_bytes // bias.size}").astype("f8"))
    if sums.max(initial=0.0) >= _LARGEST_SUM:
        yield f"{told('input 1', kernel)}, a sum of {sums.max():.4g}"


@rule(EVERYWHERE, "FULLY_CONNECTED", "kernels/kernel_util.cc: GetQuantizedConvolutionMultiplier; run")
def scale_of_a_bias(call: Call) -> Iterator[str]:
    """A bias's scale must be that of input times weights, within 0.02 of the output's."""
    x, kernel, bias, y = call.input(0), call.input(1), call.input(2), call.output()
    if x and kernel and bias and y and x.scale and kernel.scale and y.scale:
        offset = abs(bias.scale - x.scale * kernel.scale) / y.scale
        if offset > _LARGEST_OFFSET:
            yield f"{told('input 2', bias)}, {offset:.3g} of the output's scale off"


@rule(
    EVERYWHERE, "FULLY_CONNECTED CONV_2D DEPTHWISE_CONV_2D", "micro/kernels/fully_connected_common.cc:148", silent=True
)
def weights_around_zero(call: Call) -> Iterator[str]:
    """Weights must have zero point 0."""
    kernel = call.input(1)
    if call.type(0) in ("int8", "int16") and kernel is not None and any(kernel.zero_points):
        yield told("input 1", kernel)


@rule(("CMSIS-NN",), "FULLY_CONNECTED", "micro/kernels/cmsis_nn/fully_connected.cc:124", silent=True)
def activations_around_zero(call: Call) -> Iterator[str]:
    """FULLY_CONNECTED must have zero point 0 of int16 activations."""
    if call.type(0) == "int16":
        for what, tensor in (("input 0", call.input(0)), ("output 0", call.output())):
            if tensor is not None and tensor.zero_point:
                yield f"{told(what, tensor)}, zero point {tensor.zero_point}"


@rule(("CMSIS-NN",), "FULLY_CONNECTED", "micro/kernels/cmsis_nn/fully_connected.cc:94")
def rank_of_a_product(call: Call) -> Iterator[str]:
    """FULLY_CONNECTED must have an output of rank 2 to 4."""
    y = call.output()
    if call.type(0) in ("int8", "int16") and y is not None and not 2 <= len(y.shape) <= 4:
        yield told("output 0", y)


@rule(("LiteRT",), " ".join(_NEWEST), "core/kernels/register.cc; run")
def newest_versions(call: Call) -> Iterator[str]:
    """An operator must have a version that LiteRT 2.3 knows."""
    if call.operator.version > _NEWEST[call.name]:
        yield f"version {call.operator.version}, the newest is {_NEWEST[call.name]}"


@rule(("LiteRT",), "SVDF", "kernels/svdf.cc:394; run")
def activation_of_svdf(call: Call) -> Iterator[str]:
    """SVDF of int8 must have a fused RELU."""
    if call.type(0) == "int8" and call.operator.activation != "RELU":
        yield call.operator.activation


@rule(("HiFi",), "SVDF", "micro/kernels/xtensa/svdf.cc:196")
def state_of_svdf(call: Call) -> Iterator[str]:
    """SVDF of int8 must have int16 states and time weights, and a bias."""
    if call.type(0) == "int8" and (call.type(2) != "int16" or call.input(3) is None):
        yield f"{told('input 2', call.input(2))}, {told('input 3', call.input(3))}"


RULES = rules_in(dict(globals()))
