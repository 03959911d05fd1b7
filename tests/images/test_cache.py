"""The cache never returns wrong pixels, also if files, folder or processes fail."""

import os
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import skcomic.images.cache
from skcomic import (
    ImageReadError,
    ImageVectorizer,
    cache_info,
    clear_cache,
    read_raster,
)
from skcomic.images.cache import RasterCache, raster_keys
from skcomic.images.decoding import DEFAULT_RENDERING


@pytest.fixture
def settled(faces_dir: Path, tmp_path: Path) -> list[str]:
    """Six images that the test may change, old enough to be stored."""
    paths = [tmp_path / path.name for path in sorted((faces_dir / "faces").iterdir())[:6]]
    for path in paths:
        shutil.copyfile(faces_dir / "faces" / path.name, path)
    time.sleep(0.15)
    return [str(path) for path in paths]


def decodes(folder: Path) -> int:
    return cache_info(folder)["decodes"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_an_image_is_decoded_once(settled: list[str], folder: Path) -> None:
    plain = ImageVectorizer(12).transform(settled)
    cached = ImageVectorizer(12, cache=folder)
    for _ in range(3):
        np.testing.assert_array_equal(cached.transform(settled), plain)
    order = [3, 1, 1, 5]
    np.testing.assert_array_equal(cached.transform([settled[i] for i in order]), plain[order])
    assert decodes(folder) == 6
    info = cache_info(folder)
    assert info["rasters"] == 6
    assert 6 * 144 < info["bytes"] < info["limit"]
    clear_cache(folder)
    with pytest.raises(FileNotFoundError, match="there is no cache in"):
        cache_info(folder)
    np.testing.assert_array_equal(cached.transform(settled), plain)  # in this process, too
    assert decodes(folder) == 6


def test_another_size_filter_or_version_of_the_code_is_a_miss(
    settled: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count, settings in enumerate(
        ({"size": 12}, {"size": (12, 8)}, {"size": (8, 12)}, {"size": 12, "resample": "bicubic"}),
        start=1,
    ):
        for _ in range(2):
            rows = ImageVectorizer(cache=folder, **settings).transform(settled)
            np.testing.assert_array_equal(rows, ImageVectorizer(**settings).transform(settled))
            assert decodes(folder) == 6 * count
    monkeypatch.setattr(skcomic.images.cache, "decoder_version", lambda: "another Pillow")
    ImageVectorizer(12, cache=folder).transform(settled)
    assert decodes(folder) == 30


def test_a_changed_file_is_a_miss(settled: list[str], folder: Path) -> None:
    cached = ImageVectorizer(12, cache=folder)
    cached.transform(settled)
    one = Path(settled[0])
    stat = one.stat()
    changed = bytearray(one.read_bytes())
    Image.new("L", (48, 48), 255).save(one)
    white = one.read_bytes()
    assert len(white) < len(changed)
    one.write_bytes(white + bytes(len(changed) - len(white)))
    os.utime(one, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as long and as old as before
    assert one.stat().st_size == stat.st_size
    np.testing.assert_array_equal(cached.transform(settled)[0], 1.0)
    other = Path(settled[1])
    other.unlink()
    shutil.copy2(settled[2], other)  # another file under the same name
    np.testing.assert_array_equal(*cached.transform(settled)[1:3])


def test_a_file_that_changes_all_the_time_is_never_stale(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "changing.png"
    cached = ImageVectorizer(1, cache=folder)
    for level in [*range(0, 250, 10), *range(0, 250, 10)]:
        Image.new("L", (2, 2), level).save(path)
        assert cached.transform([path])[0, 0] == np.float32(level) / np.float32(255)


def test_bad_files_are_listed_and_the_good_ones_kept(settled: list[str], folder: Path) -> None:
    bad = Path(settled[0]).with_name("bad.jpg")
    bad.write_text("no image")
    time.sleep(0.15)
    for _ in range(2):
        with pytest.raises(ImageReadError, match="2 of 8 images cannot be read"):
            ImageVectorizer(12, cache=folder).transform(["none.jpg", *settled, bad])
    assert decodes(folder) == 6


WORKER = """
import sys
from skcomic import ImageVectorizer
cached, plain = ImageVectorizer(12, cache=sys.argv[1]), ImageVectorizer(12)
for _ in range(int(sys.argv[2])):
    for size in range(4, 12):
        cached.set_params(size=size), plain.set_params(size=size)
        assert (cached.transform(sys.argv[3:]) == plain.transform(sys.argv[3:])).all()
print("done")
"""


def start_worker(folder: Path, n_rounds: int, paths: list[str]) -> subprocess.Popen:
    command = [sys.executable, "-W", "error", "-c", WORKER, str(folder), str(n_rounds), *paths]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_processes_write_and_read_at_the_same_time(settled: list[str], folder: Path) -> None:
    workers = [start_worker(folder, 20, settled) for _ in range(4)]
    for worker in workers:
        out, errors = worker.communicate(timeout=120)
        assert (out, errors) == ("done\n", "")
    assert cache_info(folder)["rasters"] == 6 * 8


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_an_undamaged_cache(
    settled: list[str], folder: Path
) -> None:
    random = np.random.default_rng(0)
    for _ in range(3):
        worker = start_worker(folder, 10_000, settled)
        deadline = time.monotonic() + 60
        while not (folder / "rasters.lmdb").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(random.random() / 2)
        worker.kill()
        assert worker.communicate()[0] == ""
        next_worker = start_worker(folder, 1, settled)
        assert next_worker.communicate(timeout=60) == ("done\n", "")


def assert_falls_back(paths: list[str], folder: Path, match: str) -> None:
    """Check that the pixels are right, and that the folder causes one warning in all."""
    plain = ImageVectorizer(12).transform(paths)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            rows = ImageVectorizer(12, cache=folder).transform(paths)
            np.testing.assert_array_equal(rows, plain)
    (warning,) = caught
    assert match in str(warning.message)
    assert "skcomic cache clear" in str(warning.message)


def test_a_damaged_cache_is_not_used(settled: list[str], folder: Path) -> None:
    ImageVectorizer(12, cache=folder).transform(settled)
    RasterCache.close(folder)
    undamaged = (folder / "rasters.lmdb").read_bytes()
    random = np.random.default_rng(0)
    for damaged in (
        b"",
        b"no database" * 1000,
        undamaged[: len(undamaged) // 2],
        random.bytes(len(undamaged)),
        undamaged[:8192] + random.bytes(len(undamaged) - 8192),
    ):
        (folder / "rasters.lmdb").write_bytes(damaged)
        if damaged:
            assert_falls_back(settled, folder, "is damaged")
        else:  # an empty file is used like a missing one
            ImageVectorizer(12, cache=folder).transform(settled)
        RasterCache.close(folder)


def test_damaged_pixels_are_decoded_again(settled: list[str], folder: Path) -> None:
    plain = ImageVectorizer(12).transform(settled)
    ImageVectorizer(12, cache=folder).transform(settled)
    RasterCache.close(folder)
    file = folder / "rasters.lmdb"
    raster = read_raster(settled[3], (12, 12)).tobytes()
    content = file.read_bytes()
    assert raster in content
    file.write_bytes(content.replace(raster, raster[:100] + b"\0" + raster[101:]))
    for _ in range(2):
        rows = ImageVectorizer(12, cache=folder).transform(settled)
        np.testing.assert_array_equal(rows, plain)
    assert decodes(folder) == 7


def test_a_full_disk_costs_one_warning(settled: list[str], folder: Path, largest_file) -> None:
    ImageVectorizer(8, cache=folder).transform(settled[:1])
    with largest_file((folder / "rasters.lmdb").stat().st_size):
        assert_falls_back(settled, folder, "free disk space")
    RasterCache.close(folder)
    assert ImageVectorizer(8, cache=folder).transform(settled).shape == (6, 64)


def test_the_limit_costs_one_warning_and_what_is_kept_is_used(
    settled: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ImageVectorizer(8, cache=folder).transform(settled)
    RasterCache.close(folder)
    monkeypatch.setattr(skcomic.images.cache, "LIMIT", (folder / "rasters.lmdb").stat().st_size)
    large = [str(path) for path in settled]
    with pytest.warns(UserWarning, match="is full"):
        ImageVectorizer(100, cache=folder).transform(large)
    assert ImageVectorizer(100, cache=folder).transform(large).shape == (6, 10_000)  # quietly
    assert (
        not RasterCache.open(folder)
        .read(
            raster_keys(
                [skcomic.images.cache.file_state(p) for p in large], (100, 100), DEFAULT_RENDERING
            ),
            np.empty((6, 100, 100), np.uint8),
        )
        .any()
    )
    assert ImageVectorizer(8, cache=folder).transform(settled).shape == (6, 64)


@pytest.mark.parametrize("name", ["file/cache", "file"])
def test_a_folder_that_cannot_be_made_costs_one_warning(
    settled: list[str], tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").touch()
    assert_falls_back(settled, tmp_path / name, "cannot be used")


def test_another_limit_of_pixels_takes_nothing_from_the_cache(
    settled: list[str], folder: Path
) -> None:
    rows = ImageVectorizer(12, cache=folder).transform(settled)
    strict = ImageVectorizer(12, cache=folder, max_pixels=48 * 48 - 1)
    with pytest.raises(ImageReadError, match="6 of 6 images cannot be read"):
        strict.transform(settled)
    np.testing.assert_array_equal(ImageVectorizer(12, cache=folder).transform(settled), rows)
    assert decodes(folder) == 6
