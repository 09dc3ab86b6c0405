"""Measures a bundle through the runtime: latency and accuracy."""
