"""Archives of a release, and a local server for them whose failures are set by the tests."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

from skcomic.datasets import _unpacking, fetch_comic_faces

FACES = "face2comics_v2.0.0_by_Sxela_faces.tar"
COMICS = "face2comics_v2.0.0_by_Sxela_comics.tar"
BOTH = "face2comics_v1.0.0_by_Sxela.tar"
FOLDERS = {"/v1.0.0", "/v2.0.0", "/elsewhere"}
N_PAIRS = 4


@dataclass
class Release:
    """The files of the server, the ways in which it fails, and the requests that it received."""

    files: dict[str, bytes]
    cuts: int = 0  # number of responses that end in the middle
    statuses: list[int] = field(default_factory=list)  # sent instead of the next responses
    supports_ranges: bool = True
    shift: int = 0  # number of bytes by which a range starts too late
    longest_range: int | None = None
    sends_length: bool = True
    sends_etag: bool = True  # whether responses have an ETag
    stalls: bool = False
    moved: bool = False  # whether requests are redirected, as for GitHub's releases
    closing: threading.Event = field(default_factory=threading.Event)
    requested: list[tuple[str, str | None]] = field(default_factory=list)  # (file, range)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        folder, name = handler.path.rsplit("/", 1)
        byte_range = handler.headers.get("Range")
        if self.moved and folder != "/elsewhere":
            handler.send_response(302)
            handler.send_header("Location", f"/elsewhere/{name}")
            handler.end_headers()
            return
        self.requested.append((name, byte_range))
        if self.stalls:
            self.closing.wait(10)
        if self.statuses or name not in self.files or folder not in FOLDERS:
            handler.send_error(self.statuses.pop(0) if self.statuses else 404)
            return
        body = self.files[name]
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        same = handler.headers.get("If-Range", etag) == etag
        if byte_range and self.supports_ranges and same:
            start = int(byte_range.removeprefix("bytes=").removesuffix("-")) + self.shift
            if start >= len(body):
                handler.send_error(416)
                return
            part = body[start:][: self.longest_range]
            handler.send_response(206)
            last = start + len(part) - 1
            handler.send_header("Content-Range", f"bytes {start}-{last}/{len(body)}")
        else:
            part = body
            handler.send_response(200)
        if self.sends_etag:
            handler.send_header("ETag", etag)
        if self.sends_length:
            handler.send_header("Content-Length", str(len(part)))
        handler.end_headers()
        cut = self.cuts > 0
        self.cuts -= cut
        handler.wfile.write(part[: len(part) // 2] if cut else part)


def jpeg(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


def tar(members: dict[str, bytes], *special_members: tarfile.TarInfo) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in special_members:
            archive.addfile(member)
    return file.getvalue()


def images(folder: str) -> dict[str, bytes]:
    return {f"{folder}/{number}.jpg": jpeg(number + len(folder)) for number in range(N_PAIRS)}


@contextmanager
def serve(release: Release) -> Iterator[str]:
    """Serve a release; yield the URL of the server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            release.answer(self)

        def log_message(self, *args: object) -> None:
            """Keep the tests quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = False  # so that closing the server waits for its responses

        def handle_error(self, *args: object) -> None:
            """Ignore clients that disconnect: the tests do that."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            release.closing.set()
            server.shutdown()
            thread.join()


def fetch(home: Path, **parameters):
    return fetch_comic_faces(data_home=home, **{"delay": 0.01, **parameters})


def names(home: Path) -> set[str]:
    return {path.name for path in home.iterdir()}


def assert_whole(home: Path, release: Release, version: str = "2.0.0") -> None:
    """The images are those of the archives, byte by byte, and no other file is left."""
    folder = home / f"face2comics_v{version}"
    archives = {"1.0.0": [BOTH], "2.0.0": [FACES, COMICS]}[version]
    assert names(home) == {folder.name} | {f"{name}.sha256" for name in archives}
    assert names(folder) == {"faces", "comics", _unpacking.MARKER}
    for name in archives:
        with tarfile.open(fileobj=io.BytesIO(release.files[name])) as archive:
            for member in archive:
                label = {"face": "faces"}.get(label := member.name.split("/")[-2], label)
                path = folder / label / Path(member.name).name
                assert path.read_bytes() == archive.extractfile(member).read()


def special_member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = target
    return member
