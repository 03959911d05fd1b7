"""How fast images in S3 are read: against local files, and against what the server gives.

The server is moto's, on this machine: it takes a core of its own, if there is one. Run as
``python benchmarks/remote.py``; it prints two tables.

* Cold: images per second with an empty cache, and those of plain GETs of the same objects by as
  many threads as skcomic has requests in flight.
* Warm: seconds to read the same images from a cache that has them, from S3 and from local files.
"""

import argparse
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from skcomic import ImageVectorizer, load_catalogue, make_contenders
from skcomic.datasets import make_comic_faces
from skcomic.images.remote import IN_FLIGHT

_SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request"}


@contextmanager
def s3_server():
    """Run a server in a process of its own; point the environment to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.environ.update(
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}", AWS_ACCESS_KEY_ID="key",
        AWS_SECRET_ACCESS_KEY="secret", AWS_DEFAULT_REGION="us-east-1",
    )  # fmt: skip
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait()


def get_all(port: int, keys: list[str]) -> None:
    """Get objects by the least that a client can do."""
    local = threading.local()

    def get(key: str) -> None:
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection("127.0.0.1", port)
        local.connection.request("GET", f"/bucket/{key}", headers=_SIGNED)
        answer = local.connection.getresponse()
        assert answer.status == 200, answer.status
        assert answer.read()

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        list(pool.map(get, keys))


def seconds_of(function: Callable[..., object], *arguments: object) -> float:
    """Measure the wall time of a call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def compare_cold(port: int, urls: list[str], n_repeats: int) -> None:
    """Print what an empty cache costs."""
    keys = [url.removeprefix("s3://bucket/") for url in urls]
    plain, cold = [], []
    for _ in range(n_repeats):
        plain.append(len(urls) / seconds_of(get_all, port, keys))
        with tempfile.TemporaryDirectory() as cache:
            vectorizer = ImageVectorizer(64, n_jobs=-1, cache=cache)
            cold.append(len(urls) / seconds_of(vectorizer.transform, urls))
    shares = [ours / theirs for ours, theirs in zip(cold, plain, strict=True)]
    print(f"\ncold, {len(urls)} images at 64x64, {n_repeats} runs of each by turns")
    print(f"plain GETs   {median(plain):7.0f} a second   ({', '.join(f'{n:.0f}' for n in plain)})")
    print(f"skcomic      {median(cold):7.0f} a second   ({', '.join(f'{n:.0f}' for n in cold)})")
    print(f"share        {median(shares):7.2f}   ({', '.join(f'{n:.2f}' for n in shares)})")


def compare_warm(paths: list[str], urls: list[str], labels: list[str], n_repeats: int) -> None:
    """Print what reading costs when the cache holds all images: alone, and in a fit."""
    with tempfile.TemporaryDirectory() as cache:
        vectorizer = ImageVectorizer(64, n_jobs=-1, cache=cache)
        pipeline = make_contenders(64, random_state=0)["hog"]
        pipeline.set_params(**{f"{pipeline.steps[0][0]}__cache": cache})
        for images in (paths, urls):
            vectorizer.transform(images)
        print(f"\nwarm, seconds, {n_repeats} runs of each by turns")
        for name, read in (
            ("reading", vectorizer.transform),
            ("a fit of hog", lambda images: pipeline.fit(images, labels)),
        ):
            local, remote = [], []
            for _ in range(n_repeats):
                local.append(seconds_of(read, paths))
                remote.append(seconds_of(read, urls))
            ratio = median(remote) / median(local)
            print(
                f"{name:14s} local {median(local):7.3f}   S3 {median(remote):7.3f}   "
                f"S3 / local {ratio:.2f}"
            )


def main() -> None:
    """Draw the images, fill the store and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    import fsspec

    with tempfile.TemporaryDirectory() as folder, s3_server() as port:
        faces = Path(folder, "faces")
        make_comic_faces(
            options.pairs, size=options.side, out_dir=faces, random_state=0, n_jobs=-1
        )
        files = fsspec.filesystem("s3")
        files.mkdir("bucket")
        files.put(str(faces), "bucket/faces", recursive=True)
        here = load_catalogue(faces)
        there = load_catalogue("s3://bucket/faces")
        assert there.label.tolist() == here.label.tolist()
        compare_cold(port, there.path.tolist(), options.repeats)
        compare_warm(here.path.tolist(), there.path.tolist(), here.label.tolist(), options.repeats)


if __name__ == "__main__":
    main()
