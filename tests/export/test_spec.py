"""Specs in TOML: read, refused with the key that is wrong, written and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.errors import InputError
from edgefer.export.spec import AnswerKind, Colour, Layout, Spec, parse_spec, read_spec
from edgefer.labels import Expression

WHOLE = """\
layout = "nchw"
colour = "rgb"
size = 64
scale = 0.5
offset = [1, 2.5, -3]
answers = "logits"
labels = ["angry", "happy", "sad"]
"""
NUMBERS = st.floats(-1e29, 1e29).filter(lambda number: number != 0)
SCALES = st.one_of(st.tuples(NUMBERS), st.tuples(NUMBERS, NUMBERS, NUMBERS))
SPECS = st.builds(
    Spec,
    layout=st.sampled_from(Layout),
    colour=st.sampled_from(Colour),
    size=st.integers(24, 512),
    scale=SCALES,
    offset=SCALES,
    answers=st.sampled_from(AnswerKind),
    labels=st.lists(st.sampled_from(Expression), min_size=2, unique=True).map(tuple),
    output=st.none() | st.text(min_size=1).filter(lambda text: text.isprintable() and text != "?"),
    name=st.none() | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
)


def test_a_whole_spec_is_read(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(WHOLE)
    assert read_spec(path) == Spec(
        layout=Layout.NCHW,
        colour=Colour.RGB,
        size=64,
        scale=(0.5,),
        offset=(1.0, 2.5, -3.0),
        answers=AnswerKind.LOGITS,
        labels=(Expression.ANGER, Expression.HAPPINESS, Expression.SADNESS),
    )


@given(SPECS)
def test_what_is_written_is_read_again(spec: Spec) -> None:
    assert parse_spec(spec.to_toml(), "s.toml") == spec


VALUES = st.sampled_from(
    ['"?"', '["?"]', '"nchw"', '"grey"', '"0..1"', "64", "0", "-1.5", "nan", "inf", "true", "[]"]
    + ["[1, 2]", "[0.1, 0.2, 0.3]", "{a = 1}", "1979-05-27", '"logits"', '["sad", "happy"]']
    + ["[[[1]]]", "9" * 400, "1e400", "[true, 1, 1]", '["sad", 5]', '"\\u0007"', '"x\\ny"']
)
KEYS = st.sampled_from(
    ["layout", "colour", "size", "scale", "offset", "mean", "std", "pixels"]
    + ["answers", "labels", "output", "name", "extra"]
)
LINES = st.tuples(KEYS, VALUES).map(" = ".join)


def parsed(text: str) -> Spec | str:
    """The spec, or the message."""
    try:
        return parse_spec(text, "s.toml")
    except InputError as error:
        return str(error)


@given(st.one_of(st.lists(LINES | st.text(max_size=20)).map("\n".join), st.text()))
def test_any_text_is_a_spec_or_one_line(text: str) -> None:
    found = parsed(text)
    assert isinstance(found, Spec) or (found.startswith("s.toml: ") and "\n" not in found)


@given(KEYS, VALUES)
def test_one_changed_key_is_taken_or_named(key: str, value: str) -> None:
    lines = [line for line in WHOLE.splitlines() if not line.startswith(f"{key} =")]
    found = parsed("\n".join([*lines, f"{key} = {value}"]))
    named = (key, "label", "scale", "mean")
    assert isinstance(found, Spec) or any(word in found for word in named)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('layout = "?"', "layout: expected what only the network's owner knows, found '?'"),
        ('labels = ["sad", "?"]', "labels: expected what only"),
        ("layout = 5", "layout: expected nchw or nhwc, found 5"),
        ('colour = "red"', "colour: expected grey or rgb or bgr, found 'red'"),
        ("size = 64.0", "size: expected 24 to 512 pixels, found 64.0"),
        ("size = 7", "size: expected 24 to 512"),
        ("scale = 0", "scale: expected numbers other than 0"),
        ("scale = [1, 2]", "scale: expected one finite number or three"),
        ("scale = inf", "scale: expected one finite number or three"),
        ('labels = ["awe", "sad"]', "label 'awe'"),
        ('labels = ["sad"]', "labels: expected two or more"),
        ("mean = 0.5", "scale: expected scale and offset, or mean, std and pixels"),
        ("softmax = true", "unknown key: expected layout,"),
        ('name = "../x"', "name: expected up to 64 letters"),
        ('output = ""', "output: expected the name of an output"),
        ("output = 3", "output: expected a text"),
        ("layout", "expected a spec in TOML"),
        ("x = " + "[" * 5000, "expected a spec in TOML"),
    ],
)
def test_what_is_wrong_is_named(line: str, message: str) -> None:
    key = line.split(" =")[0]
    kept = [given for given in WHOLE.splitlines() if not given.startswith(f"{key} =")]
    with pytest.raises(InputError, match="s.toml: ") as caught:
        parse_spec("\n".join([*kept, line]), "s.toml")
    assert message in str(caught.value)


@pytest.mark.parametrize("key", [line.split(" =")[0] for line in WHOLE.splitlines()])
def test_what_is_missing_is_named(key: str) -> None:
    lines = [line for line in WHOLE.splitlines() if not line.startswith(f"{key} =")]
    with pytest.raises(InputError, match=f"s.toml: {key}: expected in the spec, found nothing"):
        parse_spec("\n".join(lines), "s.toml")


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    with pytest.raises(InputError, match="no such file"):
        read_spec(path)
    path.write_bytes(b"layout = '\xff'")
    with pytest.raises(InputError, match="other bytes than UTF-8"):
        read_spec(path)


def with_mean(mean: str, std: str, pixels: str) -> Spec:
    lines = [line for line in WHOLE.splitlines() if not line.startswith(("scale", "offset"))]
    lines += [f"mean = {mean}", f"std = {std}", f'pixels = "{pixels}"']
    return parse_spec("\n".join(lines), "s.toml")


def test_mean_and_deviation_are_scale_and_offset() -> None:
    unit = with_mean("[0.485, 0.456, 0.406]", "[0.229, 0.224, 0.225]", "0..1")
    for pixel in (0, 100, 255):
        found = pixel * np.array(unit.scale) + np.array(unit.offset)
        expected = (pixel / 255 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]
        np.testing.assert_allclose(found, expected)
    levels = with_mean("127.5", "127.5", "0..255")
    np.testing.assert_allclose(
        (levels.scale[0] * 255 + levels.offset[0], levels.offset[0]), (1, -1)
    )
    mixed = with_mean("0", "[1, 2, 4]", "0..255")
    assert mixed.scale == (1, 0.5, 0.25)


@pytest.mark.parametrize(
    ("mean", "std", "pixels"), [("0", "0", "0..1"), ("0", "-1", "0..1"), ("0", "1", "0-1")]
)
def test_a_deviation_that_is_none_is_refused(mean: str, std: str, pixels: str) -> None:
    with pytest.raises(InputError, match=r"s\.toml: (std|pixels): "):
        with_mean(mean, std, pixels)


@pytest.mark.parametrize("colour", Colour)
def test_pixels_become_channels_in_their_order(colour: Colour) -> None:
    text = WHOLE.replace('"rgb"', f'"{colour}"')
    scale = parse_spec(text, "s.toml").pixel_scale(3)
    pixel = np.array([10.0, 20.0, 60.0])
    luma = 0.299 * 10 + 0.587 * 20 + 0.114 * 60
    order = {Colour.RGB: pixel, Colour.BGR: pixel[::-1], Colour.GREY: np.full(3, luma)}[colour]
    found = np.array(scale.weights) @ pixel + np.array(scale.bias)
    np.testing.assert_allclose(found, 0.5 * order + [1, 2.5, -3])


def test_grey_is_one_channel_or_three_alike() -> None:
    text = WHOLE.replace('"rgb"', '"grey"').replace("[1, 2.5, -3]", "1")
    spec = parse_spec(text, "s.toml")
    assert spec.channels == 1
    assert len(spec.pixel_scale(1).weights) == 1
    assert len(set(spec.pixel_scale(3).weights)) == 1
    assert parse_spec(WHOLE.replace('"rgb"', '"grey"'), "s.toml").channels == 3


@pytest.mark.parametrize(
    ("colour", "message"),
    [
        ("rgb", "colour: expected what fits the network's channels, 1, found 'rgb'"),
        ("grey", "scale and offset: expected one number each, for one channel, found 3"),
    ],
)
def test_other_numbers_of_channels_are_refused(colour: str, message: str) -> None:
    spec = parse_spec(WHOLE.replace('"rgb"', f'"{colour}"'), "s.toml")
    with pytest.raises(InputError, match=message):
        spec.pixel_scale(1)
