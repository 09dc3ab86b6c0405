"""Fake of cuda-python's `cuda.bindings`."""

__version__ = "12.6.2.post1"
