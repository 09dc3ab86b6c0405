"""Records of `edgefer benchmark` as a rich and as a poor machine would write them.

Nothing in them was measured: the figures are drawn from a seed, and look like a Jetson's.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from edgefer.benchmarks.histogram import make_histogram
from edgefer.labels import ORDERS
from edgefer.machine import read_machine

LABELS = [str(label) for label in ORDERS["ferplus"]]
FP32, INT8, TORCH, BARE = (
    "fer-lite-fp32.edgefer",
    "fer-lite-int8.edgefer",
    "torch",
    "onnxruntime (bare)",
)
# Milliseconds of one face on one thread, and the size in bytes of what ran.
_CONTENDERS = {
    FP32: (0.74, 3_480_112),
    INT8: (0.27, 908_549),
    TORCH: (1.92, None),
    BARE: (0.71, None),
}
# Scenario, threads, faces a query, and how much longer than one face on one thread.
_GROUPS = (
    ("single", 1, 1, 1.0),
    ("single", 6, 1, 0.45),
    ("multi", 6, 4, 1.3),
    ("offline", 6, 16, 4.6),
    ("server", 6, 1, 0.7),
    ("camera", 6, 1, 0.9),
    ("end-to-end", 6, 1, 1.0),
)
_WINDOWS, _TURN_S = 8, 0.25


def rich_record() -> dict[str, Any]:
    """Two bundles and two peers on a Jetson, with everything measured; a new one each time."""
    record: dict[str, Any] = json.loads(_rich_text())
    return record


@cache
def _rich_text() -> str:
    return json.dumps(_rich(), allow_nan=False)


def _rich() -> dict[str, Any]:
    chance = np.random.default_rng(7)
    results: list[dict[str, Any]] = []
    began = 1.0
    for group in _GROUPS:
        together = [
            _result(chance, name, group, began + number * _TURN_S)
            for number, name in enumerate(_CONTENDERS)
        ]
        for result in together[1:]:
            result["ratio"] = _ratio(result["latency_ms"], together[0]["latency_ms"])
        results += together
        began += _WINDOWS * len(_CONTENDERS) * _TURN_S + 1
    return {
        "schema": 1,
        "kind": "measurement",
        "when": "2026-11-27T09:00:00+00:00",
        "machine": _jetson(),
        "versions": {"edgefer": "0.1.0", "numpy": "1.26.4", "onnxruntime": "1.23.0"},
        "revision": "80faf18",
        "settings": {**_SETTINGS, "bound_ms": 33.3},
        "measuring_us": 0.41,
        "reference": {"name": "numpy 1", "median_us": 211.0, "windows": len(results) * _WINDOWS},
        "telemetry": _telemetry(chance, began),
        "results": results,
        "trtexec": [_trtexec()],
        "accuracy": [_accuracy(FP32, "fp32", 0), _accuracy(INT8, "int8", 2)],
        "bundles": [_bundle(FP32, "fp32", chance), _bundle(INT8, "int8", chance)],
        "not_measured": [f"accuracy of {TORCH}: a peer is not asked about faces"],
    }


def poor_record() -> dict[str, Any]:
    """One bundle on a machine that tells nothing, with three queries in one turn."""
    histogram = make_histogram([1_500_000, 1_600_000, 1_900_000])
    unknown = dict.fromkeys(("p90", "p95", "p99", "p99_9", "jitter"))
    return {
        "schema": 1,
        "kind": "measurement",
        "when": "2026-11-27T09:00:00+00:00",
        "machine": {
            **_machine(),
            **dict.fromkeys(("cpu", "memory", "memory_available", "power_mode")),
        },
        "versions": {},
        "revision": None,
        "settings": _SETTINGS,
        "measuring_us": 0.4,
        "reference": {"name": "numpy 1", "median_us": 215.5, "windows": 1},
        "telemetry": {
            "provider": "none",
            "passed_over": {"jetson": "no power rails", "rapl": "no permission"},
            "cost": None,
            "valid": None,
            "reasons": [],
            "unchecked": ["throttling: nothing tells the clock"],
            "series": {"time_s": [], **dict.fromkeys(_SERIES)},
            "missing": dict.fromkeys(_SERIES, "none of jetson, rapl gives data on this machine"),
        },
        "results": [
            {
                "name": INT8,
                **dict.fromkeys(("peer", "bundle", "id", "network", "precision", "flavour")),
                "backend": "onnxruntime",
                "why": "the only one here",
                "device": "x86_64",
                "threads": 1,
                "bytes": dict.fromkeys(("bundle", "graph", "engine")),
                "scenario": "single",
                "batch": 1,
                **dict.fromkeys(("rate", "start_s", "memory_bytes", "ratio", "overtaken", "bound")),
                "memory_reason": "no data: give --memory",
                "latency_ms": {
                    "queries": 3,
                    "warm_up": 10,
                    "p50": 1.6,
                    "max": 1.9,
                    "mean": 1.667,
                    **unknown,
                },
                "throughput": 600.0,
                "histogram": histogram.encode().decode(),
                "windows": [
                    {
                        "begun_s": 0.5,
                        "seconds": 0.01,
                        "queries": 3,
                        "p50_ms": 1.6,
                        "p99_ms": 1.9,
                        "reference_us": None,
                        "relative": None,
                    }
                ],
                "stability": {
                    **dict.fromkeys(("stable", "spread", "drift")),
                    "limit": 0.1,
                    "reason": "expected 3 windows or more to compare, found 1",
                },
                **dict.fromkeys(("stages_ms", "answers", "agreement", "cached", "energy")),
                "energy_reason": "no data: nothing tells the power",
            }
        ],
        "trtexec": [],
        "accuracy": [],
        "bundles": [
            {
                "name": INT8,
                "precision": "int8",
                "network": "fer-lite",
                "ranges": None,
                "layers": [],
                "missing": "onnx is not installed",
                "kept": [],
            }
        ],
        "not_measured": [
            "accuracy: no data: give --data DATA with labels",
            "watts: no data: none of jetson, rapl gives data on this machine",
            "throttling: nothing tells the clock",
            "energy: no data: nothing tells the power",
        ],
    }


_SETTINGS: dict[str, Any] = {
    "duration": 2.0,
    "queries": 100,
    "batch": 1,
    "streams": 4,
    "rate": None,
    "fps": 30.0,
    "bound_ms": None,
    "threads": [1, 6],
    "faces": "64 drawn faces",
}
_SERIES = (
    "watts",
    "gpu_clock_mhz",
    "gpu_load",
    "cpu_clock_mhz",
    "temperatures_c",
    "power_mode",
)


def _machine() -> dict[str, Any]:
    """Of this machine, so that a new fact breaks the tests until the schema has it."""
    from dataclasses import asdict

    found: dict[str, Any] = json.loads(json.dumps(asdict(read_machine(Path("/nowhere")))))
    return found


def _jetson() -> dict[str, Any]:
    return {
        **_machine(),
        "system": "Ubuntu 22.04.5 LTS (Linux 5.15.148-tegra)",
        "architecture": "aarch64",
        "cpu": "Cortex-A78AE",
        "int8_instructions": ["asimddp"],
        "cores": 6,
        "memory": 7_990_000_000,
        "memory_available": 5_120_000_000,
        "jetson": "NVIDIA Jetson Orin Nano",
        "l4t": "R36 (release), REVISION: 4.3",
        "jetpack": "6.2",
        "power_mode": "15W",
    }


def _result(
    chance: np.random.Generator, name: str, group: tuple[str, int, int, float], began: float
) -> dict[str, Any]:
    scenario, threads, batch, factor = group
    alone, size = _CONTENDERS[name]
    middle = alone * factor + (6.3 if scenario == "end-to-end" else 0)
    heat = 1 + 0.02 * began / 60
    times = [middle * heat * (1 + chance.gamma(1.2, 0.03, 160)) for _ in range(_WINDOWS)]
    whole = np.concatenate(times)
    p50, p90, p95, p99, p99_9 = (
        float(value) for value in np.percentile(whole, [50, 90, 95, 99, 99.9], method="higher")
    )
    own = size is not None
    result: dict[str, Any] = {
        "name": name,
        "peer": None if own else "torch" if name == TORCH else "onnxruntime",
        "bundle": name if own else None,
        "id": "3f9a" if own else None,
        "network": "fer-lite",
        "precision": "int8" if name == INT8 else "fp32",
        "backend": "torch" if name == TORCH else "onnxruntime",
        "flavour": "cpu" if own else None,
        "why": "the first that runs this bundle here",
        "device": "NVIDIA Jetson Orin Nano, Cortex-A78AE",
        "threads": threads,
        "bytes": {"bundle": 2 * size if size else None, "graph": size, "engine": None},
        "scenario": scenario,
        "batch": batch,
        "rate": 260.4 if scenario == "server" else None,
        "start_s": {"load": 0.01 * middle + 0.03, "first_answer": 0.002 * middle + 0.001},
        "memory_bytes": {"peak": 90_112_000 + (size or 200_000_000), "before": 61_440_000},
        "memory_reason": None,
        "latency_ms": {
            "queries": len(whole),
            "warm_up": 44,
            "p50": p50,
            "p90": p90,
            "p95": p95,
            "p99": p99,
            "p99_9": p99_9,
            "max": float(whole.max()),
            "mean": float(whole.mean()),
            "jitter": float(np.abs(np.diff(whole)).mean()),
        },
        "throughput": 1e3 * batch / float(whole.mean()),
        "histogram": make_histogram([int(1e6 * time) for time in whole]).encode().decode(),
        "windows": [
            {
                "begun_s": began + window * len(_CONTENDERS) * _TURN_S,
                "seconds": _TURN_S * 0.8,
                "queries": len(own_times),
                "p50_ms": float(np.median(own_times)),
                "p99_ms": float(np.percentile(own_times, 99)),
                "reference_us": 211.0 + window % 3,
                "relative": float(np.median(own_times)) * 1e3 / 211,
            }
            for window, own_times in enumerate(times)
        ],
        "stability": {"stable": True, "spread": 0.021, "drift": 0.004, "limit": 0.1, "reason": ""},
        "ratio": None,
        "overtaken": 3 if scenario == "camera" else None,
        "bound": {"ms": 33.3, "percentile": 99.0, "held": True} if scenario == "camera" else None,
        "stages_ms": _stages(scenario, middle) if own else None,
        "answers": {
            "sampled": 188,
            "largest_difference": 2.4e-7,
            "hold": True,
            "right": 0.842 if own else None,
        },
        "agreement": 0.9375 if name == INT8 else 1.0,
        "cached": {"ratio": 1.01, "found": False} if scenario == "single" else None,
        "energy": {
            "per_query_mj": 6.8 * middle,
            "mean_watts": 6.83,
            "idle_watts": 4.02,
            "idle_subtracted": True,
            "covers": "the module's input, not wall power",
            "metered": False,
        },
        "energy_reason": None,
    }
    return result


def _ratio(latency: dict[str, Any], first: dict[str, Any]) -> dict[str, Any]:
    median = latency["p50"] / first["p50"]
    return {
        "to": FP32,
        "median": median,
        "low": median * 0.985,
        "high": median * 1.014,
        "p99": latency["p99"] / first["p99"],
        "verdict": "inconclusive" if 0.94 < median < 1.06 else "faster" if median < 1 else "slower",
    }


def _stages(scenario: str, middle: float) -> dict[str, float]:
    before = {"find": 6.1, "align": 0.2} if scenario == "end-to-end" else {}
    inference = middle - sum(before.values()) - 0.03
    return {**before, "copy in": 0.02, "inference": inference, "copy out": 0.01}


def _telemetry(chance: np.random.Generator, seconds: float) -> dict[str, Any]:
    times = np.arange(0, seconds, 0.1).round(2)
    count = len(times)
    warming = 8 * (1 - np.exp(-times / 25))
    watts: list[float | None] = [float(w) for w in chance.normal(6.8, 0.15, count).round(2)]
    watts[10:14] = [None] * 4
    zones = {"cpu-thermal": 47, "gpu-thermal": 45, "tj-thermal": 48}
    return {
        "provider": "jetson",
        "passed_over": {},
        "cost": 0.004,
        "valid": True,
        "reasons": [],
        "unchecked": [],
        "series": {
            "time_s": times.tolist(),
            "watts": watts,
            "gpu_clock_mhz": [306.0] * count,
            "gpu_load": [0.02] * count,
            "cpu_clock_mhz": [float(c) for c in chance.choice([1497.6, 1510.4], count)],
            "temperatures_c": {
                zone: [round(float(t), 1) for t in base + warming + chance.normal(0, 0.1, count)]
                for zone, base in zones.items()
            },
            "power_mode": ["15W"] * count,
        },
        "missing": {},
    }


def _trtexec() -> dict[str, Any]:
    spread = {"min": 0.2, "max": 0.4, "mean": 0.24, "p50": 0.23, "p90": 0.26, "p95": 0.27}
    return {
        "name": INT8,
        "version": "10.3.0",
        "arguments": ["--onnx=gpu.onnx", "--stronglyTyped"],
        "batch": 1,
        "throughput": 5120.0,
        "latency": {**spread, "p99": 0.31},
        "compute": {**spread, "p99": None},
        "note": "not in turns with the others",
    }


def _accuracy(name: str, precision: str, moved: int) -> dict[str, Any]:
    """`moved` faces of each expression are taken for the next one more often."""
    confusion = np.diag([1160, 870, 420, 300, 280, 12, 60, 9])
    for row in range(len(LABELS)):
        confusion[row, (row + 1) % len(LABELS)] = 20 + row
        confusion[row, row] -= moved
        confusion[row, (row + 1) % len(LABELS)] += moved
    confusion[7] = 0  # nobody shows contempt
    whole = confusion.sum(axis=1)
    return {
        "name": name,
        "precision": precision,
        "data": "ferplus@valid",
        "faces": int(confusion.sum()),
        "accuracy": float(confusion.trace() / confusion.sum()),
        "macro_f1": 0.6256 - moved / 1000,
        "labels": LABELS,
        "confusion": confusion.tolist(),
        "recall": [
            float(confusion[row, row] / whole[row]) if whole[row] else None
            for row in range(len(LABELS))
        ],
    }


def _bundle(name: str, precision: str, chance: np.random.Generator) -> dict[str, Any]:
    is_int8 = precision == "int8"
    layers = [
        {
            "name": f"stage{number // 9}/block{number % 9}/conv",
            "precision": "fp32" if number == 0 else precision,
            "mult_adds": int(chance.integers(200_000, 4_000_000)),
        }
        for number in range(36)
    ]
    widths = chance.lognormal(1, 1.4, 52)
    ranges = {
        f"stage{number // 13}/tensor{number % 13}": [-float(width) * (number % 2), float(width)]
        for number, width in enumerate(widths)
    }
    why = "scales the pixels, which are exact before it"
    kept = {"flavour": "gpu", "node": layers[0]["name"], "precision": "fp32", "why": why}
    return {
        "name": name,
        "precision": precision,
        "network": "fer-lite",
        "ranges": ranges if is_int8 else None,
        "layers": layers,
        "missing": None,
        "kept": [kept] if is_int8 else [],
    }
