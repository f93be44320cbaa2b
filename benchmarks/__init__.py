"""The benchmark: edgernn and the stock converter on one workload, side by side, in one run (`make benchmark`)."""
