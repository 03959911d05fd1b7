"""What stands for images does not depend on the chunks that they are read in."""

import shutil
import tracemalloc
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skcomic import load_catalogue
from skcomic.catalogue import hashing
from skcomic.catalogue.contrast import lacks_contrast
from skcomic.catalogue.hashing import hash_chunk, hash_images, hash_pixels, perceptual_hashes
from skcomic.images.decoding import DEFAULT_RENDERING
from skcomic.images.loading import load_rasters

SIZES = [(16, 16), (64, 64), (32, 32)]


def write_pgm(path: Path, pixels: np.ndarray) -> str:
    height, width = pixels.shape
    path.write_bytes(b"P5 %d %d 255\n" % (width, height) + pixels.tobytes())
    return str(path)


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_chunks_change_nothing(
    chunk: int, faces_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(faces_dir, tmp_path / "images")
    paths = load_catalogue(folder).path.tolist()
    write_pgm(Path(paths[20]), np.full((40, 40), 7, dtype=np.uint8))
    bad = [3, 13, 14, 47]
    for row in bad:
        Path(paths[row]).write_text("a text")
    monkeypatch.setattr(hashing, "_CHUNK", chunk)
    found = hash_images(paths, SIZES, n_jobs=2, cache=tmp_path / "cache")

    assert list(found.failures) == bad
    assert [failure.path for failure in found.failures.values()] == [paths[row] for row in bad]
    assert not found.looks[bad].any()
    read = np.delete(np.arange(48), bad)
    _, large, compared = load_rasters([paths[row] for row in read], SIZES)
    assert (found.looks[read] == perceptual_hashes(compared)).all()
    assert (found.pixels[read] == hash_pixels(large)).all()
    assert found.is_flat[read].tolist() == lacks_contrast(large).tolist()
    assert read[found.is_flat[read]].tolist() == [20]


def hash_one(raster: np.ndarray) -> np.ndarray:
    """Hash a raster by `imagehash`; without a pattern, zeros."""
    if raster.std() < 2:
        return np.zeros(4, dtype=np.uint64)
    image = Image.fromarray(raster).resize((32, 32), Image.Resampling.BOX)
    return np.packbits(imagehash.phash(image, 16, 2).hash).view(np.uint64)


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (33, 33), (47, 35), (32, 101)])
def test_perceptual_hashes_are_those_of_imagehash(
    size: tuple[int, int], faces: pd.DataFrame
) -> None:
    random = np.random.default_rng(0)
    drawn = load_rasters(faces.path.tolist(), [size])[0]
    flat = np.arange(0, 256, 5, dtype=np.uint8)[:, None, None] + np.zeros_like(drawn[:1])
    # Of standard deviations about 2, where a pattern begins.
    faint = np.stack([random.integers(90, 90 + n, drawn.shape[1:]) for n in [6, 7, 8, 9] * 5])
    split = np.full_like(drawn[:1], 20)
    split[:, ::2] += 4
    noise = random.integers(0, 256, (30, *drawn.shape[1:]))
    rasters = np.concatenate([drawn, flat, faint, split, noise, noise[:, ::-1]]).astype(np.uint8)
    rasters = random.permutation(rasters)
    expected = np.stack([hash_one(raster) for raster in rasters])
    assert len(flat) < (expected == 0).all(axis=1).sum() < len(rasters) - len(drawn)
    np.testing.assert_array_equal(perceptual_hashes(rasters), expected)
    assert perceptual_hashes(rasters[:0]).shape == (0, 4)


def test_perceptual_hashes_of_real_images_are_those_of_imagehash(real_dir: Path) -> None:
    paths = load_catalogue(real_dir).path.tolist()[::3]
    for rasters in load_rasters(paths, [(32, 32), (64, 64), (47, 35)]):
        expected = np.stack([hash_one(raster) for raster in rasters])
        np.testing.assert_array_equal(perceptual_hashes(rasters), expected)


def test_small_rasters_have_no_look(faces: pd.DataFrame) -> None:
    found = hash_chunk(faces.path.tolist(), [(31, 31), (8, 8)], DEFAULT_RENDERING, None, None)
    assert found.looks.shape == (48, 4)
    assert not found.looks.any()


def test_equal_pixels_have_equal_hashes() -> None:
    rasters = np.zeros((4, 5, 5), dtype=np.uint8)
    rasters[1, 4, 4] = rasters[3, 4, 4] = 1
    hashes = hash_pixels(rasters)
    assert hashes.shape == (4, 16)
    assert (hashes[:, None] == hashes).all(axis=-1).tolist() == [
        [True, False, True, False],
        [False, True, False, True],
    ] * 2


def test_pixels_of_a_chunk_are_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_CHUNK", 4)
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (320, 64, 64), dtype=np.uint8)
    paths = [write_pgm(tmp_path / f"{row}.pgm", array) for row, array in enumerate(pixels)]
    hash_images(paths[:32], [(64, 64)])  # imports what is only imported when it is used
    tracemalloc.start()
    found = hash_images(paths, [(64, 64)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.pixels == hash_pixels(pixels)).all()
    assert peak < pixels.nbytes / 2
