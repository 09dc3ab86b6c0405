"""FP32 training: `trainer` is the loop, `augment` varies the faces, `checkpoint` resumes."""
