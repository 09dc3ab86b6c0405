"""Faces with labels: `read` a data set by its `KIND:PATH[@SPLIT]`."""
