"""A bundle and pixels in, expressions out: numpy, OpenCV and one inference library."""
