"""What each library of kernels takes, operator by operator, as rules that any .tflite can be checked against."""

from edgernn.converters.tflite.kernels.contract import RULES, Breach, check, reasons, runs_with
from edgernn.converters.tflite.kernels.rule import LIBRARIES, MICRO, Library, Rule

__all__ = ["LIBRARIES", "MICRO", "RULES", "Breach", "Library", "Rule", "check", "reasons", "runs_with"]
