"""Small numbers that stand for images, so that the pixels of all need not be in memory at once."""

import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from PIL import Image

from skcomic._compat.joblib import active_dask_backend
from skcomic.catalogue.contrast import lacks_contrast
from skcomic.images.decoding import DEFAULT_RENDERING, ImageFailure, PathLike, Rendering
from skcomic.images.loading import try_rasters

#: Side, in pixels, of the rasters that are compared; smaller ones have too little detail.
COMPARED_SIDE = 32

#: Bits of a perceptual hash, and the unsigned integers of 64 bits that hold them.
N_BITS, N_WORDS = 256, 4

#: Bytes of a hash of pixels.
DIGEST_BYTES = 16

# Standard deviation, in grey levels, below which a raster has no pattern: the bits of its hash are
# rounding errors, and a black image would look like a white one. If the contrast of 360 real
# images is reduced to 2, rounding changes 30 of the 256 bits at most (MAX_DISTANCE is 32); if it
# is reduced to 1, 52.
_MIN_CONTRAST = 2

# Images whose pixels are in memory at a time: 10 MB at 64x64 and 32x32.
_CHUNK = 2048
# On a cluster, so that all workers are busy until the end; a task costs its scheduler a ms.
_MIN_CHUNK, _CHUNKS_PER_JOB = 32, 4
# Images that are transformed at once: 2 MB, as float64, at 64x64.
_BLOCK = 64


class ImageHashes(NamedTuple):
    """What stands for images.

    Parameters
    ----------
    looks : ndarray of shape (n_images, 4), uint64
        Perceptual hashes of the smallest rasters of `COMPARED_SIDE` pixels or more; zeros for
        images that have none, show no pattern or cannot be read.
    pixels : ndarray of shape (n_images, 16), uint8
        Hashes of the largest rasters; of no meaning for images that cannot be read.
    is_flat : ndarray of shape (n_images,), bool
        Whether the largest raster is of one grey level; of no meaning like `pixels`.
    failures : dict of int to ImageFailure
        Row and failure of each image that cannot be read, in the order of the rows.
    """

    looks: np.ndarray
    pixels: np.ndarray
    is_flat: np.ndarray
    failures: dict[int, ImageFailure]


def hash_images(
    paths: Sequence[PathLike],
    sizes: Sequence[tuple[int, int]],
    rendering: Rendering | None = DEFAULT_RENDERING,
    *,
    n_jobs: int | None = None,
    cache: PathLike | None = None,
) -> ImageHashes:
    """Read image files, chunk by chunk, and keep only what stands for them.

    Parameters
    ----------
    paths, sizes, rendering, n_jobs, cache
        As for `load_rasters`. With a cache, the rasters of all sizes are stored in it. Where
        joblib runs tasks on a cluster, its workers read the images, `n_jobs` side by side.

    Returns
    -------
    hashes : ImageHashes
        Of all images, in the order of `paths`.
    """
    n_images = _CHUNK
    if is_spread := active_dask_backend() is not None:
        n_parts = _CHUNKS_PER_JOB * effective_n_jobs(n_jobs)
        n_images = min(_CHUNK, max(_MIN_CHUNK, math.ceil(len(paths) / n_parts)))
    starts = range(0, len(paths), n_images)
    parts = [paths[start : start + n_images] for start in starts]
    if is_spread:
        chunks = Parallel(n_jobs=n_jobs)(
            delayed(hash_chunk)(part, sizes, rendering, 1, cache) for part in parts
        )
    else:  # by threads within a chunk: the pixels of one are in memory, and no process starts
        chunks = [hash_chunk(part, sizes, rendering, n_jobs, cache) for part in parts]
    return ImageHashes(
        np.concatenate([chunk.looks for chunk in chunks]),
        np.concatenate([chunk.pixels for chunk in chunks]),
        np.concatenate([chunk.is_flat for chunk in chunks]),
        {
            start + row: failure
            for start, chunk in zip(starts, chunks, strict=True)
            for row, failure in chunk.failures.items()
        },
    )


def hash_chunk(
    paths: Sequence[PathLike],
    sizes: Sequence[tuple[int, int]],
    rendering: Rendering | None,
    n_jobs: int | None,
    cache: PathLike | None,
) -> ImageHashes:
    """Read some image files and keep only what stands for them.

    Parameters
    ----------
    paths, sizes, rendering, n_jobs, cache
        As for `load_rasters`.

    Returns
    -------
    hashes : ImageHashes
        Of these images; rows count from the first of them.
    """
    rasters, failures = try_rasters(paths, sizes, rendering, n_jobs=n_jobs, cache=cache)
    largest = max(rasters, key=np.size)
    looks = np.zeros((len(paths), N_WORDS), dtype=np.uint64)
    # The smallest that is large enough: the others would be resized to nearly the same.
    if compared := [array for array in rasters if array.shape[1] >= COMPARED_SIDE]:
        looks = perceptual_hashes(min(compared, key=np.size))
        looks[list(failures)] = 0
    return ImageHashes(looks, hash_pixels(largest), lacks_contrast(largest), failures)


def hash_pixels(rasters: np.ndarray) -> np.ndarray:
    """Hash rasters such that equal rasters have equal hashes, and others do not.

    Parameters
    ----------
    rasters : ndarray of shape (n_images, height, width), uint8
        The rasters.

    Returns
    -------
    digests : ndarray of shape (n_images, 16), uint8
        The bytes of the hashes.
    """
    digests = [blake2b(raster.tobytes(), digest_size=DIGEST_BYTES).digest() for raster in rasters]
    return np.frombuffer(b"".join(digests), np.uint8).reshape(len(rasters), DIGEST_BYTES)


def perceptual_hashes(rasters: np.ndarray) -> np.ndarray:
    """Hash images such that images that look the same have similar hashes.

    Parameters
    ----------
    rasters : ndarray of shape (n_images, height, width), uint8
        Grey levels, of `COMPARED_SIDE` pixels or more on each side.

    Returns
    -------
    hashes : ndarray of shape (n_images, 4), uint64
        256 bits for each image; zeros for a raster without a pattern.
    """
    bits = np.zeros((len(rasters), N_BITS), dtype=bool)
    for start in range(0, len(rasters), _BLOCK):
        block = rasters[start : start + _BLOCK]
        has_pattern = block.reshape(len(block), -1).std(axis=1) >= _MIN_CONTRAST
        if has_pattern.any():
            bits[start : start + _BLOCK][has_pattern] = _hash_block(block[has_pattern])
    return np.packbits(bits, axis=1).view(np.uint64)


def _hash_block(rasters: np.ndarray) -> np.ndarray:
    """Compute the bits of `imagehash.phash` of rasters, which takes one at a time."""
    from scipy.fft import dct  # not at the top: it takes 0.2 seconds

    side = round(N_BITS**0.5)
    shrunk = np.stack([_shrink(raster) for raster in rasters])
    columns = dct(shrunk, axis=1)[:, :side]
    lowest = dct(columns, axis=2)[:, :, :side].reshape(len(rasters), N_BITS)
    return np.asarray(lowest > np.median(lowest, axis=1, keepdims=True))


def _shrink(raster: np.ndarray) -> np.ndarray:
    size = (COMPARED_SIDE, COMPARED_SIDE)
    if raster.shape == size:
        return raster
    return np.asarray(Image.fromarray(raster).resize(size, Image.Resampling.BOX))
