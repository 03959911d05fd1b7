"""Images that are equal or look the same, and the pairs that are joined because of them."""

import hashlib
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from skcomic.catalogue.validation import validate_catalogue
from skcomic.images.decoding import ImageFailure, PathLike
from skcomic.images.loading import try_rasters
from skcomic.images.stored_rows import digest_stored_rows

#: Side, in pixels, of the rasters that are compared; smaller ones have too little detail.
COMPARED_SIDE = 32

#: Bits of a hash, and the unsigned integers of 64 bits that hold them.
N_BITS, N_WORDS = 256, 4

#: Two images look the same if their hashes differ by at most this many bits. Most versions of one
#: real image differ by fewer, different images by 60 or more (table in `join_duplicates`).
MAX_DISTANCE = 32

# Standard deviation, in grey levels, below which a raster has no pattern: the bits of its hash are
# rounding errors, and a black image would look like a white one. If the contrast of 360 real
# images is reduced to 2, rounding changes 30 of the 256 bits at most (MAX_DISTANCE is 32); if it
# is reduced to 1, 52.
_MIN_CONTRAST = 2

# Distances that are in memory at a time: few enough for the cache of a processor. All 200 million
# of 20,000 hashes take 1.1 s; in blocks of 2**12 or 2**16 1.5 s, of 2**20 1.0 s, of 2**24 1.4 s.
_BLOCK = 2**18

_NONE = -1

