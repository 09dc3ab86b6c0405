"""Options of a few names."""

from __future__ import annotations

import pytest

from edgefer.choice import Choice
from edgefer.errors import InputError


class ScaleOrder(Choice):
    FORWARD = "forward"
    BACK_AGAIN = "back-again"


def test_one_of_the_names_however_it_is_written() -> None:
    assert ScaleOrder.parse("Back-Again") is ScaleOrder.BACK_AGAIN
    assert f"{ScaleOrder.FORWARD}" == str(ScaleOrder.FORWARD) == "forward"


def test_another_name_is_refused_with_all_there_are() -> None:
    with pytest.raises(InputError, match="scale order 'up': expected one of forward, back-again"):
        ScaleOrder.parse("up")
