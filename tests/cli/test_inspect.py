"""`edgefer inspect` on intact and damaged bundles."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from edgefer.bundle import Bundle, read_bundle
from edgefer.export.shipped import shipped_graph
from tests.export.foreign_graphs import Form, classifier


def test_shows_every_part_within_80_columns(edgefer, bundle: Path) -> None:
    outcome = edgefer("inspect", bundle)
    assert outcome.status == 0
    assert outcome.err == ""
    assert max(map(len, outcome.out.splitlines())) <= 80
    for text in ("tiny", "fp32", "neutral", "random:0", "none needed", "no data", "cpu.onnx"):
        assert text in outcome.out
    assert "training data sides" in outcome.out
    assert "3, 4" in outcome.out
    assert "[tiny]" in outcome.out, "brackets in a cell are no markup"
    assert read_bundle(bundle).id in outcome.out
    assert "…" not in outcome.out, "what is long is folded, not cut"


def test_hashes_and_limits_are_whole(edgefer, bundle: Path, monkeypatch, tmp_path: Path) -> None:
    found = read_bundle(bundle)
    (parity,) = found.manifest.parity
    parity = replace(parity, difference=0.000123456, limit=0.0123456)
    exact = Bundle(replace(found.manifest, parity=(parity,)), found.members)
    exact.write(tmp_path / "exact.edgefer")
    monkeypatch.setenv("COLUMNS", "200")
    out = edgefer("inspect", tmp_path / "exact.edgefer").out
    for member in found.manifest.files.values():
        assert f" {member.sha256} " in out
    assert " 0.000123456 " in out
    assert " 0.0123456 " in out


def test_json_is_the_manifest_with_id_and_path(edgefer, bundle: Path) -> None:
    outcome = edgefer("inspect", bundle, "--json")
    document = json.loads(outcome.out)
    found = read_bundle(bundle)
    assert document.pop("id") == found.id
    assert document.pop("path") == str(bundle)
    assert document == json.loads(found.manifest.to_json())
    assert outcome.out.count("\n") == 1


def test_a_damaged_member_is_named(edgefer, bundle: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.edgefer"
    damaged.write_bytes(bundle.read_bytes().replace(b"# tiny\n", b"# evil\n"))
    outcome = edgefer("inspect", damaged)
    assert outcome.status == 2
    assert outcome.out == ""
    assert outcome.err.count("\n") == 1
    assert str(damaged) in outcome.err


def test_a_missing_file_is_wrong_input(edgefer, tmp_path: Path) -> None:
    outcome = edgefer("inspect", tmp_path / "no.edgefer")
    assert outcome.status == 2
    assert "no such file" in outcome.err


def test_the_card_is_printed_as_it_is(edgefer, bundle: Path) -> None:
    outcome = edgefer("inspect", bundle, "--card")
    assert outcome.status == 0
    card = read_bundle(bundle).members["card.md"]
    assert outcome.out.encode() == card
    assert json.loads(edgefer("inspect", bundle, "--card", "--json").out) == {"card": card.decode()}


def test_a_spec_is_suggested_for_an_onnx_file(edgefer, tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    form = Form(batch=1)
    path.write_bytes(classifier(form).SerializeToString())
    outcome = edgefer("inspect", path, "--suggest-spec")
    assert (outcome.status, outcome.err) == (0, "")
    assert 'layout = "nchw"' in outcome.out.splitlines()
    assert 'colour = "?"' in outcome.out.splitlines()
    document = json.loads(edgefer("inspect", path, "--suggest-spec", "--json").out)
    assert document == {"spec": outcome.out}


def test_an_onnx_file_alone_is_no_bundle(edgefer, tmp_path: Path) -> None:
    outcome = edgefer("inspect", tmp_path / "mine.onnx")
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1
    assert "--suggest-spec" in outcome.err


def test_a_spec_of_a_graph_that_is_ours_already(edgefer, tmp_path: Path) -> None:
    path = tmp_path / "ours.onnx"
    path.write_bytes(shipped_graph().data)
    outcome = edgefer("inspect", path, "--suggest-spec")
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1
    assert "found ours; export it without a spec" in outcome.err


def test_a_card_and_a_spec_are_of_different_files(edgefer, tmp_path: Path) -> None:
    outcome = edgefer("inspect", tmp_path / "x.onnx", "--suggest-spec", "--card")
    assert outcome.status == 2
    assert "give one of them" in outcome.err
