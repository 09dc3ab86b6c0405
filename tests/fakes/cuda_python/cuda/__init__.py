"""Fake of cuda-python. A regular package, so that it wins over an installed `cuda`."""
