"""Writes the graph as a TFLite flatbuffer."""
