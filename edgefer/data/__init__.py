"""Faces with labels: `source` reads a data set by its `KIND:PATH[@SPLIT]`."""
