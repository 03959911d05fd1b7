"""Small versions of both releases of the real faces, on a local server."""

from collections.abc import Iterator

import pytest
from release_server import BOTH, COMICS, FACES, Release, images, serve, tar

from skcomic.datasets import _download, fetched


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Iterator[Release]:
    root = "face2comics_v2.0.0_by_Sxela"
    old = "face2comics_v1.0.0_by_Sxela"
    release = Release(
        {
            FACES: tar(images(f"{root}/faces")),
            COMICS: tar(images(f"{root}/comics")),
            BOTH: tar(images(f"{old}/face") | images(f"{old}/comics")),
        }
    )
    with serve(release) as url:
        monkeypatch.setattr(fetched, "BASE_URL", url)
        monkeypatch.setattr(_download, "CHUNK_BYTES", 512)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield release
