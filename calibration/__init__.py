"""Faces in, ranges out."""
