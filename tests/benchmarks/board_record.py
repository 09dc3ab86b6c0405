"""A record of `edgefer benchmark --json` as a board would write it."""

from __future__ import annotations

from typing import Any

WHEN = "2026-11-01T10:00:00+00:00"
NANO = "NVIDIA Jetson Orin Nano Developer Kit Super"
ID = "0" * 64


def result(milliseconds: float = 0.5, batch: int = 1, **other: Any) -> dict[str, Any]:
    """What TensorRT did with one bundle in the scenario single."""
    latency = {"queries": 100, "warm_up": 10, "p50": milliseconds, "max": milliseconds}
    latency |= {"mean": milliseconds, "jitter": None}
    latency |= dict.fromkeys(("p90", "p95", "p99", "p99_9"))
    window = {"begun_s": 0.0, "seconds": 0.25, "queries": 100, "p50_ms": milliseconds}
    window |= {"p99_ms": milliseconds, "reference_us": None, "relative": None}
    made = {
        "name": "small.edgefer",
        "peer": None,
        "bundle": "small.edgefer",
        "id": ID,
        "network": "small",
        "precision": "int8",
        "backend": "tensorrt",
        "flavour": "gpu",
        "why": "it is here",
        "device": NANO,
        "threads": 1,
        "bytes": {"bundle": 10, "graph": 8, "engine": None},
        "scenario": "single",
        "batch": batch,
        "start_s": None,
        "memory_bytes": None,
        "memory_reason": "no data: nothing was asked",
        "rate": None,
        "agreement": None,
        "latency_ms": latency,
        "throughput": 1e3 * batch / milliseconds if milliseconds else 0.0,
        "histogram": "",
        "windows": [window],
        "stability": {"stable": True, "spread": 0.0, "drift": 0.0, "limit": 0.1, "reason": ""},
        "ratio": None,
        "overtaken": None,
        "bound": None,
        "stages_ms": None,
        "answers": None,
        "cached": None,
        "energy": None,
        "energy_reason": "no data: nothing was asked",
    }
    return made | other


def record(
    *results: dict[str, Any],
    mode: str | None = "MAXN_SUPER",
    memory: int | None = 7_990_000_000,
    valid: bool | None = True,
) -> dict[str, Any]:
    """One of those results, from a Jetson Orin Nano Super unless told otherwise."""
    series = ("watts", "gpu_clock_mhz", "gpu_load", "cpu_clock_mhz", "temperatures_c", "power_mode")
    return {
        "schema": 1,
        "kind": "measurement",
        "when": WHEN,
        "machine": {
            "python": "3.10.12",
            "system": "Ubuntu 22.04.5 LTS (Linux 5.15.148-tegra)",
            "architecture": "aarch64",
            "cpu": "Cortex-A78AE",
            "int8_instructions": ["asimddp"],
            "cores": 6,
            "memory": memory,
            "memory_available": None,
            "gpus": [],
            "nvidia_driver": None,
            "jetson": NANO,
            "l4t": "R36 (release), REVISION: 4.3",
            "jetpack": "6.2",
            "power_mode": mode,
        },
        "versions": {"tensorrt": "10.3.0"},
        "revision": None,
        "settings": {
            "duration": 3.0,
            "queries": 100,
            "batch": 1,
            "streams": 4,
            "rate": None,
            "fps": 30.0,
            "bound_ms": None,
            "threads": [1],
            "faces": "64 drawn faces",
        },
        "measuring_us": 0.4,
        "reference": {"name": "numpy 1", "median_us": 210.0, "windows": 1},
        "telemetry": {
            "provider": "jetson",
            "passed_over": {},
            "cost": None,
            "valid": valid,
            "reasons": [] if valid else ["throttling: GPU at 918 of 1020 MHz"],
            "unchecked": [],
            "series": {"time_s": [], **dict.fromkeys(series)},
            "missing": dict.fromkeys(series, "nothing was asked"),
        },
        "results": list(results or [result()]),
        "trtexec": [],
        "accuracy": [],
        "bundles": [],
        "not_measured": [],
    }
