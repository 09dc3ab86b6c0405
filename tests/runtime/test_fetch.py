"""The face detector is fetched whole and right, or not at all. The server is on this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from edgefer.errors import InputError, MachineError
from edgefer.files import sha256
from edgefer.runtime import fetch
from edgefer.runtime.cache import cache_folder

MODEL = bytes(range(256)) * 200


class Server(BaseHTTPRequestHandler):
    """Serves `body`; a `length` that is larger is announced all the same."""

    status = 200
    body = MODEL
    length = len(MODEL)

    def do_GET(self) -> None:
        self.send_response(type(self).status)
        self.send_header("Content-Length", str(type(self).length))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the client has read enough
            self.wfile.write(type(self).body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Server]]:
    """A server of MODEL, which is the detector that is expected."""

    class Own(Server):
        pass

    http = HTTPServer(("127.0.0.1", 0), Own)
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setattr(fetch, "URL", f"http://127.0.0.1:{http.server_port}/model.onnx")
    monkeypatch.setattr(fetch, "SIZE", len(MODEL))
    monkeypatch.setattr(fetch, "YUNET_SHA256", sha256(MODEL))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield Own
    http.shutdown()
    thread.join()
    http.server_close()


def test_fetches_into_the_cache(server: type[Server]) -> None:
    seen: list[tuple[str, int, int]] = []
    path = fetch.fetch_detector(lambda *step: seen.append(step))
    assert path == cache_folder() / "face_detection_yunet_2023mar.onnx"
    assert path.read_bytes() == MODEL
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [path] == list(path.parent.iterdir())
    assert seen[0] == ("fetch", 0, len(MODEL))
    assert seen[-1] == ("fetch", len(MODEL), len(MODEL))
    assert fetch.fetch_detector() == path


@pytest.mark.parametrize(
    ("status", "body", "length", "message"),
    [
        (200, MODEL[:-1] + b"x", len(MODEL), "expected sha256 .*, found .*; fetch it on another"),
        (200, MODEL * 50, len(MODEL) * 50, "expected sha256 .*, found "),
        (200, b"version https://git-lfs", 23, "expected sha256 .*, found "),
        (200, MODEL[:99], len(MODEL), "cannot download it|expected sha256"),
        (404, b"", 0, "cannot download it .*404"),
    ],
    ids=["another", "endless", "pointer", "cut off", "gone"],
)
def test_keeps_nothing_else(
    server: type[Server], status: int, body: bytes, length: int, message: str
) -> None:
    server.status, server.body, server.length = status, body, length
    with pytest.raises(MachineError, match=message):
        fetch.fetch_detector()
    assert not cache_folder().exists()


def test_no_network_says_where_to_copy_it(
    server: type[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "URL", "http://127.0.0.1:1/model.onnx")
    with pytest.raises(MachineError, match=r"cannot download it .* copy it to .*2023mar\.onnx"):
        fetch.fetch_detector()


def test_a_cache_that_cannot_be_made_is_named(server: type[Server], tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file")
    with pytest.raises((InputError, MachineError), match="cannot make the cache folder"):
        fetch.fetch_detector()
