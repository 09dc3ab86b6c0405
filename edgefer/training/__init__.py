"""FP32 training: `trainer` is the loop, `recipes` how each network is trained by default.

`feed` loads faces ahead of their use, `batches` varies them (`covers`, `camera`, `augment`),
`optimization` takes the steps, `checkpoint` resumes.
"""
