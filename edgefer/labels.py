"""The expressions, and the order in which each data set numbers them."""

from __future__ import annotations

from enum import Enum

from edgefer.errors import InputError


class Expression(str, Enum):  # StrEnum is 3.11, JetPack 6 has 3.10
    """The eight expressions of FER+ and AffectNet."""

    NEUTRAL = "neutral"
    HAPPINESS = "happiness"
    SURPRISE = "surprise"
    SADNESS = "sadness"
    ANGER = "anger"
    DISGUST = "disgust"
    FEAR = "fear"
    CONTEMPT = "contempt"

    __str__ = str.__str__


_E = Expression

_ALPHABETIC = (
    _E.ANGER,
    _E.DISGUST,
    _E.FEAR,
    _E.HAPPINESS,
    _E.NEUTRAL,
    _E.SADNESS,
    _E.SURPRISE,
)

_AFFECTNET = (
    _E.NEUTRAL,
    _E.HAPPINESS,
    _E.SADNESS,
    _E.SURPRISE,
    _E.FEAR,
    _E.DISGUST,
    _E.ANGER,
    _E.CONTEMPT,
)

# The order of the columns or class numbers as each data set's own files have them.
ORDERS: dict[str, tuple[Expression, ...]] = {
    # columns of fer2013new.csv, before "unknown" and "NF"
    "ferplus": (
        _E.NEUTRAL,
        _E.HAPPINESS,
        _E.SURPRISE,
        _E.SADNESS,
        _E.ANGER,
        _E.DISGUST,
        _E.FEAR,
        _E.CONTEMPT,
    ),
    "fer2013": (
        _E.ANGER,
        _E.DISGUST,
        _E.FEAR,
        _E.HAPPINESS,
        _E.SADNESS,
        _E.SURPRISE,
        _E.NEUTRAL,
    ),
    # class numbers; the order of MA-Net's folders too
    "affectnet": _AFFECTNET,
    "affectnet-7": _AFFECTNET[:7],
    # class numbers of list_patition_label.txt, which begin at 1
    "raf-db": (
        _E.SURPRISE,
        _E.FEAR,
        _E.DISGUST,
        _E.HAPPINESS,
        _E.SADNESS,
        _E.ANGER,
        _E.NEUTRAL,
    ),
    # folders, by the names that their owners give them
    "caer-s": _ALPHABETIC,
    "sfew": _ALPHABETIC,
    "fed-ro": _ALPHABETIC,
}

# Names that folders of data sets in the wild bear for an expression.
SYNONYMS: dict[str, Expression] = {
    "neutrality": _E.NEUTRAL,
    "neural": _E.NEUTRAL,
    "happy": _E.HAPPINESS,
    "joy": _E.HAPPINESS,
    "surprised": _E.SURPRISE,
    "sad": _E.SADNESS,
    "angry": _E.ANGER,
    "disgusted": _E.DISGUST,
    "fearful": _E.FEAR,
    "scared": _E.FEAR,
    "contemptuous": _E.CONTEMPT,
}


def parse_expression(name: str) -> Expression:
    """The expression that a folder or label name means, in any case.

    Raises InputError where the name is none of ours nor a known synonym.
    """
    key = name.strip().lower()
    if key in SYNONYMS:
        return SYNONYMS[key]
    try:
        return Expression(key)
    except ValueError:
        expected = ", ".join(Expression)
        msg = f"label '{name}': expected one of {expected}"
        raise InputError(msg) from None


def parse_labels(names: object) -> tuple[Expression, ...]:
    """Labels in order, as JSON has them; InputError unless there are two or more, all different."""
    labels = tuple(parse_expression(str(name)) for name in names) if isinstance(names, list) else ()
    if len(labels) < 2 or len(set(labels)) < len(labels):
        msg = f"labels: expected two or more, all different, found {names!r:.200}"
        raise InputError(msg)
    return labels
