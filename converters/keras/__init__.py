"""Reads Keras models into the graph, without Keras."""

from edgernn.converters.keras.reader import LayerInfo, ReadModel, read_model

__all__ = ["LayerInfo", "ReadModel", "read_model"]