Links = Iterable[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Duplicates:
    """The duplicates in a catalogue: for each image, an earlier one that it repeats.

    Parameters
    ----------
    copy_of : ndarray of shape (n_images,), int
        Row of the first image with the same content; -1 if no earlier image has it.
    similar_to : ndarray of shape (n_images,), int
        Row of the first image of another pair that looks the same; -1 if no earlier one does.
    distance : ndarray of shape (n_images,), int
        Number of bits that differ between the hashes of the image and of `similar_to`; -1 if
        there is no such image.
    group : ndarray of shape (n_images,), int
        The same number for images that are linked by either, directly or through others.
    """

    copy_of: np.ndarray
    similar_to: np.ndarray
    distance: np.ndarray
    group: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """Row of the image that each one repeats, by content or else by look; -1 if none."""
        return np.where(self.copy_of == _NONE, self.similar_to, self.copy_of)


def join_duplicates(
    catalogue: pd.DataFrame, *, n_jobs: int | None = None, cache: PathLike | None = None
) -> pd.DataFrame:
    """Join all pairs that share an image, or images that look the same, into one pair.

    A split by `pair` then has no copy of a training image among the test images. Files with the
    same content are found by a hash of the content, images that look the same by the perceptual
    hash of 256 bits that `imagehash.phash` computes from 32x32 grey pixels.

    Parameters
    ----------
    catalogue : DataFrame with columns `path` and `pair`
        As from `load_catalogue`. Files that cannot be read are not joined, with a warning.
    n_jobs : int or None, default=None
        Number of threads that decode.
    cache : str, path-like or None, default=None
        Folder that stores the decoded images; see `ImageVectorizer`.

    Returns
    -------
    joined : DataFrame
        A copy of `catalogue`, in which pairs that were joined have one name in `pair`: the
        first of their names in sorted order.

    See Also
    --------
    skcomic.split_catalogue : Calls this function by default.
    skcomic.check_catalogue : Lists the duplicates.

    Notes
    -----
    Two images look the same if at most 32 of the 256 bits differ. The table has the number of
    bits that differ between an image and a version of it, for the 360 real images of face2comics
    1.0.0 (180 pairs of 106 to 512 pixels):

    =====================================  ======  ====  =====  =======
    version                                median  99 %  worst  found
    =====================================  ======  ====  =====  =======
    JPEG of quality 75                     0       4     6      100 %
    JPEG of quality 20                     2       10    12     100 %
    WebP of quality 60                     2       6     8      100 %
    half the size                          4       21    22     100 %
    64x64 pixels                           4       10    12     100 %
    grey                                   0       4     4      100 %
    10 % brighter                          2       8     10     100 %
    25 % brighter                          4       16    22     100 %
    20 % less contrast                     2       4     6      100 %
    1 % cut off each side                  20      34    36     97 %
    2 % cut off each side                  38      54    62     19 %
    5 % cut off each side                  90      114   128    0 %
    mirrored                               126     136   138    0 %
    =====================================  ======  ====  =====  =======

    Two images of different pairs differ by 60 bits or more (median 118; 64,440 comparisons), so
    that none is joined by mistake; of 480 images by `make_comic_faces`, by 72 or more. With the 64
    bits that are the default of `imagehash`, two different faces are as close (6 bits) as an image
    is to itself at half the size. Images without a pattern, with a standard deviation below two
    grey levels, are compared only by content. ``benchmarks/near_duplicates.py`` repeats this.

    Examples
    --------
    >>> import shutil, tempfile
    >>> from skcomic import load_catalogue
    >>> from skcomic.datasets import make_comic_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = make_comic_faces(3, size=32, out_dir=folder, random_state=0)
    ...     _ = shutil.copy(f"{folder}/faces/pair_0000.jpg", f"{folder}/faces/again.jpg")
    ...     joined = join_duplicates(load_catalogue(folder))
    >>> joined.pair[joined.label == "faces"].tolist()
    ['again', 'again', 'pair_0001', 'pair_0002']
    """
    catalogue = validate_catalogue(catalogue)
    (rasters,), failures = try_rasters(
        catalogue.path.tolist(), [(COMPARED_SIDE, COMPARED_SIDE)], None, n_jobs=n_jobs, cache=cache
    )
    if failures:
        _warn_unreadable(list(failures.values()))
    is_read = np.ones(len(catalogue), dtype=bool)
    is_read[list(failures)] = False
    hashes = perceptual_hashes(rasters)
    hashes[~is_read] = 0
    return join_pairs(catalogue, find_duplicates(catalogue, hashes, is_read))


def _warn_unreadable(failures: list[ImageFailure]) -> None:
    path, _, reason = failures[0]
    warnings.warn(
        f"{len(failures)} files cannot be read, so their duplicates are not found (the "
        f"first: {path}: {reason}); skcomic.check_catalogue lists them",
        stacklevel=3,
    )


def join_pairs(catalogue: pd.DataFrame, duplicates: Duplicates) -> pd.DataFrame:
    """Join all pairs that are linked by duplicates into one pair.

    Parameters
    ----------
    catalogue : DataFrame with a column `pair`
        The images.
    duplicates : Duplicates
        The duplicates among them.

    Returns
    -------
    joined : DataFrame
        As from `join_duplicates`.
    """
    pairs = pd.factorize(catalogue.pair)[0]
    group = join_groups(pairs, [_links_of_groups(duplicates.group)])
    return catalogue.assign(pair=catalogue.pair.groupby(group).transform("min"))


def _links_of_groups(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Link every row to the first one of its group."""
    _, first, number = np.unique(group, return_index=True, return_inverse=True)
    return np.arange(len(group)), first[number]


def join_groups(group: np.ndarray, links: Links) -> np.ndarray:
    """Merge groups that are linked, directly or through others.

    Parameters
    ----------
    group : ndarray of shape (n_rows,), int
        Number of the group of each row, from 0.
    links : iterable of (ndarray, ndarray)
        Rows, and for each another row that must be in the same group, in any number of blocks.

    Returns
    -------
    joined : ndarray of shape (n_rows,), int
        Number of the merged group of each row, from 0.
    """
    for rows, others in links:
        ends = group[rows], group[others]
        is_link = ends[0] != ends[1]
        if is_link.any():  # most blocks join nothing
            n_groups = group.max() + 1
            edges = (np.ones(is_link.sum()), (ends[0][is_link], ends[1][is_link]))
            graph = coo_array(edges, shape=(n_groups, n_groups))
            group = connected_components(graph, directed=False)[1][group]
    return group


def find_duplicates(
    catalogue: pd.DataFrame, hashes: np.ndarray, is_read: np.ndarray
) -> Duplicates:
    """Compare each image of a catalogue with all others.

    Memory does not grow with the square of the number of images: only the distances of one block
    are in memory, and of the images that look the same only the first.

    Parameters
    ----------
    catalogue : DataFrame with columns `path` and `pair`
        The images.
    hashes : ndarray of shape (n_images, 4), uint64
        As from `perceptual_hashes`; zeros for images that must not be compared.
    is_read : ndarray of shape (n_images,), bool
        Whether the file can be read; others are not compared by content.

    Returns
    -------
    duplicates : Duplicates
        The images of one pair may look the same: they are compared only by content.
    """
    pairs = pd.factorize(catalogue.pair)[0]
    copy_of = _find_copies(catalogue.path.tolist(), is_read)
    similar_to = np.full(len(catalogue), _NONE)
    distance = np.full(len(catalogue), _NONE)

    def links() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        copies = np.flatnonzero(copy_of != _NONE)
        yield copies, copy_of[copies]
        for earlier, later, bits in _find_similar(hashes):
            others = pairs[earlier] != pairs[later]
            earlier, later, bits = earlier[others], later[others], bits[others]
            # Blocks are in the order of the rows, so the first one found is the first of all.
            rows, place = np.unique(later, return_index=True)
            new = similar_to[rows] == _NONE
            similar_to[rows[new]], distance[rows[new]] = earlier[place[new]], bits[place[new]]
            yield earlier, later

    group = join_groups(np.arange(len(catalogue)), links())
    return Duplicates(copy_of, similar_to, distance, group)


def _find_copies(paths: Sequence[PathLike], is_read: np.ndarray) -> np.ndarray:
    """Return for each file the first with the same content, or -1; read only files of one size.

    The content of a row of a store is its raster.
    """
    stored = digest_stored_rows(paths)
    rows_of_size = defaultdict(list)
    for row in np.flatnonzero(is_read).tolist():
        size = 0 if row in stored else Path(paths[row]).stat().st_size
        rows_of_size[size].append(row)
    copy_of = np.full(len(paths), _NONE)
    for rows in rows_of_size.values():
        first: dict[bytes, int] = {}
        for row in rows if len(rows) > 1 else []:
            content = stored[row] if row in stored else _digest_file(paths[row])
            if content in first:
                copy_of[row] = first[content]
            else:
                first[content] = row
    return copy_of


def _digest_file(path: PathLike) -> bytes:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()


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
    import imagehash  # not at the top: with SciPy's transforms it takes 0.3 seconds

    side = round(N_BITS**0.5)
    bits = np.zeros((len(rasters), N_BITS), dtype=bool)
    for row, raster in enumerate(rasters):
        if raster.std() >= _MIN_CONTRAST:
            image = Image.fromarray(raster)
            image = image.resize((COMPARED_SIDE, COMPARED_SIDE), Image.Resampling.BOX)
            bits[row] = imagehash.phash(image, side, COMPARED_SIDE // side).hash.ravel()
    return np.packbits(bits, axis=1).view(np.uint64)


def _find_similar(hashes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield, for each block, pairs of rows with similar hashes and the bits that differ."""
    rows = np.flatnonzero(hashes.any(axis=1))
    hashes = hashes[rows]
    words = np.ascontiguousarray(hashes.T)
    step = max(1, _BLOCK // max(1, len(rows)))
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        # Half of the bits exclude nearly all pairs of rows; the others are compared in full.
        half = np.bitwise_count(words[0, block, None] ^ words[0, None, start:])
        half += np.bitwise_count(words[1, block, None] ^ words[1, None, start:])
        i, j = np.nonzero(half <= MAX_DISTANCE)
        i, j = i[i < j] + start, j[i < j] + start
        bits = np.bitwise_count(hashes[i] ^ hashes[j]).sum(axis=1, dtype=int)
        near = bits <= MAX_DISTANCE
        if near.any():
            yield rows[i[near]], rows[j[near]], bits[near]
