"""What each Keras layer means in the graph, and the table that says which function reads which class."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgernn.converters.keras.layers import (
    activations,
    convolution,
    dense,
    masking,
    merge,
    normalization,
    recurrent,
    shape,
    time_distributed,
)
from edgernn.converters.keras.use import Tensor, Use

Reader = Callable[[Use], tuple[Tensor, ...]]

READERS: Mapping[str, Reader] = {
    "LSTM": recurrent.recurrent,
    "GRU": recurrent.recurrent,
    "SimpleRNN": recurrent.recurrent,
    "RNN": recurrent.recurrent,
    "Bidirectional": recurrent.bidirectional,
    "TimeDistributed": time_distributed.time_distributed,
    "Dense": dense.dense,
    "Embedding": dense.embedding,
    "Masking": masking.masking,
    "Activation": activations.activation,
    "ReLU": activations.relu,
    "LeakyReLU": activations.leaky_relu,
    "ELU": activations.elu,
    "PReLU": activations.prelu,
    "Softmax": activations.softmax,
    "BatchNormalization": normalization.batch_normalization,
    "LayerNormalization": normalization.layer_normalization,
    "Normalization": normalization.normalization,
    "Rescaling": normalization.rescaling,
    "Conv1D": convolution.conv,
    "DepthwiseConv1D": convolution.depthwise_conv,
    "SeparableConv1D": convolution.separable_conv,
    "MaxPooling1D": convolution.max_pooling,
    "AveragePooling1D": convolution.average_pooling,
    "GlobalMaxPooling1D": convolution.global_max_pooling,
    "GlobalAveragePooling1D": convolution.global_average_pooling,
    "ZeroPadding1D": shape.zero_padding,
    "Cropping1D": shape.cropping,
    "UpSampling1D": shape.up_sampling,
    "Flatten": shape.flatten,
    "Reshape": shape.reshape,
    "Permute": shape.permute,
    "RepeatVector": shape.repeat_vector,
    "Concatenate": merge.concatenate,
    "Add": merge.add,
    "Subtract": merge.subtract,
    "Multiply": merge.multiply,
    "Average": merge.average,
    "Maximum": merge.maximum,
    "Minimum": merge.minimum,
    "Dot": merge.dot,
    "Identity": dense.identity,
    "Dropout": dense.identity,
    "SpatialDropout1D": dense.identity,
    "GaussianDropout": dense.identity,
    "GaussianNoise": dense.identity,
    "AlphaDropout": dense.identity,
    "ActivityRegularization": dense.identity,
}
