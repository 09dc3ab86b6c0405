"""The model card of a bundle: the network's own card, and what this export did to it."""

from __future__ import annotations

from typing import Any

from edgefer.manifest import Flavour, Manifest

_UNKNOWN = """# {network}

Weights: {source}. Whoever trained them knows their data, protocol and limits; this card does not.

## Use

Expressions are what a face shows, not what a person feels. The EU's AI Act (Regulation 2024/1689,
Article 5(1)(f)) forbids inferring emotions at work and in education, except for medical or safety
reasons. Not a safety component.
"""
_RANDOM = "\nThe weights are random: this bundle is for tests, its answers mean nothing.\n"


def card(manifest: Manifest, network_card: str | None) -> str:
    """Markdown. `network_card` is the text that ships with the network, where there is one."""
    source = str(manifest.weights.get("source"))
    text = network_card or _UNKNOWN.format(network=manifest.network, source=source)
    if source.startswith("random:"):
        text += _RANDOM
    measured = _measured(manifest.accuracy)
    checks = "\n".join(
        f"| {check.what} | {check.difference:.2g} | {check.limit:g} | {check.agreement:.0%} |"
        for check in manifest.parity
    )
    return f"""{text}
## This bundle

Precision {manifest.precision}. Ranges: {manifest.ranges}. Left in higher precision:
{len(manifest.higher_precision)} nodes, named in the manifest with their reasons.
{measured}

| parity on drawn faces | largest difference | limit | same winner |
|---|---|---|---|
{checks}
"""


def _measured(accuracy: dict[str, Any] | None) -> str:
    """What the gate measured, in a sentence."""
    if accuracy is None:
        return "Accuracy: no data."
    data = accuracy["data"]
    found = ", ".join(
        f"{name} {accuracy[key]['accuracy']:.2%}"
        for key, name in (("fp32", "FP32"), *((str(f), f.member) for f in Flavour))
        if key in accuracy
    )
    return f"Accuracy on {data['faces']} faces of {data['name']}: {found}."
