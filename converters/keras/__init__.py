"""Reads Keras models into the graph."""
