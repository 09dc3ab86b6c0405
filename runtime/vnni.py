"""Whether this CPU adds up products of 8-bit numbers without saturating."""

from __future__ import annotations

import platform
import re
from functools import lru_cache
from pathlib import Path

_X86 = ("x86_64", "amd64", "i686")
_VNNI = re.compile(r"\b(avx512_vnni|avx_vnni)\b")


@lru_cache
def adds_exactly(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """True unless this is an x86 without VNNI, or one that does not tell.

    There ONNX Runtime's kernels for unsigned activations and signed weights add pairs of products
    in 16 bits, which saturate: `fer-lite` lost 2 points of accuracy to that.
    """
    if platform.machine().lower() not in _X86:
        return True
    try:
        return _VNNI.search(cpuinfo.read_text(errors="replace")) is not None
    except OSError:
        return False
