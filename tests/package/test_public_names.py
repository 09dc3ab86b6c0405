"""`edgefer.__all__` is the public surface, no more and no less."""

from __future__ import annotations

import pytest

import edgefer


def test_all_is_sorted_and_listed() -> None:
    assert edgefer.__all__ == sorted(edgefer.__all__)
    assert dir(edgefer) == edgefer.__all__


@pytest.mark.parametrize("name", edgefer.__all__)
def test_name_is_documented_and_ours(name: str) -> None:
    thing = getattr(edgefer, name)
    assert thing.__name__ == name
    assert thing.__module__.startswith("edgefer.")
    assert thing.__doc__


def test_star_import_gives_exactly_these() -> None:
    names: dict[str, object] = {}
    exec("from edgefer import *", names)
    assert sorted(set(names) - {"__builtins__"}) == edgefer.__all__


def test_other_names_are_refused_as_by_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'edgefer' has no attribute 'lode'"):
        _ = edgefer.lode
