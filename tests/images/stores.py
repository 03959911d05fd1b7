"""A real S3 server and a real web server, which count requests and can fail."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote
from urllib.request import Request, urlopen

import fsspec
import numpy as np
from moto.server import ThreadedMotoServer
from PIL import Image

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}  # fmt: skip


class S3:
    """A server of S3 on a free port, to which the environment points."""

    def __init__(self, server: ThreadedMotoServer) -> None:
        self.requests: list[tuple[str, str]] = []
        self.n_busy = 0
        self._server, self._answer = server._server, server._server.app
        server._server.app = self

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if self.n_busy:
            self.n_busy -= 1
            start_response("503 Slow Down", [("Content-Length", "0")])
            return [b""]
        return self._answer(environ, start_response)

    @property
    def environment(self) -> dict[str, str]:
        """Variables that point to it."""
        host, port = self._server.server_address[:2]
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}

    def count(self, method: str, *, objects: bool) -> int:
        """Count the requests for objects, or for listings."""
        return sum(
            asked == method and (path.strip("/").count("/") > 0) == objects
            for asked, path in self.requests
        )

    def reset(self) -> None:
        """Delete all that it stores; the library's own deletion of a bucket leaves traces."""
        address = self.environment["AWS_ENDPOINT_URL"]
        urlopen(Request(f"{address}/moto-api/reset", method="POST")).close()
        self.files().invalidate_cache()

    def files(self) -> Any:
        """Return a file system to fill the store with."""
        address = self.environment["AWS_ENDPOINT_URL"]
        return fsspec.filesystem("s3", endpoint_url=address, use_listings_cache=False)


@contextmanager
def s3_server() -> Iterator[S3]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield S3(server)
    finally:
        server.stop()


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.requests.append(("GET", unquote(self.path)))
        if self.path.startswith("/denied"):
            self.send_error(403)
            return
        self.is_broken = False
        if not self.path.endswith("/") and self.server.drop_every:
            self.server.n_gets += 1
            self.is_broken = self.server.n_gets % self.server.drop_every == 0
        super().do_GET()

    def do_HEAD(self) -> None:
        self.server.requests.append(("HEAD", unquote(self.path)))
        super().do_HEAD()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        data = source.read()
        outputfile.write(data[: len(data) // 2] if self.is_broken else data)

    def send_header(self, keyword: str, value: str) -> None:
        if keyword not in self.server.hidden_headers:
            super().send_header(keyword, value)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def web_server(root: Path, *, drop_every: int = 0) -> Iterator[Any]:
    """Serve a folder; drop every so many connections in the middle of a file."""
    handler = partial(_Handler, directory=str(root))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.requests, server.n_gets, server.drop_every = [], 0, drop_every
        server.hidden_headers = set()
        server.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def draw(path: Path, seed: int = 0, side: int = 40) -> Path:
    """Draw an image that no other is like."""
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
    Image.fromarray(levels).save(path, format="PNG")
    return path


def settle(*paths: Path) -> None:
    """Let files be a minute old, so that a time of whole seconds says whether they change."""
    for path in paths:
        os.utime(path, (time.time() - 60,) * 2)
