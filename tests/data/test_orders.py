"""In which order each data set numbers the expressions."""

from __future__ import annotations

import pytest

from edgefer.labels import ORDERS, Expression

WRITTEN = {
    "ferplus": "neutral happiness surprise sadness anger disgust fear contempt",
    "fer2013": "anger disgust fear happiness sadness surprise neutral",
    "raf-db": "surprise fear disgust happiness sadness anger neutral",
    "affectnet": "neutral happiness sadness surprise fear disgust anger contempt",
    "affectnet-7": "neutral happiness sadness surprise fear disgust anger",
    "caer-s": "anger disgust fear happiness neutral sadness surprise",
    "sfew": "anger disgust fear happiness neutral sadness surprise",
    "fed-ro": "anger disgust fear happiness neutral sadness surprise",
}


@pytest.mark.parametrize("name", ORDERS)
def test_the_order_is_that_of_the_owners(name: str) -> None:
    assert " ".join(ORDERS[name]) == WRITTEN[name]


def test_contempt_alone_is_not_everywhere() -> None:
    for labels in ORDERS.values():
        assert set(Expression) - set(labels) <= {Expression.CONTEMPT}
        assert len(set(labels)) == len(labels)
