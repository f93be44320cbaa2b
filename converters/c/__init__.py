"""Writes models as C."""
