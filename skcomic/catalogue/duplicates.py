"""Images that are equal or look the same, and the pairs that are joined because of them."""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from skcomic.catalogue.hashing import COMPARED_SIDE, hash_images
from skcomic.catalogue.looks import Looks
from skcomic.catalogue.validation import validate_catalogue
from skcomic.images.contents import file_digests, file_sizes
from skcomic.images.decoding import ImageFailure, PathLike
from skcomic.images.stored_rows import digest_stored_rows

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
    size = (COMPARED_SIDE, COMPARED_SIDE)
    hashes = hash_images(catalogue.path.tolist(), [size], None, n_jobs=n_jobs, cache=cache)
    if hashes.failures:
        _warn_unreadable(list(hashes.failures.values()))
    is_read = np.ones(len(catalogue), dtype=bool)
    is_read[list(hashes.failures)] = False
    return join_pairs(catalogue, find_duplicates(catalogue, hashes.looks, is_read))


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
    """Find, for each image of a catalogue, an earlier one with the same content or look.

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
    copy_of = _find_copies(catalogue.path.tolist(), is_read)
    copies = np.flatnonzero(copy_of != _NONE)
    looks = Looks(hashes, pd.factorize(catalogue.pair)[0])
    links = chain([(copies, copy_of[copies])], looks.links())
    group = join_groups(np.arange(len(catalogue)), links)
    similar_to = looks.similar_to()
    bits = np.bitwise_count(hashes ^ hashes[similar_to]).sum(axis=1, dtype=int)
    distance = np.where(similar_to == _NONE, _NONE, bits)
    return Duplicates(copy_of, similar_to, distance, group)


def _find_copies(paths: Sequence[PathLike], is_read: np.ndarray) -> np.ndarray:
    """Return for each file the first with the same content, or -1; read only files of one size.

    The content of a row of a store is its raster.
    """
    contents = digest_stored_rows(paths)
    files = [row for row in np.flatnonzero(is_read).tolist() if row not in contents]
    rows_of_size = defaultdict(list)
    for row, size in zip(files, file_sizes([paths[row] for row in files]), strict=True):
        rows_of_size[size].append(row)
    compared = [row for rows in rows_of_size.values() if len(rows) > 1 for row in rows]
    digests = file_digests([paths[row] for row in compared])
    contents |= dict(zip(compared, digests, strict=True))
    copy_of = np.full(len(paths), _NONE)
    first: dict[bytes, int] = {}
    for row in sorted(contents):
        earlier = first.setdefault(contents[row], row)
        if earlier != row:
            copy_of[row] = earlier
    return copy_of
