"""Real tasks on which the quantizer is judged: `python -m benchmarks.fidelity --help`, or `make benchmark-fidelity`."""
