"""How each network is trained by default. Needs no torch: the command's help reads it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from edgefer.training.options import Optimizer, Schedule, TrainingOptions
from edgefer.training.variation import PRESETS, Augmentation, Crop, Preset

_PAPER = PRESETS[Preset.PAPER]
# the authors' code crops and mirrors, and erases nothing
_MA_NET_PAPER = Augmentation(crop=Crop())

# The authors' released code, as it stands for RAF-DB from weights of MS-Celeb-1M: SGD of 0.01, a
# tenth every 15 epochs, 100 epochs of 128, weight decay of 1e-4. Their logs have 20 epochs of 256
# with a tenth every 5 for AffectNet, with balanced classes. Our choice: Nesterov's momentum, and
# that averaged weights are kept and not the best epoch's on the test set.
_MA_NET = TrainingOptions(
    epochs=100,
    batch=128,
    learning_rate=0.01,
    weight_decay=1e-4,
    augmentation=_MA_NET_PAPER,
    schedule=Schedule.STEPS,
    step_epochs=15,
)

RECIPES: dict[str, TrainingOptions] = {
    # Our choice, tuned on FER+.
    "fer-lite": TrainingOptions(),
    # Our choice: as ma-net, so that networks are compared and not recipes.
    "resnet18": replace(_MA_NET, augmentation=_PAPER),
    "ma-net": _MA_NET,
    # The abstract says nothing of it. Batch and epochs are those of the nearest public code
    # (SCAN-CCI-FER, of other authors), as is a lower rate for loaded weights (there a hundredth);
    # our choice: a tenth, 0.01 for the heads, weight decay, and a tenth every 20 epochs.
    "aglf": TrainingOptions(
        epochs=60,
        batch=64,
        learning_rate=0.01,
        weight_decay=1e-4,
        augmentation=_PAPER,
        schedule=Schedule.STEPS,
        step_epochs=20,
        trunk_rate=0.1,
    ),
    # Our choice, all of it: the abstract says nothing of it, and there is no code.
    "lnl-attennet": TrainingOptions(
        epochs=100,
        batch=64,
        learning_rate=1e-3,
        weight_decay=1e-4,
        augmentation=_PAPER,
        optimizer=Optimizer.ADAM,
        schedule=Schedule.COSINE,
    ),
    # Rate, batch, epochs and the cosine to a fifth are the unofficial code's (ZBigFish/FER-VT);
    # its weight decay is not known: AdamW's usual one. Our choice: the augmentation.
    "fer-vt": TrainingOptions(
        epochs=100,
        batch=32,
        learning_rate=1e-3,
        weight_decay=0.01,
        augmentation=_PAPER,
        optimizer=Optimizer.ADAMW,
        schedule=Schedule.COSINE,
        lowest=0.2,
    ),
}


def recipe(network: str) -> TrainingOptions:
    """The network's own options, or those of fer-lite for one that has none."""
    return RECIPES.get(network, TrainingOptions())


def quantised_recipe(network: str) -> TrainingOptions:
    """How a trained network is trained on in INT8: the same faces, few and small steps.

    Our choice, tuned on FER+ with fer-lite. No weight decay: the weights have BatchNorm in them.
    """
    own = recipe(network)
    return replace(
        own,
        epochs=2,
        learning_rate=own.learning_rate / 100,
        schedule=Schedule.COSINE,
        lowest=0.0,
        weight_decay=0.0,
        trunk_rate=1.0,
    )


def augmentation(preset: Preset, network: str) -> Augmentation:
    """The preset; `paper` as that network's paper has it."""
    own = preset is Preset.PAPER and network == "ma-net"
    return _MA_NET_PAPER if own else PRESETS[preset]


def by_network(name: str) -> str:
    """The default of an option in words for the help: most networks' own, and the others'."""
    shown = {network: _shown(getattr(own, name)) for network, own in RECIPES.items()}
    most = Counter(shown.values()).most_common(1)[0][0]
    others = ", ".join(f"{network} {value}" for network, value in shown.items() if value != most)
    return f"{most}; {others}" if others else most


def _shown(value: object) -> str:
    if isinstance(value, Augmentation):
        return str(Preset.STANDARD if value.crop is None else Preset.PAPER)
    return f"{value:g}" if isinstance(value, float) else str(value)
