"""The default network as it ships: weights, FP32 graph, ranges, card."""
