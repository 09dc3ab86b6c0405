"""What starts fast stays fast: heavy libraries load only when they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

FOR_TRAINING_AND_EXPORT = {"torch", "onnx", "onnxsim", "modelopt", "safetensors"}
FOR_THE_TERMINAL = {"typer", "rich"}
FOR_INFERENCE = {"onnxruntime", "openvino", "cv2", "tensorrt", "tensorrt_rtx", "cuda", "pycuda"}
EVERYTHING = FOR_TRAINING_AND_EXPORT | FOR_THE_TERMINAL | FOR_INFERENCE


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("edgefer", EVERYTHING | {"numpy"}),
        ("edgefer.runtime", EVERYTHING),
        ("edgefer.runtime.session", EVERYTHING),
        ("edgefer.runtime.recognizer", EVERYTHING),
        ("edgefer.zoo.registry", EVERYTHING),
        ("edgefer.export.pipeline", EVERYTHING),
        ("edgefer.cli.main", EVERYTHING - FOR_THE_TERMINAL),
    ],
)
def test_import_is_lean(module: str, forbidden: set[str]) -> None:
    code = f"import sys, {module}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert forbidden.intersection(done.stdout.split()) == set()
